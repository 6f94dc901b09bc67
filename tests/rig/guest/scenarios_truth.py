"""No packet that BlueZ reports is lost, and only packets count, not the old data that BlueZ reports again."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator

from .air import AAAB, ABAB, Thermometer, local_name, thermometer_sender
from .exporter import Exporter, Scrape
from .hci import AdvertisingType
from .kernel_events import KernelEvents
from .polling import wait_until
from .registry import scenario
from .scenarios_modes import ALL_THE_TIME, EXPERIMENTAL, SECOND_ADDRESS, counter
from .scenarios_readings import BALCONY, CELLAR, LIVING_ROOM, THERMOMETERS, incomplete
from .stack import Stack, knows
from .virtual_radio import VirtualRadio

SENDERS = [
    Thermometer(f"sensor_{number}", f"A4:C1:38:00:01:{number:02X}", 20 + number / 10, 50.0, 90, 2.9, -70)
    for number in range(10)
]
PACKETS = 2000
BETWEEN_PACKETS_S = 0.005
"""The pause between packets; with 10 ms ticks, ten thermometers send every 0.1 to 0.2 s instead of every 2.5 s."""
FORGOTTEN_WITHIN_S = 45.0
"""The time limit on the removal of a device, which bluetoothd removes after 30 s of silence."""
KERNEL_DROPS = 3
"""The number of packets that the kernel may drop at each restart of a scan; at most 2 drops were seen in 3 restarts."""
CROWD = 60
"""The number of sensors in `all_at_once`, of which one appears every 7 ms on average."""
LAST_UPDATE = "ble_sensor_last_update_timestamp_seconds"


def send_rounds(radio: VirtualRadio, thermometers: list[Thermometer], order: tuple[str, ...]) -> Iterator[int]:
    """
    Send PACKETS packets, from each thermometer in turn, and resend a packet until the radio reports it.

    Yields:
        After each round, the number of packets so far that differ from the thermometer's previous packet.
    """
    packets = [thermometer.packets(order) for thermometer in thermometers]
    before: dict[str, bytes] = {}
    changed = 0
    for _round in range(PACKETS // len(thermometers)):
        for thermometer, source in zip(thermometers, packets, strict=True):
            packet = next(source)
            changed += before.get(thermometer.address) != packet
            before[thermometer.address] = packet
            while not radio.advertise(
                thermometer.address,
                packet,
                rssi_dbm=thermometer.rssi_dbm,
                kind=AdvertisingType.ADV_IND,
                scan_response=local_name("ATC"),
            ):
                time.sleep(BETWEEN_PACKETS_S / 10)
            time.sleep(BETWEEN_PACKETS_S)
        yield changed


def hear_all(stack: Stack, mode: str, order: tuple[str, ...] = ABAB) -> None:
    """
    Send 2,000 packets, and check that each is decoded, except repeats that BlueZ does not report in a passive scan.

    The few packets that the kernel drops when it restarts an active scan, every 11 s, are counted separately.
    """
    radio = stack.start(EXPERIMENTAL)
    exporter = stack.start_exporter(SENDERS, ear="bluez", scan_mode=mode, **ALL_THE_TIME)
    exporter.wait_until_it_listens()
    addresses = {thermometer.address for thermometer in SENDERS}
    delivered: list[str] = []
    kernel_events = KernelEvents(lambda address, _data: delivered.append(address))
    changed = 0

    def expected() -> int:
        # A passive scan is never restarted, and the kernel reports its packets by an event that KernelEvents ignores.
        return changed if mode == "passive" else sum(address in addresses for address in delivered)

    def wrongs(scrape: Scrape) -> list[str]:
        decoded = counter(scrape, "advertisements_decoded")
        # With a monitor, the kernel sometimes reports a packet only by the event that KernelEvents ignores.
        most = expected() if mode == "passive" else PACKETS
        return [] if expected() <= decoded <= most else [f"{decoded:g} of {expected()} were decoded"]

    for changed in send_rounds(radio, SENDERS, order):  # noqa: B007 - expected() reads it
        # On a busy machine bluetoothd may handle two packets of a sensor together, and report only the second; real
        # sensors send every 2.5 s, which leaves enough time.
        exporter.wait_until_right(wrongs)
    # The kernel may hold back the last packet until it receives another device.
    radio.advertise("C0:98:E5:00:00:07", local_name("Scale"), rssi_dbm=-90)
    scrape = exporter.wait_until_right(wrongs)
    kernel_events.end()
    dropped = 0 if mode == "passive" else PACKETS - expected()
    sys.stdout.write(f"{mode}: 0 of {expected()} packets lost; {PACKETS - changed} of {PACKETS} sent were repeats; ")
    restarts = max(radio.completed_scans, 1)
    sys.stdout.write(f"dropped by the kernel: {dropped}, restarts of the scan: {restarts}\n")
    assert dropped <= KERNEL_DROPS * restarts, f"dropped by the kernel: {dropped}, restarts of the scan: {restarts}"
    assert not scrape.value("ble_exporter_advertisements_rejected_total", reason="truncated")


@scenario
def no_packet_lost_actively(stack: Stack) -> None:
    """In an active scan, each packet that the kernel reports is decoded, although two packets share an id."""
    hear_all(stack, "active")


@scenario
def no_packet_lost_passively(stack: Stack) -> None:
    """In a passive scan through BlueZ, all 2,000 packets are decoded, although two packets share an id."""
    hear_all(stack, "passive")


@scenario
def no_packet_lost_automatically(stack: Stack) -> None:
    """In the mode auto, each packet that the kernel reports is decoded, although two packets share an id."""
    hear_all(stack, "auto")


@scenario
def no_old_packet_lost_passively(stack: Stack) -> None:
    """BlueZ reports the older firmware's three copies of a packet only once, and no measurement is lost."""
    hear_all(stack, "passive", AAAB)


