"""
Resets an adapter that hangs, by a power cycle over D-Bus, and notes whether that helped.

`reset_policy` has the rules; docs/watchdog.md explains them. The adapter is not reset against anybody's will: not if it
was powered off or blocked, not while a device is connected, and, after a rejected scan, not while another program
scans.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

from ble_exporter.errors import ResetOutcome, ScannerError, Symptom
from ble_exporter.scanner import bluez_dbus, hints
from ble_exporter.scanner.bluez_dbus import Adapter, Bluez, connect
from ble_exporter.scanner.inspection import blocking
from ble_exporter.scanner.reset_policy import MOST_FRUITLESS, MOST_PER_HOUR
from ble_exporter.scanner.reset_record import ResetRecord
from ble_exporter.tasks import uninterrupted
from ble_exporter.utils import in_words

# If a controller does not answer, the kernel waits for 2 s, or for 10 s while the controller starts.
ANSWER_TIMEOUT_S = 12.0
# Some controllers must be without power for a moment, and bluetoothd needs time to notice a change.
PAUSE_S = 1.0
_POWER_ON_ATTEMPTS = 2

LONGEST_RESET_S = (
    bluez_dbus.ANSWER_TIMEOUT_S + (1 + _POWER_ON_ATTEMPTS) * ANSWER_TIMEOUT_S + _POWER_ON_ATTEMPTS * PAUSE_S
)
"""The longest time in seconds that a reset may take; a reset can't be interrupted."""

# A scan that bluetoothd rejects or does not stop is first retried: bluetoothd also rejects one while it connects to a
# device, for example.
MOST_RETRIES = 2
RETRY_S = 2.0

_log = logging.getLogger(__name__)


class Healer:
    """
    Resets the adapter of one radio.

    Args:
        record: The earlier resets of all adapters; all radios share this record.
        root: The folder that contains /sys.

    Attributes:
        counts: The number of resets whose outcome is known, by adapter and outcome, for all radios.
    """

    def __init__(
        self,
        record: ResetRecord,
        root: Path = Path("/"),
        *,
        connect_to_bluez: Callable[[], AbstractAsyncContextManager[Bluez]] = connect,
    ) -> None:
        self.counts: Mapping[tuple[str, ResetOutcome], int] = record.counts
        self._record = record
        self._root = root
        self._connect_to_bluez = connect_to_bluez
        self._adapter = ""  # the one that listens
        self._resetting = ""  # the one that is being reset, or will be
        self._pending = ""  # the one whose reset has no known outcome yet
        self._reset_at = 0.0
        self._retries = 0  # the retries since anything was heard, or since the last reset

    @property
    def is_resetting(self) -> bool:
        """Whether the adapter is being reset, or waits for its reset."""
        return bool(self._resetting)

    @property
    def doubt(self) -> str | None:
        """The reset that explains why no readings arrive, as text for `Radio.silence`; None without such a reset."""
        if self._resetting:
            return f"adapter {self._resetting}: it is being reset"
        return f"adapter {self._pending}: nothing has been heard since its reset" if self._pending else None

    async def check_power(self, bluez: Bluez, wanted: str | None) -> None:
        """Raise a ScannerError if a reset has left the adapter off and no other is usable; `heal` then powers it on."""
        for name in self._record.left_off(wanted):
            adapters = await bluez.adapters()
            if name not in adapters or adapters[name].is_powered:
                self._note_power(name, is_on=True)
            elif wanted is None and any(it.is_powered and it.can_scan for it in adapters.values()):
                _log.debug("adapter %s: %s; another one is used", name, hints.LEFT_OFF.text, extra={"adapter": name})
            else:
                raise ScannerError(*hints.LEFT_OFF, adapter=name)

    def note_listening(self, adapter: str) -> None:
        """Note which adapter listens from now on. A pending reset of another adapter ends as "silent"."""
        self._adapter = adapter
        if self._pending not in ("", adapter):
            self._end_reset("silent")

    def note_heard(self) -> None:
        """Note that something was heard; the watchdog calls this at a check."""
        self._retries = 0
        resets = self._record.of(self._adapter)
        if self._pending:
            after = in_words(asyncio.get_running_loop().time() - self._reset_at)
            _log.info(
                "adapter %s: the reset has helped: something was heard again after %s",
                self._pending,
                after,
                extra={"adapter": self._pending},
            )
            self._end_reset("heard")
        if resets.fruitless or resets.needs_root:
            resets.fruitless, resets.needs_root = 0, False
            self._record.save()

    async def heal(self, error: ScannerError) -> None:
        """
        Reset the adapter if the error shows that the adapter hangs, and return when a new scan may begin.

        If bluetoothd rejected a scan or did not stop it, the first MOST_RETRIES calls in a row only wait. Raises a
        ScannerError if the adapter is not reset (again).
        """
        if error.symptom in ("rejected", "not_stopped") and self._retries < MOST_RETRIES:
            self._retries += 1
            _log.info("%s; restarting the scan in %g s", error, RETRY_S)
            await asyncio.sleep(RETRY_S)
            return
        self._retries = 0
        if self._pending:
            _log.warning(
                "adapter %s: nothing was heard after the reset", self._pending, extra={"adapter": self._pending}
            )
            self._end_reset("silent")
        if not (error.symptom and error.adapter):
            raise error
        if error.symptom == "blocked":
            self._ask_root(error.adapter)
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
            self._ask_root(adapter)
            raise ScannerError(*hints.not_reset(error, self._why_not_again(adapter)), adapter=adapter) from error
        when = f" in {in_words(wait_s)}" if wait_s >= 1 else ""
        _log.warning(
            "adapter %s: %s: a power cycle follows%s", adapter, error.problem, when, extra={"adapter": adapter}
        )
        await asyncio.sleep(wait_s)
        # The adapter must not stay off because a scan or the program ends during the reset.
        return await uninterrupted(self._power_cycle(error))

    def _why_not_again(self, adapter: str) -> str:
        resets = self._record.of(adapter)
        state = ", and has been powered off since" if resets.is_off else ""
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
                _log.warning(
                    "adapter %s: the reset failed: %s (%s)", adapter, what, failure.problem, extra={"adapter": adapter}
                )
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
        # Noted first: if the program is killed after powering the adapter off, it powers the adapter on when it starts.
        self._note_power(adapter, is_on=False)
        try:
            await bluez.set_powered(adapter, is_on=False, timeout_s=ANSWER_TIMEOUT_S)
        except ScannerError:
            # If a controller does not obey the command to stop scanning, the kernel leaves it on.
            with suppress(ScannerError):
                await self._power_on(bluez, adapter)
            raise

    async def _power_on(self, bluez: Bluez, adapter: str) -> None:
        """Power the adapter on, in several attempts. Raises ScannerError."""
        for _ in range(_POWER_ON_ATTEMPTS - 1):
            with suppress(ScannerError):
                await bluez.set_powered(adapter, is_on=True, timeout_s=ANSWER_TIMEOUT_S)
                break
            await asyncio.sleep(PAUSE_S)
        else:
            await bluez.set_powered(adapter, is_on=True, timeout_s=ANSWER_TIMEOUT_S)
        self._note_power(adapter, is_on=True)

    def _ask_root(self, adapter: str) -> None:
        self._record.of(adapter).ask_root(asyncio.get_running_loop().time())
        self._record.save()

    def _note_power(self, adapter: str, *, is_on: bool) -> None:
        self._record.of(adapter).is_off = not is_on
        self._record.save()

    def _end_reset(self, outcome: ResetOutcome) -> None:
        self._record.count(self._pending, outcome)
        self._pending = ""
