"""
The file that keeps the replay guards' state across restarts, so that recordings are not accepted after a restart.

The file is in the folder that systemd creates for the unit's StateDirectory; without this folder there is no file. If
the file is lost or unusable, the program starts as if for the first time.

The guards are imported only if a device has a key, because their modules take 0.1 MB.
"""

import asyncio
import errno
import json
import logging
import os
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ble_exporter.device.clock import Clock
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.system.files import read_file

if TYPE_CHECKING:
    from ble_exporter.device.mark import Mark, Restored
    from ble_exporter.device.replay import ReplayGuard

FILE_NAME = "replay_state.json"

FIRST_SAVE_S = 30.0
SAVE_EVERY_S = 300.0
"""
Seconds before the first save, and between saves.

If the program is killed, the counters received since the last save are lost.
"""

Marks = Mapping[str, Sequence["Mark"]]
"""The marks of each device, by its address."""

InThread = Callable[[Callable[[Marks], None], Marks], Coroutine[object, None, None]]
"""Calls a function in a thread, as asyncio.to_thread does."""

# The maximum number of guards that are kept for devices that are no longer configured, or have another key now.
_MOST_UNUSED = 100
_VERSION = 1
# Enough for ten thousand devices. The digests of a device that restarted while it was heard take up to 45 kB.
MOST_BYTES = 4_000_000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def state_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder that systemd created for the unit's state; None without one. See systemd.exec(5)."""
    # A unit may have several state folders, separated by colons.
    first = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(first) if first.startswith("/") else None


