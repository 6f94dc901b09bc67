"""
The real radio's scanner, without the radio: what it makes of bleak's callbacks and errors.

The errors here are those that bleak raises on a real Bluetooth stack. The scenarios no_dbus, no_bluetoothd, no_adapter,
named_adapter_missing and three_sensors of the radio rig keep this file honest.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bleak import BleakScanner
from bleak.exc import BleakDBusError, BleakError

from ble_exporter.errors import ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner import BleakScannerImpl, run_for
from ble_exporter.scanner.radio import Everything
from tests.scanner.scripted_bluez import ADAPTER, adapter_properties, scripted_bluez

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]
ADDRESS = "A4:C1:38:00:00:01"


class FakeBleak(BleakScanner):
    """In place of bleak's scanner: hears the packets that a test puts on air, and fails as a test wants."""

    def __init__(self) -> None:
        self.air: list[tuple[str, int, dict[str, bytes]]] = []
        self.names: dict[str, str] = {}
        self.at_start: Exception | None = None
        self.at_stop: Exception | None = None
        self.hangs = ""
        self.starts_in_s = 0.0
        self.options: list[dict[str, Any]] = []
        self.running = 0
        self._callback: Callable[..., None] = lambda *_heard: None

    def __call__(self, callback: Callable[..., None], *, scanning_mode: str, bluez: dict[str, Any]) -> "FakeBleak":
        """Make a scanner."""
        self._callback = callback
        self.options.append({"mode": scanning_mode, **bluez})
        return self

    async def start(self) -> None:
        """Start, hearing all that is on air at once."""
        if self.hangs == "start":
            await asyncio.Event().wait()
        await asyncio.sleep(self.starts_in_s)
        if self.at_start is not None:
            raise self.at_start
        self.running += 1
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
        self.running -= 1


@pytest.fixture
def bleak() -> FakeBleak:
    """Nothing on air, and nothing wrong."""
    return FakeBleak()


@pytest.fixture
def run(bus: Path, in_virtual_time: InVirtualTime) -> InVirtualTime:
    """Run a coroutine in virtual time, on a scripted bluetoothd with every adapter and monitor that is asked for."""

    def run_it(coroutine: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - the coroutine's result
        async def with_bluez() -> Any:  # noqa: ANN401 - the coroutine's result
            async with scripted_bluez(bus) as bluez:
                names = ("hci0", "hci1", "hci9")
                bluez.objects = {f"/org/bluez/{name}": {ADAPTER: adapter_properties()} for name in names}
                bluez.experiment()
                return await coroutine

        return in_virtual_time(with_bluez())

    return run_it


def test_what_bleak_hears_is_delivered(bleak: FakeBleak, run: InVirtualTime) -> None:
    """Address, RSSI and bytes as they came, with the time."""
    bleak.air = [(ADDRESS, -61, {UUID: b"\x40"})]
    heard: list[Advertisement] = []

    run(run_for(BleakScannerImpl(clock=lambda: 1000.0, make_scanner=bleak), Everything(heard.append), 5))

    assert [Advertisement(ADDRESS, {UUID: b"\x40"}, 1000.0, -61, "hci0")] == heard
    assert 0 == bleak.running


def test_the_name_of_a_device_is_delivered(bleak: FakeBleak, run: InVirtualTime) -> None:
    """A user recognises a sensor by "ATC_000001"; most devices never send a name."""
    nameless = "A4:C1:38:00:00:02"
    bleak.air = [(ADDRESS, -61, {}), (nameless, -70, {})]
    bleak.names = {ADDRESS: "ATC_000001"}
    heard: list[Advertisement] = []

    run(run_for(BleakScannerImpl(make_scanner=bleak), Everything(heard.append), 5))

    assert {ADDRESS: "ATC_000001", nameless: ""} == {one.address: one.name for one in heard}


def test_a_callback_without_rssi_is_no_packet(bleak: FakeBleak, run: InVirtualTime) -> None:
    """BlueZ sends one with old service data for each device it forgets: a value that nobody heard."""
    bleak.air = [(ADDRESS, -127, {UUID: b"\x40"})]

    assert [] == run(BleakScannerImpl(make_scanner=bleak).scan(5))


def test_the_adapter_is_the_configured_one(bleak: FakeBleak, run: InVirtualTime) -> None:
    """With two adapters and none named, bleak takes one at random."""
    run(BleakScannerImpl("hci1", make_scanner=bleak).scan(1))
    run(BleakScannerImpl(make_scanner=bleak).scan(1))

    assert ["hci1", "hci0"] == [options.get("adapter") for options in bleak.options]


def test_a_bug_in_the_callback_is_not_swallowed(bleak: FakeBleak, run: InVirtualTime) -> None:
    """After an exception in the callback, bleak keeps scanning: nothing would be heard, unnoticed."""
    bleak.air = [(ADDRESS, -61, {UUID: b"\x40"}), (ADDRESS, -61, {UUID: b"\x40"})]

    def deliver(_advertisement: Advertisement) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        run(run_for(BleakScannerImpl(make_scanner=bleak), Everything(deliver), 5))
    assert 0 == bleak.running


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
def test_an_error_at_the_start_names_the_cause_and_the_way_out(
    bleak: FakeBleak, run: InVirtualTime, error: Exception, said: str
) -> None:
    """It is the one line that a user sees: not a class name, and not a traceback."""
    bleak.at_start = error

    with pytest.raises(ScannerError) as caught:
        run(BleakScannerImpl("hci9", make_scanner=bleak).scan(5))

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error", [BleakDBusError("org.bluez.Error.Failed", ["gone"]), OSError("gone"), EOFError("gone")]
)
def test_an_error_at_the_stop_is_a_failed_scan(bleak: FakeBleak, run: InVirtualTime, error: Exception) -> None:
    """A bluetoothd or a D-Bus that dies during a scan may not be noticed before."""
    bleak.at_stop = error

    with pytest.raises(ScannerError, match=r"Bluetooth failed during the scan \(.*gone"):
        run(BleakScannerImpl(make_scanner=bleak).scan(5))


