"""
The monitor ear on a scripted bluetoothd, with a channel that the test writes to.

The rig's scenarios in scenarios_monitor.py verify the same on the kernel's own channel.
"""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from ble_exporter.errors import ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner import hints
from ble_exporter.scanner.bluez_radio import BluezRadio
from ble_exporter.scanner.ear import Ear
from ble_exporter.scanner.monitor_ear import BATCH_S, MonitorEar
from ble_exporter.scanner.monitor_socket import MOST_FRAMES, MonitorSocket
from ble_exporter.scanner.radio import Everything
from ble_exporter.scanner.session import listening
from tests.conftest import PACKET_A, PACKET_B
from tests.radios import InVirtualTime
from tests.scanner.monitor_frames import (
    SCAN_RESPONSE,
    SENDER,
    Channel,
    Only,
    frame,
    legacy_report,
    name,
    radio,
    service_data,
)
from tests.scanner.scripted_bluez import ScriptedBluez, scripted_bluez


def test_a_packet_is_delivered_as_it_was_sent(hear: Callable[..., ScriptedBluez]) -> None:
    """Every later step relies on the address, its type, the RSSI, the adapter and the unchanged bytes."""
    heard: list[Advertisement] = []
    hear(Everything(heard.append), [frame(legacy_report(service_data(PACKET_A), rssi=-61))])

    (one,) = heard
    assert (SENDER, {UUID: PACKET_A}, -61, "hci0", "", "public", {}) == (
        one.address,
        one.service_data,
        one.rssi,
        one.adapter,
        one.name,
        one.address_type,
        one.manufacturer_data,
    )


def test_each_packet_is_delivered_also_if_it_repeats(hear: Callable[..., ScriptedBluez]) -> None:
    """BlueZ merges repeated packets and several reports of one event; this ear must not."""
    heard: list[Advertisement] = []
    a, b = (legacy_report(service_data(packet)) for packet in (PACKET_A, PACKET_B))
    hear(Everything(heard.append), [frame(a), frame(a, b)], [frame(a)])

    assert [PACKET_A, PACKET_A, PACKET_B, PACKET_A] == [one.service_data[UUID] for one in heard]


def test_manufacturer_data_is_delivered(hear: Callable[..., ScriptedBluez]) -> None:
    """Some sensors send their values only as manufacturer data."""
    heard: list[Advertisement] = []
    hear(Everything(heard.append), [frame(legacy_report(bytes.fromhex("05ff9904abcd")))])

    assert [{0x0499: b"\xab\xcd"}] == [one.manufacturer_data for one in heard]


@pytest.mark.parametrize("ahead_s", [-3600.0, 0.0, 3600.0])
def test_setting_the_clock_moves_no_packet(
    hear: Callable[..., ScriptedBluez], channel: Channel, ahead_s: float
) -> None:
    """The kernel stamps packets with the wall clock, which may jump by years when it is set after boot."""
    heard: list[Advertisement] = []
    channel.ahead_s = ahead_s
    hear(Everything(heard.append), [frame(legacy_report(service_data(PACKET_A)))])

    (one,) = heard
    assert 0 <= one.age_s <= 2 * BATCH_S


def test_a_packet_from_before_the_machine_slept_is_old(
    bus: Path, in_virtual_time: InVirtualTime, channel: Channel
) -> None:
    """A packet that waited in the buffer during the sleep would show last night's temperature as a new one."""
    heard: list[Advertisement] = []
    asleep_s = 0.0

    async def make() -> Ear:
        return MonitorEar(channel.open, boot=lambda: asleep_s)

    async def scan() -> None:
        nonlocal asleep_s
        async with scripted_bluez(bus), listening(BluezRadio(make), Everything(heard.append)) as wait:
            channel.receive(frame(legacy_report(service_data(PACKET_A))))
            asleep_s = channel.ahead_s = 8 * 3600.0
            await wait(1)

    in_virtual_time(scan())

    (one,) = heard
    assert pytest.approx(8 * 3600.0, abs=2) == one.age_s