def boot_id(path: Path = _BOOT_ID) -> str:
    """Return the identifier that the kernel creates at each boot; an empty string if it is not available."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


class ReplayState:
    """
    The state of all replay guards, and the file that keeps it.

    Args:
        folder: The folder of the file; None to keep nothing.
        keys: The bindkeys by address. The state of a device whose key has changed is ignored.
        counts: Counts the failed writes.
        boot: The kernel's boot identifier. Stored times of the boot clock are valid only during the same boot.
    """

    def __init__(
        self,
        folder: Path | None,
        keys: Mapping[str, bytes],
        counts: SelfMetrics,
        log: logging.Logger,
        *,
        clock: Clock,
        boot: str | None = None,
    ) -> None:
        self.path = None if folder is None else folder / FILE_NAME
        self._fingerprints: dict[str, str] = {}
        self._counts = counts
        self._log = log
        self._clock = clock
        self._boot = boot_id() if boot is None else boot
        # By address and key fingerprint, the most recently configured last.
        self._guards: dict[tuple[str, str], ReplayGuard] = {}
        self._is_failing = False
        self._writing = threading.Lock()
        # Key fingerprint and marks by address, from the file.
        self._restored: dict[str, tuple[str, list[Restored]]] = {}
        self.use_keys(keys)

    def use_keys(self, keys: Mapping[str, bytes]) -> None:
        """
        Use the bindkeys of a configuration.

        The state of a device belongs to its key: it is kept while the device has another key or is not configured, so
        that a mistake in the file, and its correction, do not make recordings valid.
        """
        if keys:
            # An import may fail, so it comes before any change, and not with the first guard.
            import_module("ble_exporter.device.replay")
        if self.path is not None and keys and not self._fingerprints:
            self._load(self.path)
        used = {address.upper(): _fingerprint(address.upper(), key) for address, key in keys.items()}
        self._fingerprints |= used
        unused = [known for known in self._guards if used.get(known[0]) != known[1]]
        for known in unused[: max(0, len(unused) - _MOST_UNUSED)]:
            del self._guards[known]
            if known[0] not in used:
                self._fingerprints.pop(known[0], None)

    @property
    def size(self) -> int:
        """The number of guards."""
        return len(self._guards)

    def guard(self, address: str, scan_interval_s: float) -> "ReplayGuard":
        """Return the guard of a device, with its state from before a reload or from an earlier run if there is one."""
        from ble_exporter.device.replay import ReplayGuard  # noqa: PLC0415 - see above

        fingerprint = self._fingerprints[address]
        guard = self._guards.pop((address, fingerprint), None)
        if guard is None:
            key, marks = self._restored.get(address, ("", []))
            guard = ReplayGuard(self._clock.now, scan_interval_s, marks if key == fingerprint else [])
        self._guards[address, fingerprint] = guard
        return guard

    async def keep(self, in_thread: InThread = asyncio.to_thread) -> None:
        """Save the state at intervals, until cancelled; return if there is no folder for it."""
        delay_s = FIRST_SAVE_S
        while self.path is not None:
            await asyncio.sleep(delay_s)
            delay_s = SAVE_EVERY_S
            marks = self._marks(with_digests=False)
            try:
                # A slow SD card must not delay the reception of advertisements.
                await in_thread(self._write, marks)
            except (OSError, RuntimeError) as error:
                # asyncio.to_thread raises a RuntimeError if no thread can be started.
                self._note_failure(error)
            else:
                self._is_failing = False

    def save(self) -> None:
        """Save the state, with the digests of known packets, at the end of the program."""
        try:
            self._write(self._marks(with_digests=True))
        except OSError as error:
            self._note_failure(error)

    def _note_failure(self, error: Exception) -> None:
        self._counts.state_write_failures += 1
        level = logging.DEBUG if self._is_failing else logging.WARNING
        self._is_failing = True
        text = "the state of the replay guard can't be written to %s (%s): a restart will forget the latest counters"
        self._log.log(level, text, self.path, error)

    def _marks(self, *, with_digests: bool) -> Marks:
        marks = {
            address: guard.marks(with_digests=with_digests)
            for (address, fingerprint), guard in self._guards.items()
            if fingerprint == self._fingerprints.get(address)
        }
        return {address: counters for address, counters in marks.items() if counters}

    def _text(self, marks: Marks) -> str:
        """Return the content of the file."""
        from ble_exporter.device.mark import entry_of  # noqa: PLC0415

        now = self._clock.now()
        devices = {
            address: {"key": self._fingerprints[address], "counters": [entry_of(mark) for mark in counters]}
            for address, counters in marks.items()
        }
        header = {"version": _VERSION, "boot": self._boot, "boot_s": now, "saved": self._clock.unix(now)}
        return json.dumps({**header, "devices": devices})

    def _write(self, marks: Marks) -> None:
        """Replace the file atomically: after a power cut, it has either the old or the new content."""
        if self.path is None or not marks:
            return
        text = self._text(marks)
        if len(text) > MOST_BYTES:
            # The counters matter more than the digests.
            text = self._text({address: [mark.without_digests() for mark in some] for address, some in marks.items()})
        if len(text) > MOST_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(self.path))
        temporary = self.path.with_suffix(".tmp")
        with self._writing:
            try:
                temporary.unlink(missing_ok=True)
                # The counters of a sensor are not secret, but nobody else needs them.
                file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with os.fdopen(file, "w", encoding="ascii") as stream:
                    stream.write(text)
                    stream.flush()
                    os.fsync(file)
                temporary.replace(self.path)
                _sync_folder(self.path.parent)
            except OSError:
                with suppress(OSError):
                    temporary.unlink()
                raise

    def _load(self, path: Path) -> None:
        from ble_exporter.device.mark import Restored, mark_of, member, number  # noqa: PLC0415

        try:
            document = json.loads(read_file(path, MOST_BYTES))
            started = self._clock.now()
            boot_s, saved = number(document, "boot_s"), number(document, "saved")
            if member(document, "version", int) != _VERSION:
                raise ValueError("it has another version")
            is_exact = bool(self._boot) and member(document, "boot", str) == self._boot and boot_s <= started

            def age_s() -> float:
                now = self._clock.now()
                # After a reboot, the time that the machine was off is unknown until the wall clock is set.
                return now - boot_s if is_exact else max(self._clock.unix(now) - saved, now - started)

            restored = {}
            for address, device in member(document, "devices", dict).items():
                marks = [mark_of(entry) for entry in member(device, "counters", list)]
                restored[address] = (
                    member(device, "key", str),
                    [Restored(mark, age_s, is_exact) for mark in marks],
                )
            self._restored = restored
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError) as error:
            text = "the state of the replay guard in %s can't be used (%s): the first packet of each device is accepted"
            self._log.warning(text, path, error.strerror if isinstance(error, OSError) else error)


def _fingerprint(address: str, key: bytes) -> str:
    """Return a hash that changes with the key, and does not reveal the key."""
    return blake2b(address.encode(), key=key, digest_size=8).hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
