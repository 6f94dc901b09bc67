"""
The real radio's scanner, without the radio: what it makes of bleak's callbacks and errors.

The errors here are those that bleak raises on a real Bluetooth stack. The scenarios no_dbus, no_bluetoothd, no_adapter,
named_adapter_missing and three_sensors of the radio rig keep this file honest.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from bleak.exc import BleakDBusError, BleakError

from ble_exporter.errors import ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner import BleakScannerImpl, Everything, bleak_scanner, run_for
from ble_exporter.scanner.bluez_dbus import Adapter

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]
ADDRESS = "A4:C1:38:00:00:01"


class Bleak:
    """In place of bleak's scanner: hears what a test lays on air, and fails as a test wants."""

    air: list[tuple[str, int, dict[str, bytes]]]
    names: dict[str, str]
    at_start: Exception | None
    at_stop: Exception | None
    hangs: str
    options: list[dict[str, Any]]
    starts_in_s: float
    running: int

    def __init__(
        self, callback: Callable[[object, object], None], *, scanning_mode: str, bluez: dict[str, Any]
    ) -> None:
        self._callback = callback
        self.options.append({"mode": scanning_mode, **bluez})

    async def start(self) -> None:
        """Start, hearing all that is on air at once."""
        if self.hangs == "start":
            await asyncio.Event().wait()
        await asyncio.sleep(self.starts_in_s)
        if self.at_start is not None:
            raise self.at_start
        type(self).running += 1
        for address, rssi, service_data in self.air:
            data = SimpleNamespace(
                local_name=self.names.get(address),
                rssi=rssi,
                service_data=service_data,
                platform_data=(address, {"ServiceData": service_data}),
            )
            # bleak swallows what a callback raises; so does asyncio here.
            asyncio.get_running_loop().call_soon(self._callback, SimpleNamespace(address=address), data)

    async def stop(self) -> None:
        """Stop."""
        if self.hangs == "stop":
            await asyncio.Event().wait()
        if self.at_stop is not None:
            raise self.at_stop
        type(self).running -= 1


class SoundStack:
    """In place of the watch: a stack on which nothing goes away. test_stack.py has what happens if something does."""

    is_connected = True
    kept: Mapping[str, Mapping[str, bytes]] = MappingProxyType({})

    async def choose(self, wanted: str | None) -> Adapter:
        """Take the wanted adapter, or hci0."""
        return Adapter(wanted or "hci0", is_powered=True, can_scan=True, can_monitor=True)

    async def register(self, _monitor: object) -> None:
        """Take the monitor."""

    async def watch(self) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()


@asynccontextmanager
async def sound_stack() -> AsyncIterator[SoundStack]:
    """Connect to it."""
    yield SoundStack()


@pytest.fixture(autouse=True)
def bleak(monkeypatch: pytest.MonkeyPatch) -> type[Bleak]:
    """Put the stand-in into its place, with nothing on air and nothing wrong."""
    Bleak.names = {}
    Bleak.air, Bleak.at_start, Bleak.at_stop, Bleak.hangs = [], None, None, ""
    Bleak.options, Bleak.starts_in_s, Bleak.running = [], 0.0, 0
    monkeypatch.setattr(bleak_scanner, "BleakScanner", Bleak)
    # Nor may the bus of the machine that runs the tests be asked anything.
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
    monkeypatch.setattr(bleak_scanner, "connected", sound_stack)
    return Bleak


def test_what_bleak_hears_is_delivered(bleak: type[Bleak], in_virtual_time: InVirtualTime) -> None:
    """Address, RSSI and bytes as they came, with the time."""
    bleak.air = [(ADDRESS, -61, {UUID: b"\x40"})]
    heard: list[Advertisement] = []

    in_virtual_time(run_for(BleakScannerImpl(clock=lambda: 1000.0), Everything(heard.append), 5))

    assert [Advertisement(ADDRESS, {UUID: b"\x40"}, 1000.0, -61, "hci0")] == heard
    assert bleak.running == 0