def test_the_name_in_an_answer_belongs_to_the_next_packet(hear: Callable[..., ScriptedBluez]) -> None:
    """If a scan response with only a name counted as a packet, a rejection would be counted every few seconds."""
    heard: list[Advertisement] = []
    packet = frame(legacy_report(service_data(PACKET_A)))
    hear(Everything(heard.append), [packet, frame(legacy_report(name("ATC_000001"), kind=SCAN_RESPONSE)), packet])

    assert ["", "ATC_000001"] == [one.name for one in heard]


def test_an_answer_with_values_is_delivered(hear: Callable[..., ScriptedBluez]) -> None:
    """Some sensors send their values only in the response to a scan request."""
    heard: list[Advertisement] = []
    hear(Everything(heard.append), [frame(legacy_report(service_data(PACKET_A), kind=SCAN_RESPONSE))])

    assert [{UUID: PACKET_A}] == [one.service_data for one in heard]


def test_unknown_devices_are_only_counted(hear: Callable[..., ScriptedBluez]) -> None:
    """Most packets on air are from unknown devices, whose content must cost nothing."""
    listener = Only(SENDER)
    stranger = legacy_report(service_data(PACKET_A), sender="C0:00:00:00:00:01", is_random=True)
    hear(listener, [frame(stranger), frame(legacy_report(service_data(PACKET_A))), frame(stranger, stranger)])

    assert (1, 3) == (len(listener.heard), listener.others)


def test_bluetoothd_scans_with_a_filter_that_nothing_passes(hear: Callable[..., ScriptedBluez]) -> None:
    """Without the filter, bluetoothd would send every packet over D-Bus, where nobody reads it."""
    bluez = hear(Everything(lambda _one: None))

    methods = [member for member, _path in bluez.calls]
    assert ["SetDiscoveryFilter", "StartDiscovery", "StopDiscovery"] == [one for one in methods if "Discovery" in one]
    assert "RegisterMonitor" in methods
    (conditions,) = bluez.discovery_filters
    assert 20 <= conditions["RSSI"]


@pytest.mark.parametrize("monitors", [True, False])
def test_only_the_rssi_is_a_condition_without_a_monitor(hear: Callable[..., ScriptedBluez], *, monitors: bool) -> None:
    """Another condition would keep the kernel from clearing a Raspberry Pi's duplicate filter after each packet."""
    bluez = hear(Everything(lambda _one: None), monitors=monitors)

    (conditions,) = bluez.discovery_filters
    assert monitors == ("UUIDs" in conditions)


def test_a_passive_scan_needs_a_monitor_and_no_discovery(hear: Callable[..., ScriptedBluez]) -> None:
    """A discovery would scan actively, which drains the sensors' batteries."""
    heard: list[Advertisement] = []
    bluez = hear(Everything(heard.append), [frame(legacy_report(service_data(PACKET_A)))], mode="passive")

    methods = [member for member, _path in bluez.calls]
    assert (["RegisterMonitor"], 1) == ([one for one in methods if "Disc" in one or "Monitor" in one], len(heard))


def test_an_invalid_event_is_counted(bus: Path, in_virtual_time: InVirtualTime, channel: Channel) -> None:
    """A loss must be visible to the operator, and the valid reports in the same event must still be delivered."""
    listening_radio, heard = radio(channel), list[Advertisement]()
    packet = legacy_report(service_data(PACKET_A))

    async def scan() -> None:
        async with scripted_bluez(bus), listening(listening_radio, Everything(heard.append)) as wait:
            channel.receive(frame(packet, b"\x00"), frame(b"\x00"), frame(packet))
            await wait(1)

    in_virtual_time(scan())

    assert (2, {("hci0", "invalid"): 2}) == (len(heard), listening_radio.lost_events)


class Overflowing(MonitorSocket):
    """A channel that reports lost packets; the rig's scenario monitor_counts_what_it_loses fills the real buffer."""

    _lost = 0

    @property
    def lost(self) -> int:
        """Return a count that grows by three with each call."""
        self._lost += 3
        return self._lost