def last_update(scrape: Scrape, thermometer: Thermometer) -> float:
    """Return the Unix time of the thermometer's last new measurement."""
    updated = scrape.value(LAST_UPDATE, device=thermometer.name)
    assert updated is not None, f"{thermometer.name} has no last update"
    return updated


@scenario
def one_leaves(stack: Stack) -> None:
    """When BlueZ removes a silent device after 30 s, it reports the device once more; this is not a packet."""
    radio = stack.start()
    air = stack.start_air(radio, *map(thermometer_sender, THERMOMETERS))
    exporter = stack.start_exporter(THERMOMETERS, ear="bluez", stale_after_seconds=300, **ALL_THE_TIME)
    exporter.wait_until_right(incomplete)
    air.silence(CELLAR)
    time.sleep(1)
    before = exporter.scrape()
    assert knows(CELLAR.address), "bluetoothd has already removed the device"
    took = wait_until(lambda: not knows(CELLAR.address), "bluetoothd removes the device", FORGOTTEN_WITHIN_S)
    time.sleep(1)
    after = exporter.scrape()
    sys.stdout.write(f"bluetoothd removed the device after {took:.0f} s\n")
    assert last_update(before, CELLAR) == last_update(after, CELLAR), "the cellar was updated after its last packet"
    assert last_update(before, BALCONY) < last_update(after, BALCONY), "the balcony was not updated"
    assert not incomplete(after), incomplete(after)


@scenario
def leaves_with_its_radio(stack: Stack) -> None:
    """When an adapter is unplugged, BlueZ reports each device once more with old data; this is not a packet."""
    first, second = stack.start(), stack.plug_in(VirtualRadio(SECOND_ADDRESS))
    stack.start_air(first, thermometer_sender(LIVING_ROOM))
    air = stack.start_air(second, thermometer_sender(CELLAR))
    exporter = stack.start_exporter(
        [LIVING_ROOM, CELLAR],
        adapter=["hci0", "hci1"],
        on_adapter_failure="continue",
        ear="bluez",
        stale_after_seconds=300,
        **ALL_THE_TIME,
    )

    def wrongs(scrape: Scrape) -> list[str]:
        return [] if scrape.value("ble_sensor_voltage_volts", device=CELLAR.name) else ["the cellar has no voltage"]

    exporter.wait_until_right(wrongs)
    air.end()
    time.sleep(1)
    before = exporter.scrape()
    second.unplug()
    exporter.wait_until_right(
        lambda scrape: [] if scrape.value("ble_exporter_adapter_up", adapter="hci1") == 0 else ["hci1 is up"]
    )
    after = exporter.scrape()
    assert last_update(before, CELLAR) == last_update(after, CELLAR), "the cellar was updated without its adapter"
    rssi = "ble_sensor_rssi_dbm"
    assert after.value(rssi, device=CELLAR.name, adapter="hci1") == CELLAR.rssi_dbm, "the cellar's RSSI changed"


