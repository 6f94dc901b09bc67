"""
The real radio: BlueZ keeps an adapter scanning, and an ear receives the adapter's advertisements.

No ear notices every failure of the Bluetooth stack by itself; `stack_watch` and `watchdog` detect the failures.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from ble_exporter.config.app_config import DEFAULT_SILENCE_LIMIT_S, ScanMode
from ble_exporter.errors import LossReason, ResetOutcome, ScannerError
from ble_exporter.scanner import hints
from ble_exporter.scanner.bluez_dbus import Adapter, Bluez, connect
from ble_exporter.scanner.ear import Ear, Hearing
from ble_exporter.scanner.radio import Listener
from ble_exporter.scanner.session import packets_heard
from ble_exporter.scanner.stack_watch import StackWatch
from ble_exporter.scanner.watchdog import SilenceWatchdog
from ble_exporter.tasks import Tasks, within

if TYPE_CHECKING:
    from ble_exporter.scanner.healing import Healer

# BlueZ answers in milliseconds; if it has not answered within these times, it probably never will.
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0
# A stack that has failed is not expected to answer.
_GIVE_UP_TIMEOUT_S = 0.5

_log = logging.getLogger(__name__)


class BluezRadio:
    """
    Scans with a Bluetooth adapter of this machine.

    Args:
        make_ear: Makes the ear; called at the first run.
        adapter: The adapter's name ("hci0"); None for the powered adapter with the lowest number.
        silence_limit_s: Seconds of listening without any advertisement, after which the controller counts as hung; in
            a passive scan, the limit may be longer (`SilenceWatchdog.run`).
        mode: The configured scan mode.
        start_stop_lock: Shared by several radios, so that only one at a time starts or stops a scan. bleak serialises
            these calls anyway; the lock keeps a call that hangs from using up the timeouts of the other radios.
        healer: Resets an adapter that hangs. Without a healer, a hang ends `run` with an error.

    Attributes:
        adapters: Whether the adapter works, by its name; empty until an adapter is chosen.
        lost_events: The number of lost events, by adapter and reason.
        adapter_resets: The number of resets whose outcome is known, by adapter and outcome.
    """

    def __init__(
        self,
        make_ear: Callable[[], Awaitable[Ear]],
        adapter: str | None = None,
        silence_limit_s: float = DEFAULT_SILENCE_LIMIT_S,
        mode: ScanMode = "auto",
        start_stop_lock: asyncio.Lock | None = None,
        *,
        healer: "Healer | None" = None,
        connect_to_bluez: Callable[[], AbstractAsyncContextManager[Bluez]] = connect,
        make_watch: Callable[[Bluez], StackWatch] = StackWatch,
    ) -> None:
        self.adapters: dict[str, bool] = {}
        self.lost_events: Counter[tuple[str, LossReason]] = Counter()
        self.adapter_resets: Mapping[tuple[str, ResetOutcome], int] = healer.counts if healer else MappingProxyType({})
        self._make_ear = make_ear
        self._ear: Ear | None = None
        self._wanted = adapter
        self._mode = mode
        self._adapter = adapter or ""
        self._logged_choice = ""
        self._healer = healer
        self._watchdog = SilenceWatchdog(silence_limit_s, healer.note_heard if healer else None)
        self._start_stop_lock = start_stop_lock or asyncio.Lock()
        self._unstopped: ScannerError | None = None  # why the last scan could not be stopped
        self._logged: set[str] = set()  # the reasons for a restart of the scan that were already logged
        self._connect_to_bluez = connect_to_bluez
        self._make_watch = make_watch

    @property
    def silence(self) -> str | None:
        """The silence of the adapter, as described in `Radio.silence`."""
        if not self._watchdog.is_long:
            return self._healer.doubt if self._healer else None
        only_thermometers = self._ear is not None and self._ear.only_thermometers
        problem = hints.silent(round(self._watchdog.silent_s), only_thermometers=only_thermometers)
        return f"adapter {self._adapter}: {problem.text}"

    @property
    def is_resetting(self) -> bool:
        """Whether the adapter is being reset, as described in `Radio.is_resetting`."""
        return self._healer is not None and self._healer.is_resetting

    def catch_up(self) -> None:
        """Pass what was received so far to the listener, as described in `Radio.catch_up`."""
        if self._ear is not None:
            # If the ear can no longer hear, its own task fails, too, and ends the run.
            with suppress(ScannerError):
                self._ear.catch_up()

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Listen, as described in `Radio.run`; after a reset, listen again."""
        has_started = False

        def note_start() -> None:
            nonlocal has_started
            if not has_started:
                has_started = True
                started()

        if self._healer and self._unstopped:
            await self._healer.heal(self._unstopped)
            self._unstopped = None
        while True:
            try:
                await self._run(listener, note_start)
            except ScannerError as error:  # noqa: PERF203 - it is rare
                # The silence of this run must not count towards that of the next run.
                if self._watchdog.reset() and error.symptom == "silent":
                    _log.debug(
                        "adapter %s: a packet arrived while the silent scan was being stopped",
                        error.adapter,
                        extra={"adapter": error.adapter},
                    )
                    continue
                if self._healer is None:
                    raise
                await self._healer.heal(error)
            else:
                return

    async def _run(self, listener: Listener, started: Callable[[], None]) -> None:
        ear = self._ear = self._ear or await self._make_ear()
        try:
            await self._listen(ear, listener, started)
        except ScannerError:
            # The next run must use neither the service data nor the channel of this run.
            ear.forget()
            if self._adapter:
                self.adapters[self._adapter] = False
            raise

    async def _listen(self, ear: Ear, listener: Listener, started: Callable[[], None]) -> None:
        async with self._connect_to_bluez() as bluez:
            if self._healer:
                await self._healer.check_power(bluez, self._wanted)
            watch = self._make_watch(bluez)
            await ear.connect()
            adapter = await self._choose(watch)
            hearing = Hearing(listener, self._watchdog.note_heard, self._note_lost)
            self._log_choice(f"{adapter.name}, {await ear.prepare(bluez, adapter, self._mode, hearing)}")
            async with self._scanning(ear, bluez), Tasks() as tasks:
                self.adapters[self._adapter] = True
                if self._healer:
                    self._healer.note_listening(self._adapter)
                started()
                tasks.start(ear.run())
                tasks.start(watch.run())
                if not ear.is_passive:
                    tasks.start(self._keep_discovering(ear, watch))
                watching = self._watchdog.run(
                    self._adapter, only_thermometers=ear.only_thermometers, catch_up=ear.catch_up
                )
                tasks.start(watching)
                await tasks.wait()

    async def _keep_discovering(self, ear: Ear, watch: StackWatch) -> None:
        """
        Restart the active scan when bluetoothd has ended it, or after a long silence: other programs can cause both.

        After a long silence, the new scan has a filter against the patterns of other programs, if bluetoothd accepts
        it. Raises a ScannerError if bluetoothd has ended the scan and either does not start it again, or ends it again
        before anything is heard.
        """
        heard_before = -1
        while True:
            async with Tasks() as tasks:
                end = tasks.start(watch.wait_until_idle())
                await tasks.wait(end, tasks.start(self._watchdog.wait_for_long_silence()))
                has_ended = end.done()
            # bluetoothd refuses to stop a scan that it has ended, but `stop` also delivers what the ear has received.
            with suppress(ScannerError):
                await self._ask(ear, "stop", STOP_TIMEOUT_S)
            if has_ended:
                self._watchdog.check()
                if self._watchdog.heard_checks == heard_before:
                    raise ScannerError(*hints.ENDED_AGAIN, adapter=self._adapter)
                heard_before = self._watchdog.heard_checks
            why = hints.ENDED if has_ended else hints.LONG_SILENCE
            _log.log(
                logging.DEBUG if why in self._logged else logging.WARNING,
                "adapter %s: %s; restarting the scan",
                self._adapter,
                why,
            )
            self._logged.add(why)
            try:
                await self._start_again(ear, ignores_patterns=not has_ended)
            except ScannerError as error:
                if has_ended:
                    raise ScannerError(*hints.not_started_again(error), adapter=self._adapter) from error
                # The controller may hang; the watchdog reports that when the silence reaches its limit.
                _log.debug("%s", error)

    async def _start_again(self, ear: Ear, *, ignores_patterns: bool) -> None:
        """Start a stopped scan; if starting with `ignores_patterns` fails, start without it. Raises ScannerError."""
        try:
            await self._ask(ear, "start", START_TIMEOUT_S, ignores_patterns=ignores_patterns)
        except ScannerError:
            if not ignores_patterns:
                raise
            await self._ask(ear, "start", START_TIMEOUT_S)

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """Listen for `duration_s` seconds; return address and service data of every BTHome packet heard, in order."""
        return await packets_heard(self, duration_s)

    async def _choose(self, watch: StackWatch) -> Adapter:
        adapter = await watch.choose(self._wanted)
        if adapter.name != self._adapter:
            self.adapters.clear()  # the adapter of the last scan is no longer used
            self._adapter = adapter.name
        return adapter

    def _log_choice(self, choice: str) -> None:
        if choice != self._logged_choice:
            _log.info("scanning with %s", choice)
            self._logged_choice = choice

    def _note_lost(self, reason: LossReason, number: int) -> None:
        self.lost_events[self._adapter, reason] += number

    @asynccontextmanager
    async def _scanning(self, ear: Ear, bluez: Bluez) -> AsyncIterator[None]:
        """Keep the adapter scanning until a cancellation or an error ends the block."""
        await self._ask(ear, "start", START_TIMEOUT_S)
        try:
            yield
        except ScannerError:
            # After a failure of the stack, the scan has ended anyway; if D-Bus still works, the ear may be able to
            # clean up.
            if bluez.is_connected:
                with suppress(ScannerError):
                    await self._ask(ear, "stop", _GIVE_UP_TIMEOUT_S)
            raise
        except BaseException:
            try:
                await self._ask(ear, "stop", STOP_TIMEOUT_S)
            except ScannerError as error:
                if not (self._healer and error.symptom):
                    raise
                # The program may be ending, so only the next run resets the adapter.
                _log.warning("%s", error)
                self._unstopped = error
            raise

    async def _ask(
        self, ear: Ear, action: Literal["start", "stop"], timeout_s: float, *, ignores_patterns: bool = False
    ) -> None:
        """Start or stop the scan. Raises ScannerError."""
        try:
            async with self._start_stop_lock:
                work = ear.start(ignores_patterns=ignores_patterns) if action == "start" else ear.stop()
                await within(timeout_s, work)
        except asyncio.TimeoutError:
            problem = hints.not_in_time(action, timeout_s)
            raise ScannerError(*problem, adapter=self._adapter) from None
        except ScannerError as error:
            is_stuck = action == "stop" and error.symptom == "rejected"
            problem = hints.NOT_STOPPED if is_stuck else hints.problem_of(error)
            raise ScannerError(*problem, adapter=self._adapter) from error