def test_a_full_buffer_is_counted_and_logged_once(
    bus: Path, in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """A loss must be visible to the operator, but an overloaded machine must not write a log line each second."""
    channel = Channel(reader=Overflowing)
    overloaded = radio(channel)

    async def scan() -> None:
        async with scripted_bluez(bus), listening(overloaded, Everything(lambda _one: None)) as wait:
            for _batch in range(2):
                for _frame in range(MOST_FRAMES):
                    channel.receive(frame(legacy_report(service_data(PACKET_A))))
                await wait(1)

    in_virtual_time(scan())

    channel.close()

    assert {("hci0", "buffer_full"): 6} == overloaded.lost_events
    warnings = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert [f"adapter hci0: {hints.BUFFER_FULL}"] == warnings


def test_a_channel_that_breaks_ends_the_run(bus: Path, in_virtual_time: InVirtualTime, channel: Channel) -> None:
    """A radio that can't hear any more must not look healthy."""

    async def scan() -> None:
        async with scripted_bluez(bus), listening(radio(channel), Everything(lambda _one: None)) as wait:
            channel.fail()
            await wait(1)

    with pytest.raises(ScannerError, match="the kernel's monitor channel can't be read"):
        in_virtual_time(scan())


def test_a_refused_channel_names_the_capability(bus: Path, in_virtual_time: InVirtualTime) -> None:
    """With `ear: monitor`, the exporter needs the channel, and the user must learn which capability to grant."""
    refused = Channel(refusal=PermissionError(errno.EPERM, "Operation not permitted"))

    async def scan() -> None:
        async with scripted_bluez(bus), listening(radio(refused), Everything(lambda _one: None)):
            pass

    with pytest.raises(ScannerError, match=r"may not read the kernel's monitor channel: .*CAP_NET_RAW"):
        in_virtual_time(scan())


def test_scans_with_pauses_share_a_channel(bus: Path, in_virtual_time: InVirtualTime, channel: Channel) -> None:
    """Opening the channel may start a helper. What arrives in a pause must not be delivered in the next scan."""
    heard: list[Advertisement] = []
    scanner = radio(channel)

    async def scan(packet: bytes) -> None:
        async with listening(scanner, Everything(heard.append)) as wait:
            channel.receive(frame(legacy_report(service_data(packet))))
            await wait(1)

    async def scans() -> None:
        async with scripted_bluez(bus):
            await scan(PACKET_A)
            channel.receive(*[frame(legacy_report(service_data(PACKET_A)))] * (MOST_FRAMES + 1))
            # A scrape in the pause.
            scanner.catch_up()
            await scan(PACKET_B)

    in_virtual_time(scans())

    assert ([0], [PACKET_A, PACKET_B]) == (channel.opened, [one.service_data[UUID] for one in heard])


def test_a_channel_that_failed_is_opened_again(bus: Path, in_virtual_time: InVirtualTime, channel: Channel) -> None:
    """With `on_adapter_failure: continue`, the same ear is used again after a failure, and must hear again."""
    heard: list[Advertisement] = []
    scanner = radio(channel)

    async def failing_scan() -> None:
        async with listening(scanner, Everything(heard.append)) as wait:
            channel.fail()
            await wait(1)

    async def scans() -> None:
        async with scripted_bluez(bus):
            with pytest.raises(ScannerError):
                await failing_scan()
            async with listening(scanner, Everything(heard.append)) as wait:
                channel.receive(frame(legacy_report(service_data(PACKET_A))))
                await wait(1)

    in_virtual_time(scans())

    assert ([0, 0], 1) == (channel.opened, len(heard))


def test_the_channel_of_the_adapter_is_opened(hear: Callable[..., ScriptedBluez], channel: Channel) -> None:
    """With two adapters, each radio must hear only its own adapter."""
    hear(Everything(lambda _one: None))

    assert [0] == channel.opened