@pytest.mark.parametrize("what", ["start", "stop"])
def test_a_stack_that_does_not_answer_is_a_failure(bleak: FakeBleak, run: InVirtualTime, what: str) -> None:
    """The process would wait for ever, and hear nothing."""
    bleak.hangs = what

    with pytest.raises(ScannerError, match=f"adapter hci0: the scan did not {what} within"):
        run(BleakScannerImpl("hci0", make_scanner=bleak).scan(30))


def test_a_start_may_take_as_long_as_the_scan(bleak: FakeBleak, run: InVirtualTime) -> None:
    """Before Python 3.12 a cancellation in that very moment was lost by asyncio.wait_for: the scan never ended."""
    bleak.starts_in_s = 5.0
    bleak.air = [(ADDRESS, -61, {UUID: b"\x40"})]

    assert run(BleakScannerImpl(make_scanner=bleak).scan(5)) == [(ADDRESS, b"\x40")]
    assert 0 == bleak.running


def test_a_callback_that_repeats_old_service_data_says_nothing(bleak: FakeBleak, run: InVirtualTime) -> None:
    """BlueZ keeps service data, and bleak repeats it with a name: a sensor that sends no more would keep its value."""
    first, second = {UUID: b"\x40\x01\x61"}, {UUID: b"\x40\x01\x61"}
    bleak.air = [(ADDRESS, -61, said) for said in (first, first, second, second)]
    heard: list[Advertisement] = []

    run(run_for(BleakScannerImpl(make_scanner=bleak), Everything(heard.append), 5))

    assert [advertisement.service_data for advertisement in heard] == [first, {}, second, {}]


def test_merged_service_data_of_a_passive_scan_is_separated(bleak: FakeBleak, run: InVirtualTime) -> None:
    """BlueZ keeps reporting the old format of a sensor that was set to another: its value would never expire."""
    old, new = {"old": b"\x01"}, [{"new": bytes([number])} for number in range(3)]
    bleak.air = [(ADDRESS, -61, said) for said in (old, {**old, **new[0]}, {**old, **new[1]}, {**old, **new[2]})]
    heard: list[Advertisement] = []

    run(run_for(BleakScannerImpl(mode="passive", make_scanner=bleak), Everything(heard.append), 5))

    assert [old, *new] == [advertisement.service_data for advertisement in heard]


def test_what_a_device_sends_at_once_is_heard_at_once(bleak: FakeBleak, run: InVirtualTime) -> None:
    """The unchanged one of two formats in a packet was heard, too: an active scan reports only what was sent."""
    packets = [{"one": b"\x01", "two": bytes([number])} for number in range(3)]
    bleak.air = [(ADDRESS, -61, said) for said in packets]
    heard: list[Advertisement] = []

    run(run_for(BleakScannerImpl(mode="active", make_scanner=bleak), Everything(heard.append), 5))

    assert packets == [advertisement.service_data for advertisement in heard]


def test_a_device_that_is_forgotten_and_comes_back_is_heard(bleak: FakeBleak, run: InVirtualTime) -> None:
    """Its first packet counts even if it equals its last one byte for byte."""
    both = [{"one": b"\x01", "two": b"\x02"}, {"one": b"\x01", "two": b"\x02"}]
    bleak.air = [(ADDRESS, -61, said) for said in both]
    heard: list[Advertisement] = []

    run(run_for(BleakScannerImpl(mode="passive", make_scanner=bleak), Everything(heard.append), 5))

    assert both == [advertisement.service_data for advertisement in heard]


class OnlyCounting:
    """A listener that wants no device."""

    def __init__(self) -> None:
        self.counted = 0

    def wants(self, _address: str) -> bool:
        """Count it."""
        self.counted += 1
        return False

    def handle(self, advertisement: Advertisement) -> None:
        """Fail."""
        raise AssertionError(advertisement)


def test_nothing_is_kept_of_unknown_devices(bleak: FakeBleak, run: InVirtualTime) -> None:
    """Telephones change their random address every quarter of an hour; memory use must not grow for years."""
    bleak.air = [(f"C0:00:00:00:00:{number:02X}", -61, {UUID: b"\x40"}) for number in range(100)]
    radio, listener = BleakScannerImpl(make_scanner=bleak), OnlyCounting()

    run(run_for(radio, listener, 1))

    assert (100, {}) == (listener.counted, radio._last_data)


def test_bluez_reports_each_packet(bleak: FakeBleak, run: InVirtualTime) -> None:
    """Without DuplicateData, a repeated packet would look like a name that comes with old service data."""
    run(BleakScannerImpl(make_scanner=bleak).scan(1))

    assert [{"mode": "active", "adapter": "hci0", "filters": {"DuplicateData": True}}] == bleak.options


def test_without_d_bus_the_real_bleak_says_so(bus: Path) -> None:
    """The test uses bleak itself, as on a machine without D-Bus."""
    with pytest.raises(ScannerError, match=r"D-Bus can't be reached .*: start it with `systemctl start dbus`"):
        asyncio.run(BleakScannerImpl().scan(1))
