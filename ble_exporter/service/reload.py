"""Reloads the configuration of the running service, without a pause in listening and without losing a reading."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields, replace
from typing import NamedTuple

from ble_exporter.config.app_config import KEYS, AppConfig, warnings_of
from ble_exporter.config.stale_after import STALE_AFTER, is_too_short
from ble_exporter.errors import ConfigError
from ble_exporter.exporter.hosts import Hosts
from ble_exporter.service.scan_cycle import ScanCycle
from ble_exporter.service.systemd import READY, Notifier
from ble_exporter.tasks import in_daemon_thread
from ble_exporter.utils import number_of

_RELOADED = ("devices", "stale_after_seconds", "glitch_filter", "log_level", "allowed_hosts")
NEEDS_RESTART = {"adapter": "adapters", **{key: key for key in KEYS if key not in {"adapter", *_RELOADED}}}
"""The keys whose changes take effect only after a restart, with their attributes in AppConfig."""


InThread = Callable[[Callable[[], AppConfig]], Awaitable[AppConfig]]
"""Calls a function in a thread, as in_daemon_thread does."""


class ReloadSource(NamedTuple):
    """
    The source of a new configuration, and the ways to request it.

    Attributes:
        load: Reads and checks the configuration again; called in a thread. Raises a ConfigError.
        requested: Set to request a reload, for example by SIGHUP.
        is_served: Whether POST /-/reload reloads the configuration, too.
    """

    load: Callable[[], AppConfig]
    requested: asyncio.Event
    is_served: bool = False


class Outcome(NamedTuple):
    """
    The outcome of a reload.

    Attributes:
        is_ok: Whether the new configuration is in use.
        lines: The changes, or all errors of the new configuration.
    """

    is_ok: bool
    lines: list[str]


class Reload:
    """
    Reloads the configuration on request. If it has errors, the previous one stays in use.

    `config` is the configuration in use.
    """

    def __init__(
        self,
        config: AppConfig,
        source: ReloadSource,
        *,
        cycle: ScanCycle,
        hosts: Hosts,
        log: logging.Logger,
        notifier: Notifier,
        in_thread: InThread = in_daemon_thread,
    ) -> None:
        self._config = config
        self._source = source
        self._cycle = cycle
        self._hosts = hosts
        self._log = log
        self._notifier = notifier
        self._in_thread = in_thread
        self._waiting: list[asyncio.Future[Outcome]] = []

    async def run(self) -> None:
        """Reload the configuration whenever a reload is requested, until cancelled."""
        requested = self._source.requested
        while True:
            await requested.wait()
            # A request during a reload causes another reload, because the file may have changed since it was read.
            requested.clear()
            waiting, self._waiting = self._waiting, []
            outcome = await self._reload()
            for future in waiting:
                if not future.done():
                    future.set_result(outcome)

    async def reload(self) -> Outcome:
        """Request a reload, and return its outcome. All requests made before the reload begins share it."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._source.requested.set()
        return await future

    async def _reload(self) -> Outcome:
        # systemd must not mistake the end of a reload for the end of the start.
        has_started = self._cycle.has_started
        if has_started:
            self._notifier.notify_reloading()
        try:
            outcome = self._apply(await self._in_thread(self._source.load))
        except ConfigError as error:
            outcome = self._refuse([str(part) for part in error.parts])
        except Exception as error:
            # A bug must not end a service that works with its previous configuration. The text of an unknown error may
            # quote the file, which may contain bindkeys.
            self._log.exception("unexpected error in a reload")
            outcome = self._refuse([f"unexpected error ({type(error).__name__}): the log has more"])
        if has_started:
            # Even if the new configuration has errors, the service works as before.
            self._notifier.notify(READY)
        return outcome

    def _apply(self, loaded: AppConfig) -> Outcome:
        """Use a configuration. Raises a ConfigError, and then changes nothing."""
        if loaded.backup:
            # At a start, a backup is better than nothing; in a reload, the previous configuration is better.
            problem = f"is invalid since `discover --write` was interrupted; its old content is in {loaded.backup}"
            raise ConfigError(f"the file {problem}", "copy that back")
        old, counts = self._config, self._cycle.counts
        pending = {key: field for key, field in NEEDS_RESTART.items() if getattr(loaded, field) != getattr(old, field)}
        config = replace(loaded, **{field: getattr(old, field) for field in pending.values()})
        _check_limits(config)
        self._cycle.configure(config)
        self._config = config
        self._hosts.allow(config.allowed_hosts)
        self._log.setLevel(config.log_level)
        counts.has_reloaded, counts.loaded_s = True, counts.clock.now()
        for warning in warnings_of(config):
            self._log.warning("%s", warning)
        lines = [_compared(old, config)]
        self._log.info("reloaded the configuration: %s", *lines)
        if pending:
            lines.append(f"restart to apply the changes to {', '.join(pending)}")
            self._log.warning("%s", lines[-1])
        return Outcome(is_ok=True, lines=lines)

    def _refuse(self, lines: list[str]) -> Outcome:
        self._cycle.counts.has_reloaded = False
        for line in lines:
            self._log.error("the configuration was not reloaded, and the previous one stays in use: %s", line)
        return Outcome(is_ok=False, lines=lines)


def _check_limits(config: AppConfig) -> None:
    """Raise a ConfigError if values would expire during a pause between two scans of the running program."""
    pause_s = config.scan_interval_seconds - config.scan_duration_seconds
    for setting in (config.stale_after_seconds, *config.stale_after.values()):
        if is_too_short(setting, pause_s):
            problem = (
                f"{setting} is not longer than the pause of the running exporter between two scans ({pause_s:g} s)"
            )
            raise ConfigError(problem, "restart the exporter to apply the file", key=STALE_AFTER)


def _compared(old: AppConfig, new: AppConfig) -> str:
    """Return the number of devices, how many were added, removed or changed, and which settings of the file changed."""
    before, after = _devices(old), _devices(new)
    added = len(after.keys() - before.keys())
    removed = len(before.keys() - after.keys())
    changed = sum(before[address] != after[address] for address in before.keys() & after.keys())
    counts = {"added": added, "removed": removed, "changed": changed}
    parts = [f"{count} {what}" for what, count in counts.items() if count]
    settings = ", ".join(key for key in _RELOADED if key != "devices" and getattr(old, key) != getattr(new, key))
    text = f"{number_of(len(after), 'device')}, {', '.join(parts) or 'none changed'}"
    return f"{text}; changed settings: {settings}" if settings else text


def _devices(config: AppConfig) -> dict[str, tuple[object, ...]]:
    """Return the name and the settings of each device, by its address."""
    values = [getattr(config, field.name) for field in fields(config)]
    settings = [value for value in values if isinstance(value, Mapping)]
    return {address: tuple(one.get(address) for one in settings) for address in config.devices}