def test_what_a_device_calls_itself_is_told(bleak: type[Bleak], in_virtual_time: InVirtualTime) -> None:
    """By "ATC_000001" a user recognises a sensor; most devices never say a name."""
    nameless = "A4:C1:38:00:00:02"
    bleak.air = [(ADDRESS, -61, {}), (nameless, -70, {})]
    bleak.names = {ADDRESS: "ATC_000001"}
    heard: list[Advertisement] = []

    in_virtual_time(run_for(BleakScannerImpl(), Everything(heard.append), 5))

    assert {ADDRESS: "ATC_000001", nameless: ""} == {one.address: one.name for one in heard}


def test_a_callback_without_rssi_is_no_packet(bleak: type[Bleak], in_virtual_time: InVirtualTime) -> None:
    """BlueZ sends one with old service data for each device it forgets: a value that nobody heard."""
    bleak.air = [(ADDRESS, -127, {UUID: b"\x40"})]

    assert in_virtual_time(BleakScannerImpl().scan(5)) == []


def test_the_adapter_is_the_configured_one(bleak: type[Bleak], in_virtual_time: InVirtualTime) -> None:
    """With two adapters and none named, bleak takes one at random."""
    in_virtual_time(BleakScannerImpl("hci1").scan(1))
    in_virtual_time(BleakScannerImpl().scan(1))

    assert [options.get("adapter") for options in bleak.options] == ["hci1", "hci0"]


def test_a_bug_in_the_callback_is_not_swallowed(bleak: type[Bleak], in_virtual_time: InVirtualTime) -> None:
    """Bleak goes on scanning over an exception in the callback: deaf, and nobody the wiser."""
    bleak.air = [(ADDRESS, -61, {UUID: b"\x40"}), (ADDRESS, -61, {UUID: b"\x40"})]

    def deliver(_advertisement: Advertisement) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        in_virtual_time(run_for(BleakScannerImpl(), Everything(deliver), 5))
    assert bleak.running == 0


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BleakError("something\nelse"), "adapter hci9: something else"),
        (BleakDBusError("org.bluez.Error.NotReady", []), "powered off"),
        (BleakDBusError("org.bluez.Error.InProgress", []), "another program may be scanning"),
        (BleakDBusError("org.bluez.Error.Failed", ["what BlueZ says"]), "what BlueZ says"),
        (FileNotFoundError(2, "No such file or directory"), "D-Bus can't be reached ([Errno 2] No such file"),
        (EOFError(), "D-Bus can't be reached (EOFError)"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_an_error_at_the_start_names_the_cause_and_the_remedy(
    bleak: type[Bleak], in_virtual_time: InVirtualTime, error: Exception, said: str
) -> None:
    """It is the one line that a user sees: not a class name, and not a traceback."""
    bleak.at_start = error

    with pytest.raises(ScannerError) as caught:
        in_virtual_time(BleakScannerImpl("hci9").scan(5))

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error", [BleakDBusError("org.bluez.Error.Failed", ["gone"]), OSError("gone"), EOFError("gone")]
)
def test_an_error_at_the_stop_is_a_failed_scan(
    bleak: type[Bleak], in_virtual_time: InVirtualTime, error: Exception
) -> None:
    """That is how a bluetoothd or a D-Bus that died in mid-scan shows itself."""
    bleak.at_stop = error

    with pytest.raises(ScannerError, match=r"Bluetooth failed during the scan \(.*gone"):
        in_virtual_time(BleakScannerImpl().scan(5))


@pytest.mark.parametrize("what", ["start", "stop"])
def test_a_stack_that_does_not_answer_is_a_failure(
    bleak: type[Bleak], in_virtual_time: InVirtualTime, what: str
) -> None:
    """A scan that waits for ever is a process that lives on deaf."""
    bleak.hangs = what

    with pytest.raises(ScannerError, match=f"adapter hci0: the scan did not {what} within"):
        in_virtual_time(BleakScannerImpl("hci0").scan(30))


def test_a_start_that_takes_as_long_as_the_scan_is_no_trap(bleak: type[Bleak], in_virtual_time: InVirtualTime) -> None:
    """Before Python 3.12 a cancellation in that very moment was lost by asyncio.wait_for: the scan never ended."""
    bleak.starts_in_s = 5.0
    bleak.air = [(ADDRESS, -61, {UUID: b"\x40"})]

    assert in_virtual_time(BleakScannerImpl().scan(5)) == [(ADDRESS, b"\x40")]
    assert bleak.running == 0


