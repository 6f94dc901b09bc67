"""
Resets an adapter that hangs, by a power cycle over D-Bus, and notes whether that helped.

`reset_policy` has the rules; docs/watchdog.md explains them. The adapter is not reset against anybody's will: not if it
was powered off or blocked, not while a device is connected, and not if another program scans.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

from ble_exporter.errors import ResetOutcome, ScannerError, Symptom
from ble_exporter.scanner import hints
from ble_exporter.scanner.bluez_dbus import Adapter, Bluez, connect
from ble_exporter.scanner.inspection import blocking
from ble_exporter.scanner.reset_policy import MOST_FRUITLESS, MOST_PER_HOUR
from ble_exporter.scanner.reset_record import ResetRecord
from ble_exporter.tasks import uninterrupted
from ble_exporter.utils import in_words

# A controller that does not answer lets the kernel wait for 2 s or, while it starts, for 10 s.
ANSWER_TIMEOUT_S = 12.0
# Some controllers need a moment without power, and bluetoothd one to notice a change.
PAUSE_S = 1.0
_POWER_ON_ATTEMPTS = 2

LONGEST_RESET_S = (1 + _POWER_ON_ATTEMPTS) * ANSWER_TIMEOUT_S + _POWER_ON_ATTEMPTS * PAUSE_S
"""The longest power cycle. (If bluetoothd can't be reached, there is none.)"""

_log = logging.getLogger(__name__)


class Healer:
    """
    Resets the adapter of one radio.

    Args:
        record: The earlier resets, which all radios share.
        root: The folder that contains /sys.

    Attributes:
        counts: The number of resets whose outcome is known, by adapter and outcome.
    """

    def __init__(
        self,
        record: ResetRecord,
        root: Path = Path("/"),
        *,
        connect_to_bluez: Callable[[], AbstractAsyncContextManager[Bluez]] = connect,
    ) -> None:
        self.counts: Counter[tuple[str, ResetOutcome]] = Counter()
        self._record = record
        self._root = root
        self._connect_to_bluez = connect_to_bluez
        self._adapter = ""  # the one that listens
        self._resetting = ""  # the one that is being reset, or will be
        self._pending = ""  # the one whose reset has not shown its outcome yet
        self._reset_at = 0.0

    @property
    def is_resetting(self) -> bool:
        """Whether a reset is under way, or the wait for one."""
        return bool(self._resetting)

    @property
    def doubt(self) -> str | None:
        """Why no readings arrive because of a reset, as described in `Radio.silence`; otherwise None."""
        if self._resetting:
            return f"adapter {self._resetting}: it is being reset"
        return f"adapter {self._pending}: nothing was heard since its reset" if self._pending else None

    async def restore(self, bluez: Bluez, wanted: str | None) -> None:
        """Power on the adapters that an interrupted reset has left off. Raises ScannerError."""
        for name in self._record.left_off(wanted):
            try:
                adapters = await bluez.adapters()
                if name in adapters and not adapters[name].is_powered:
                    await self._power_on(bluez, name)
            except ScannerError as error:
                raise ScannerError(*hints.left_off(error), adapter=name) from error
            self._note_power(name, is_on=True)

    def note_listening(self, adapter: str) -> None:
        """Note which adapter listens from now on; another one says nothing about a reset."""
        self._adapter = adapter
        if self._pending not in ("", adapter):
            self._end_reset("silent")

    def note_heard(self) -> None:
        """Note that something was heard; the watchdog calls this at most once a second."""
        resets = self._record.of(self._adapter)
        if self._pending:
            after = in_words(asyncio.get_running_loop().time() - self._reset_at)
            _log.info("adapter %s: the reset has helped: something was heard again after %s", self._pending, after)
            self._end_reset("heard")
        if resets.fruitless:
            resets.fruitless = 0
            self._record.save()
            self._record.withdraw()

    async def heal(self, error: ScannerError) -> None:
        """
        Reset the adapter if the error shows that it hangs, and return when a new scan may begin.

        Raises a ScannerError if the adapter is not reset, or not again.
        """
        if self._pending:
            _log.warning("adapter %s: nothing was heard after the reset", self._pending)
            self._end_reset("silent")
        if error.symptom == "blocked":
            self._record.request(error.adapter)
        if error.symptom not in ("silent", "rejected") or not error.adapter:
            raise error
        self._resetting = error.adapter
        try:
            while not await self._reset(error):
                pass
        finally:
            self._resetting = ""

    async def _reset(self, error: ScannerError) -> bool:
        """Wait as long as the rules demand, and reset the adapter; return whether that worked. Raises ScannerError."""
        adapter = error.adapter
        wait_s = self._record.of(adapter).wait_s(asyncio.get_running_loop().time())
        if wait_s is None:
            self._record.request(adapter)
            raise ScannerError(*hints.not_reset(error, self._why_not_again(adapter)), adapter=adapter) from error
        when = f" in {in_words(wait_s)}" if wait_s >= 1 else ""
        _log.warning("adapter %s: %s: it is powered off and on%s", adapter, error.problem, when)
        await asyncio.sleep(wait_s)
        # The adapter must not stay off because a scan is over, or the program ends.
        return await uninterrupted(self._power_cycle(error))

    def _why_not_again(self, adapter: str) -> str:
        resets = self._record.of(adapter)
        state = ", and is powered off since" if resets.is_off else ""
        if resets.fruitless >= MOST_FRUITLESS:
            return f"it was reset {MOST_FRUITLESS} times without effect{state}"
        return f"it was reset {MOST_PER_HOUR} times within an hour{state}"

    async def _power_cycle(self, error: ScannerError) -> bool:
        """Power the adapter off and on, if nothing forbids it; return whether that worked. Raises ScannerError."""
        adapter = error.adapter
        async with self._connect_to_bluez() as bluez:
            adapters = await bluez.adapters()
            refusal = self._refusal(bluez, adapter, adapters.get(adapter), error.symptom)
            if refusal:
                problem = hints.not_reset(error, f"it was not reset, because {refusal}")
                raise ScannerError(*problem, adapter=adapter) from error
            self._reset_at = asyncio.get_running_loop().time()
            self._record.of(adapter).begin(self._reset_at)
            self._record.save()
            self._pending = adapter
            try:
                if not self._record.of(adapter).is_off:
                    await self._power_off(bluez, adapter)
                await asyncio.sleep(PAUSE_S)
                await self._power_on(bluez, adapter)
            except ScannerError as failure:
                what = f"it can't be powered {'on' if self._record.of(adapter).is_off else 'off'}"
                _log.warning("adapter %s: the reset failed: %s (%s)", adapter, what, failure.problem)
                self._end_reset("failed")
                return False
            return True

    def _refusal(self, bluez: Bluez, name: str, adapter: Adapter | None, symptom: Symptom) -> str:
        """Return why the adapter must not be reset; an empty string if it may be reset."""
        if adapter is None:
            return "bluetoothd does not have it any more"
        if any(switch.device == name for switch in blocking(self._root)):
            return "it is blocked by rfkill"
        if not adapter.is_powered and not self._record.of(name).is_off:
            return "somebody has powered it off"
        if any(path.startswith(f"/org/bluez/{name}/") for path in bluez.connected_devices):
            return "a device is connected to it"
        if symptom == "rejected" and adapter.is_discovering:
            return "another program scans with it"
        return ""

    async def _power_off(self, bluez: Bluez, adapter: str) -> None:
        # Noted before, so that an adapter that a killed program has powered off is powered on again.
        self._note_power(adapter, is_on=False)
        try:
            await bluez.set_powered(adapter, is_on=False, timeout_s=ANSWER_TIMEOUT_S)
        except ScannerError:
            # The kernel keeps a controller on that does not obey when it must stop scanning.
            with suppress(ScannerError):
                await self._power_on(bluez, adapter)
            raise

    async def _power_on(self, bluez: Bluez, adapter: str) -> None:
        """Power the adapter on, in several attempts. Raises ScannerError."""
        for attempt in range(1, _POWER_ON_ATTEMPTS + 1):
            try:
                await bluez.set_powered(adapter, is_on=True, timeout_s=ANSWER_TIMEOUT_S)
                break
            except ScannerError:
                if attempt == _POWER_ON_ATTEMPTS:
                    raise
            await asyncio.sleep(PAUSE_S)
        self._note_power(adapter, is_on=True)

    def _note_power(self, adapter: str, *, is_on: bool) -> None:
        self._record.of(adapter).is_off = not is_on
        self._record.save()

    def _end_reset(self, outcome: ResetOutcome) -> None:
        self.counts[self._pending, outcome] += 1
        self._pending = ""
