"""
Tests of the real radio's scanner without hardware: how it handles bleak's callbacks and errors.

The rig's scenarios no_dbus, no_bluetoothd, no_adapter, named_adapter_missing and three_sensors use a real Bluetooth
stack.
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
from ble_exporter.scanner.bleak_scanner import BleakEar
from ble_exporter.scanner.bluez_radio import BluezRadio
from ble_exporter.scanner.radio import Everything
from tests.scanner.scripted_bluez import ADAPTER, adapter_properties, scripted_bluez

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]
ADDRESS = "A4:C1:38:00:00:01"


class FakeBleak(BleakScanner):
    """A replacement for bleak's scanner that receives the packets, and raises the errors, that a test sets."""

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
        """Record the options in place of BleakScanner's constructor; return this scanner."""
        self._callback = callback
        self.options.append({"mode": scanning_mode, **bluez})
        return self

    async def start(self) -> None:
        """Start, and receive all packets immediately."""
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
            # bleak suppresses the exceptions of a callback; call_soon does the same here.
            asyncio.get_running_loop().call_soon(self._callback, SimpleNamespace(address=address), data)

    async def stop(self) -> None:
        """Stop; hang or raise an error if the test requests it."""
        if self.hangs == "stop":
            await asyncio.Event().wait()
        if self.at_stop is not None:
            raise self.at_stop
        self.running -= 1


@pytest.fixture
def bleak() -> FakeBleak:
    """Return a scanner that receives nothing and raises no errors."""
    return FakeBleak()


@pytest.fixture
def run(bus: Path, in_virtual_time: InVirtualTime) -> InVirtualTime:
    """Return a function that runs a coroutine in virtual time; bluetoothd has three adapters and offers monitors."""

    def run_it(coroutine: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - the coroutine's result
        async def with_bluez() -> Any:  # noqa: ANN401 - the coroutine's result
            async with scripted_bluez(bus) as bluez:
                names = ("hci0", "hci1", "hci9")
                bluez.objects = {f"/org/bluez/{name}": {ADAPTER: adapter_properties()} for name in names}
                bluez.experiment()
                return await coroutine

        return in_virtual_time(with_bluez())

    return run_it


def test_an_advertisement_from_bleak_is_delivered(bleak: FakeBleak, run: InVirtualTime) -> None:
    """Every later step relies on the address, the RSSI, the unchanged bytes and the time of reception."""
    bleak.air = [(ADDRESS, -61, {UUID: b"\x40"})]
    heard: list[Advertisement] = []

    run(run_for(BleakScannerImpl(make_scanner=bleak), Everything(heard.append), 5))

    assert [Advertisement(ADDRESS, {UUID: b"\x40"}, -61, "hci0")] == heard
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
    """When BlueZ forgets a device, bleak delivers the device's old service data again, which is not a reading."""
    bleak.air = [(ADDRESS, -127, {UUID: b"\x40"})]

    assert [] == run(BleakScannerImpl(make_scanner=bleak).scan(5))


def test_the_adapter_is_the_configured_one(bleak: FakeBleak, run: InVirtualTime) -> None:
    """Without the name of an adapter, bleak chooses one of several at random."""
    run(BleakScannerImpl("hci1", make_scanner=bleak).scan(1))
    run(BleakScannerImpl(make_scanner=bleak).scan(1))

    assert ["hci1", "hci0"] == [options.get("adapter") for options in bleak.options]


def test_a_bug_in_the_callback_is_not_swallowed(bleak: FakeBleak, run: InVirtualTime) -> None:
    """After an exception in the callback, bleak keeps scanning, so nobody would notice that a bug costs readings."""
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
def test_an_error_at_the_start_names_the_cause_and_has_a_hint(
    bleak: FakeBleak, run: InVirtualTime, error: Exception, said: str
) -> None:
    """The user sees only this line, so a traceback, or only the name of a class, would not help."""
    bleak.at_start = error

    with pytest.raises(ScannerError) as caught:
        run(BleakScannerImpl("hci9", make_scanner=bleak).scan(5))

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error", [BleakDBusError("org.bluez.Error.Failed", ["gone"]), OSError("gone"), EOFError("gone")]
)
def test_an_error_at_the_stop_is_a_failed_scan(bleak: FakeBleak, run: InVirtualTime, error: Exception) -> None:
    """If bluetoothd or D-Bus ends during a scan, the stop may be the first call to notice it."""
    bleak.at_stop = error

    with pytest.raises(ScannerError, match=r"Bluetooth failed during the scan \(.*gone"):
        run(BleakScannerImpl(make_scanner=bleak).scan(5))


@pytest.mark.parametrize("step", ["start", "stop"])
def test_a_stack_that_does_not_answer_is_a_failure(bleak: FakeBleak, run: InVirtualTime, step: str) -> None:
    """Without a timeout, the process would wait for ever without receiving anything."""
    bleak.hangs = step

    with pytest.raises(ScannerError, match=f"adapter hci0: the scan did not {step} within"):
        run(BleakScannerImpl("hci0", make_scanner=bleak).scan(30))