def test_a_callback_that_repeats_old_service_data_says_nothing(
    bleak: type[Bleak], in_virtual_time: InVirtualTime
) -> None:
    """BlueZ keeps it, and bleak gives it again with a name: the temperature of a sensor that sends none any more."""
    first, second = {UUID: b"\x40\x01\x61"}, {UUID: b"\x40\x01\x61"}
    bleak.air = [(ADDRESS, -61, said) for said in (first, first, second, second)]
    heard: list[Advertisement] = []

    in_virtual_time(run_for(BleakScannerImpl(), Everything(heard.append), 5))

    assert [advertisement.service_data for advertisement in heard] == [first, {}, second, {}]


def test_what_a_passive_scan_adds_up_is_taken_apart(bleak: type[Bleak], in_virtual_time: InVirtualTime) -> None:
    """A sensor set to another format: BlueZ goes on telling of what it sent before: a value that would not die."""
    old, new = {"old": b"\x01"}, [{"new": bytes([number])} for number in range(3)]
    bleak.air = [(ADDRESS, -61, said) for said in (old, {**old, **new[0]}, {**old, **new[1]}, {**old, **new[2]})]
    heard: list[Advertisement] = []

    in_virtual_time(run_for(BleakScannerImpl(mode="passive"), Everything(heard.append), 5))

    assert [old, *new] == [advertisement.service_data for advertisement in heard]


def test_what_a_device_sends_at_once_is_heard_at_once(bleak: type[Bleak], in_virtual_time: InVirtualTime) -> None:
    """Of two formats in one packet the one that did not change was heard too: an active scan tells of nothing else."""
    packets = [{"one": b"\x01", "two": bytes([number])} for number in range(3)]
    bleak.air = [(ADDRESS, -61, said) for said in packets]
    heard: list[Advertisement] = []

    in_virtual_time(run_for(BleakScannerImpl(mode="active"), Everything(heard.append), 5))

    assert packets == [advertisement.service_data for advertisement in heard]


def test_a_device_that_is_forgotten_and_comes_back_is_heard(bleak: type[Bleak], in_virtual_time: InVirtualTime) -> None:
    """Its first packet may be, byte for byte, its last one: nothing of it changed, and all of it was heard."""
    both = [{"one": b"\x01", "two": b"\x02"}, {"one": b"\x01", "two": b"\x02"}]
    bleak.air = [(ADDRESS, -61, said) for said in both]
    heard: list[Advertisement] = []

    in_virtual_time(run_for(BleakScannerImpl(mode="passive"), Everything(heard.append), 5))

    assert both == [advertisement.service_data for advertisement in heard]


class OnlyCounting:
    """A listener that wants nobody."""

    def __init__(self) -> None:
        self.counted = 0

    def wants(self, _address: str) -> bool:
        """Count it."""
        self.counted += 1
        return False

    def handle(self, advertisement: Advertisement) -> None:
        """Fail."""
        raise AssertionError(advertisement)


def test_nothing_is_kept_of_strangers(bleak: type[Bleak], in_virtual_time: InVirtualTime) -> None:
    """Telephones take another random address every quarter of an hour: memory must stay flat for years."""
    bleak.air = [(f"C0:00:00:00:00:{number:02X}", -61, {UUID: b"\x40"}) for number in range(100)]
    radio, listener = BleakScannerImpl(), OnlyCounting()

    in_virtual_time(run_for(radio, listener, 1))

    assert (listener.counted, radio._last_said) == (100, {})


def test_blue_z_tells_of_each_packet(bleak: type[Bleak], in_virtual_time: InVirtualTime) -> None:
    """Without DuplicateData a repeated packet could not be told from a name that comes with the old service data."""
    in_virtual_time(BleakScannerImpl().scan(1))

    assert bleak.options == [{"mode": "active", "adapter": "hci0", "filters": {"DuplicateData": True}}]


def test_without_d_bus_the_real_bleak_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No stand-in: bleak itself, on a machine without D-Bus."""
    monkeypatch.undo()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")

    with pytest.raises(ScannerError, match=r"D-Bus can't be reached .*: start it with `systemctl start dbus`"):
        asyncio.run(BleakScannerImpl().scan(1))
