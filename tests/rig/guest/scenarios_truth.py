"""No packet is lost, and nothing but a packet counts: what BlueZ keeps, repeats and forgets is not heard."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator

from .air import AAAB, ABAB, Thermometer, local_name, thermometer_sender
from .exporter import Exporter, Scrape
from .hci import AdvertisingType
from .polling import wait_until
from .registry import scenario
from .scenarios_modes import ALL_THE_TIME, EXPERIMENTAL, SECOND_ADDRESS, counter
from .scenarios_readings import BALCONY, CELLAR, LIVING_ROOM, THERMOMETERS, incomplete
from .stack import Stack, knows
from .virtual_radio import VirtualRadio
from .witness import Witness

SENDERS = 10
PACKETS = 2000
BETWEEN_PACKETS_S = 0.005
"""Ten thermometers at 2.5 s, compressed to 0.1 to 0.2 s: a pause lasts until a tick, of which there is one in 10 ms."""
FORGOTTEN_WITHIN_S = 45.0
"""Bluetoothd forgets a device that was not heard for 30 s."""
KERNEL_DROPS = 3
"""So many the kernel may drop at each restart of a scan; it was two of 2,000 at most, with three restarts."""
CROWD = 60
"""Of them one appears every 7 ms, on an average."""
LAST_UPDATE = "ble_sensor_last_update_timestamp_seconds"


def send_rounds(radio: VirtualRadio, thermometers: list[Thermometer], order: tuple[str, ...]) -> Iterator[int]:
    """
    Send PACKETS packets, in turn from each thermometer, each until the radio was on to hear it.

    Yields:
        After each round, how many packets that were not, byte for byte, the thermometer's one before.
    """
    packets = [thermometer.packets(order) for thermometer in thermometers]
    before: dict[str, bytes] = {}
    news = 0
    for _round in range(PACKETS // len(thermometers)):
        for thermometer, source in zip(thermometers, packets, strict=True):
            packet = next(source)
            news += before.get(thermometer.address) != packet
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
        yield news


def hear_all(stack: Stack, mode: str, order: tuple[str, ...] = ABAB) -> None:
    """
    Send 2,000 packets: each is decoded, but for repeats where BlueZ does not tell of them.

    What the kernel itself drops when it restarts an active scan, every 11 s, is told apart: one or two now and then.
    """
    radio = stack.start(EXPERIMENTAL)
    thermometers = [
        Thermometer(f"sensor_{number}", f"A4:C1:38:00:01:{number:02X}", 20 + number / 10, 50.0, 90, 2.9, -70)
        for number in range(SENDERS)
    ]
    exporter = stack.start_exporter(thermometers, scan_mode=mode, **ALL_THE_TIME)
    exporter.wait_until_it_listens()
    addresses = {thermometer.address for thermometer in thermometers}
    told: list[str] = []
    witness = Witness(lambda address, _data: told.append(address))
    news = 0

    def expected() -> int:
        # A passive scan is never restarted, and its reports are another event, which the witness does not know.
        return news if mode == "passive" else sum(address in addresses for address in told)

    def wrongs(scrape: Scrape) -> list[str]:
        decoded = counter(scrape, "advertisements_decoded")
        # Beside a monitor the kernel now and then tells of one by that event alone, which the witness does not know.
        most = expected() if mode == "passive" else PACKETS
        return [] if expected() <= decoded <= most else [f"{decoded:g} of {expected()} were decoded"]

    for news in send_rounds(radio, thermometers, order):  # noqa: B007 - expected() looks at it
        # On a machine too busy to keep up bluetoothd may come to two packets of a sensor at once, and tells of the
        # latter alone; real sensors leave it 2.5 s.
        exporter.wait_until_right(wrongs)
    # The kernel may hold the very last one back until somebody else is heard.
    radio.advertise("C0:98:E5:00:00:07", local_name("Scale"), rssi_dbm=-90)
    scrape = exporter.wait_until_right(wrongs)
    witness.end()
    dropped = 0 if mode == "passive" else PACKETS - expected()
    sys.stdout.write(f"{mode}: 0 of {expected()} packets lost; {PACKETS - news} of {PACKETS} on air were repeats; ")
    restarts = max(radio.completed_scans, 1)
    sys.stdout.write(f"{dropped} dropped by the kernel at {restarts} restarts\n")
    assert dropped <= KERNEL_DROPS * restarts, f"the kernel dropped {dropped} at {restarts} restarts"
    assert not scrape.value("ble_exporter_advertisements_rejected_total", reason="truncated")


@scenario
def no_packet_lost_actively(stack: Stack) -> None:
    """0 of 2,000 packets, pairs under one id, in an active scan."""
    hear_all(stack, "active")


@scenario
def no_packet_lost_passively(stack: Stack) -> None:
    """0 of 2,000 packets, pairs under one id, in a passive scan."""
    hear_all(stack, "passive")


@scenario
def no_packet_lost_automatically(stack: Stack) -> None:
    """0 of 2,000 packets, pairs under one id, in the mode that auto takes."""
    hear_all(stack, "auto")


@scenario
def no_old_packet_lost_passively(stack: Stack) -> None:
    """The older firmware sends each packet three times: BlueZ tells of it once, and no measurement is lost."""
    hear_all(stack, "passive", AAAB)


def last_update(scrape: Scrape, thermometer: Thermometer) -> float:
    """When a new measurement of it was heard."""
    updated = scrape.value(LAST_UPDATE, device=thermometer.name)
    assert updated is not None, f"{thermometer.name} has no last update"
    return updated


@scenario
def one_leaves(stack: Stack) -> None:
    """BlueZ forgets a device half a minute after it has left, and tells of it once more: that is no packet."""
    radio = stack.start()
    air = stack.start_air(radio, *map(thermometer_sender, THERMOMETERS))
    exporter = stack.start_exporter(THERMOMETERS, stale_after_seconds=300, **ALL_THE_TIME)
    exporter.wait_until_right(incomplete)
    air.silence(CELLAR)
    time.sleep(1)
    before = exporter.scrape()
    assert knows(CELLAR.address), "bluetoothd has forgotten it already"
    took = wait_until(lambda: not knows(CELLAR.address), "bluetoothd forgets it", FORGOTTEN_WITHIN_S)
    time.sleep(1)
    after = exporter.scrape()
    sys.stdout.write(f"bluetoothd forgot it after {took:.0f} s\n")
    assert last_update(before, CELLAR) == last_update(after, CELLAR), "it was updated after it had left"
    assert last_update(before, BALCONY) < last_update(after, BALCONY), "the others were not updated"
    assert not incomplete(after), incomplete(after)


@scenario
def leaves_with_its_radio(stack: Stack) -> None:
    """When an adapter is unplugged BlueZ tells of each device once more, with its old data: that is no packet."""
    first, second = stack.start(), stack.plug_in(VirtualRadio(SECOND_ADDRESS))
    stack.start_air(first, thermometer_sender(LIVING_ROOM))
    air = stack.start_air(second, thermometer_sender(CELLAR))
    exporter = stack.start_exporter(
        [LIVING_ROOM, CELLAR],
        adapter=["hci0", "hci1"],
        on_adapter_failure="continue",
        stale_after_seconds=300,
        **ALL_THE_TIME,
    )

    def wrongs(scrape: Scrape) -> list[str]:
        return [] if scrape.value("ble_sensor_voltage_volts", device=CELLAR.name) else ["the cellar is not there"]

    exporter.wait_until_right(wrongs)
    air.end()
    time.sleep(1)
    before = exporter.scrape()
    second.unplug()
    exporter.wait_until_right(
        lambda scrape: [] if scrape.value("ble_exporter_adapter_up", adapter="hci1") == 0 else ["hci1 is up"]
    )
    after = exporter.scrape()
    assert last_update(before, CELLAR) == last_update(after, CELLAR), "it was updated after its radio had gone"
    rssi = "ble_sensor_rssi_dbm"
    assert after.value(rssi, device=CELLAR.name, adapter="hci1") == CELLAR.rssi_dbm, "its RSSI has changed"


def send_one(radio: VirtualRadio, packet: bytes, rssi_dbm: int) -> None:
    """Send the living room's packet at an RSSI, and somebody else's after it, so that no kernel holds it back."""
    radio.advertise(LIVING_ROOM.address, packet, rssi_dbm=rssi_dbm)
    radio.advertise("C0:98:E5:00:00:07", local_name("Scale"), rssi_dbm=-90)


def wait_for_rssi(exporter: Exporter, rssi_dbm: int) -> Scrape:
    """Wait until the living room's RSSI is served."""

    def wrongs(scrape: Scrape) -> list[str]:
        served = scrape.value("ble_sensor_rssi_dbm", device=LIVING_ROOM.name, adapter="hci0")
        return [] if served == rssi_dbm else [f"RSSI is {served}, not {rssi_dbm}"]

    return exporter.wait_until_right(wrongs)