def send_one(radio: VirtualRadio, packet: bytes, rssi_dbm: int) -> None:
    """Send the living room's packet, then one of another device, so that the kernel holds nothing back."""
    radio.advertise(LIVING_ROOM.address, packet, rssi_dbm=rssi_dbm)
    radio.advertise("C0:98:E5:00:00:07", local_name("Scale"), rssi_dbm=-90)


def wait_for_rssi(exporter: Exporter, rssi_dbm: int) -> Scrape:
    """Wait until the living room has this RSSI; return the scrape."""

    def wrongs(scrape: Scrape) -> list[str]:
        served = scrape.value("ble_sensor_rssi_dbm", device=LIVING_ROOM.name, adapter="hci0")
        return [] if served == rssi_dbm else [f"RSSI is {served}, not {rssi_dbm}"]

    return exporter.wait_until_right(wrongs)


@scenario
def repeats(stack: Stack) -> None:
    """A repeated packet updates the RSSI but is not a new measurement; the other packet of the pair is."""
    radio = stack.start()
    exporter = stack.start_exporter([LIVING_ROOM], stale_after_seconds=60, **ALL_THE_TIME)
    exporter.wait_until_it_listens()
    updates = []
    for repeat in range(5):
        send_one(radio, LIVING_ROOM.packet_a(7), -60 - repeat)
        scrape = wait_for_rssi(exporter, -60 - repeat)
        updates.append(last_update(scrape, LIVING_ROOM))
    assert 1 == len(set(updates)), f"five repeats were {len(set(updates))} measurements"
    assert 5 == counter(scrape, "advertisements_decoded")
    send_one(radio, LIVING_ROOM.packet_b(7), -50)
    scrape = wait_for_rssi(exporter, -50)
    assert last_update(scrape, LIVING_ROOM) > updates[0], "the other packet of the pair is not a new measurement"


@scenario
def goes_stale(stack: Stack) -> None:
    """With stale_after_seconds, the values of packet B expire after this time if only packet A is still sent."""
    limit_s = 6
    radio = stack.start()
    air = stack.start_air(radio, thermometer_sender(LIVING_ROOM))
    exporter = stack.start_exporter([LIVING_ROOM], stale_after_seconds=limit_s, **ALL_THE_TIME)
    exporter.wait_until_right(lambda scrape: incomplete(scrape, [LIVING_ROOM]))
    only_a = thermometer_sender(LIVING_ROOM)
    only_a.packets = (LIVING_ROOM.packet_a(number % 256) for number in itertools.count())
    air.add(only_a)
    began = time.monotonic()

    def wrongs(scrape: Scrape) -> list[str]:
        there = [
            name for name in ("voltage_volts", "power_on") if scrape.value(f"ble_sensor_{name}", device="living_room")
        ]
        lost = [] if scrape.value("ble_sensor_temperature_celsius", device="living_room") else ["no temperature"]
        return there + lost

    exporter.wait_until_right(wrongs, within_s=limit_s + 2)
    took = time.monotonic() - began
    assert took > limit_s - 1, f"the voltage expired after {took:.1f} s"
    sys.stdout.write(f"the voltage expired {took:.1f} s after it was last sent\n")


@scenario
def all_at_once(stack: Stack) -> None:
    """60 sensors appear while the scan starts, when bleak may miss one: each is received nevertheless."""
    radio = stack.start(EXPERIMENTAL)
    thermometers = [
        Thermometer(f"sensor_{number}", f"A4:C1:38:00:02:{number:02X}", 20 + number / 10, 50.0, 90, 2.9, -70)
        for number in range(CROWD)
    ]
    stack.start_air(radio, *map(thermometer_sender, thermometers))
    exporter = stack.start_exporter(
        thermometers, ear="bluez", scan_mode="passive", stale_after_seconds=60, **ALL_THE_TIME
    )

    def wrongs(scrape: Scrape) -> list[str]:
        unheard = [thermometer.name for thermometer in thermometers if thermometer.name not in scrape.devices()]
        return [f"not received: {', '.join(unheard)}"] if unheard else []

    exporter.wait_until_right(wrongs)