def test_a_start_may_take_as_long_as_the_scan(bleak: FakeBleak, run: InVirtualTime) -> None:
    """The duration counts from the end of the start; otherwise, a slow start would leave no time for listening."""
    bleak.starts_in_s = 5.0
    bleak.air = [(ADDRESS, -61, {UUID: b"\x40"})]

    assert run(BleakScannerImpl(make_scanner=bleak).scan(5)) == [(ADDRESS, b"\x40")]
    assert 0 == bleak.running


def test_repeated_old_service_data_is_ignored(bleak: FakeBleak, run: InVirtualTime) -> None:
    """When a name arrives, bleak repeats stored service data, which must not keep an old reading alive."""
    first, second = {UUID: b"\x40\x01\x61"}, {UUID: b"\x40\x01\x61"}
    bleak.air = [(ADDRESS, -61, data) for data in (first, first, second, second)]
    heard: list[Advertisement] = []

    run(run_for(BleakScannerImpl(make_scanner=bleak), Everything(heard.append), 5))

    assert [advertisement.service_data for advertisement in heard] == [first, {}, second, {}]


def test_merged_service_data_of_a_passive_scan_is_separated(bleak: FakeBleak, run: InVirtualTime) -> None:
    """After a sensor's format is changed, BlueZ still reports data of the old format, which would never expire."""
    old, new = {"old": b"\x01"}, [{"new": bytes([number])} for number in range(3)]
    bleak.air = [(ADDRESS, -61, data) for data in (old, {**old, **new[0]}, {**old, **new[1]}, {**old, **new[2]})]
    heard: list[Advertisement] = []

    run(run_for(BleakScannerImpl(mode="passive", make_scanner=bleak), Everything(heard.append), 5))

    assert [old, *new] == [advertisement.service_data for advertisement in heard]


def test_two_formats_in_one_packet_are_both_delivered(bleak: FakeBleak, run: InVirtualTime) -> None:
    """An active scan reports only the data just sent, so an unchanged format in the packet is a reading too."""
    packets = [{"one": b"\x01", "two": bytes([number])} for number in range(3)]
    bleak.air = [(ADDRESS, -61, data) for data in packets]
    heard: list[Advertisement] = []

    run(run_for(BleakScannerImpl(mode="active", make_scanner=bleak), Everything(heard.append), 5))

    assert packets == [advertisement.service_data for advertisement in heard]


def test_a_device_that_bluez_forgot_is_received_again(bleak: FakeBleak, run: InVirtualTime) -> None:
    """After BlueZ has forgotten a device, its next packet is a reading, even if it equals the one before."""
    both = [{"one": b"\x01", "two": b"\x02"}, {"one": b"\x01", "two": b"\x02"}]
    bleak.air = [(ADDRESS, -61, data) for data in both]
    heard: list[Advertisement] = []

    run(run_for(BleakScannerImpl(mode="passive", make_scanner=bleak), Everything(heard.append), 5))

    assert both == [advertisement.service_data for advertisement in heard]


class OnlyCounting:
    """A listener that counts addresses and wants none of them."""

    def __init__(self) -> None:
        self.counted = 0

    def wants(self, _address: str) -> bool:
        """Count the call; return False."""
        self.counted += 1
        return False

    def handle(self, advertisement: Advertisement) -> None:
        """Fail, because no device is wanted."""
        raise AssertionError(advertisement)


def test_no_data_of_unknown_devices_is_stored(bleak: FakeBleak, run: InVirtualTime) -> None:
    """Phones change their random address every 15 minutes, so stored data would grow for years."""
    bleak.air = [(f"C0:00:00:00:00:{number:02X}", -61, {UUID: b"\x40"}) for number in range(100)]
    ear, listener = BleakEar(bleak), OnlyCounting()

    async def make_ear() -> BleakEar:
        return ear

    run(run_for(BluezRadio(make_ear), listener, 1))

    assert (100, {}) == (listener.counted, ear._last)


def test_bluez_reports_each_packet(bleak: FakeBleak, run: InVirtualTime) -> None:
    """Without DuplicateData, a repeated packet would look like a name reported with old service data."""
    run(BleakScannerImpl(make_scanner=bleak).scan(1))

    assert [{"mode": "active", "adapter": "hci0", "filters": {"DuplicateData": True}}] == bleak.options


def test_without_d_bus_the_real_bleak_fails_with_a_hint(bus: Path) -> None:
    """On a machine without D-Bus, the error must say how to start D-Bus."""
    with pytest.raises(ScannerError, match=r"D-Bus can't be reached .*: start it with `systemctl start dbus`"):
        asyncio.run(BleakScannerImpl().scan(1))