@scenario
def repeats(stack: Stack) -> None:
    """The same packet again is heard, with its own RSSI, but it is no new measurement; the other one of the pair is."""
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
    assert last_update(scrape, LIVING_ROOM) > updates[0], "the other packet of the pair is no measurement"


@scenario
def goes_stale(stack: Stack) -> None:
    """Told so many seconds, a value goes so long after it was heard, by itself: here a voltage no longer sent."""
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
    assert took > limit_s - 1, f"the voltage went after {took:.1f} s"
    sys.stdout.write(f"the voltage went {took:.1f} s after it was last sent\n")


@scenario
def all_at_once(stack: Stack) -> None:
    """Sensors without number send when the scan begins, and all of them appear in that moment: each is heard."""
    radio = stack.start(EXPERIMENTAL)
    thermometers = [
        Thermometer(f"sensor_{number}", f"A4:C1:38:00:02:{number:02X}", 20 + number / 10, 50.0, 90, 2.9, -70)
        for number in range(CROWD)
    ]
    stack.start_air(radio, *map(thermometer_sender, thermometers))
    exporter = stack.start_exporter(thermometers, scan_mode="passive", stale_after_seconds=60, **ALL_THE_TIME)

    def wrongs(scrape: Scrape) -> list[str]:
        unheard = [thermometer.name for thermometer in thermometers if thermometer.name not in scrape.devices()]
        return [f"not heard: {', '.join(unheard)}"] if unheard else []

    exporter.wait_until_right(wrongs)
