"""The share of the packets on air that each ear hears, in various rooms and with various controllers."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from .air import Sender, Thermometer, local_name, manufacturer_data
from .exporter import Exporter
from .hci import AdvertisingType
from .polling import wait_until
from .registry import scenario_of
from .scenarios_modes import ALL_THE_TIME, EXPERIMENTAL, counter
from .scenarios_soak import IS_LONG, SET_UP_S, say
from .stack import Stack
from .virtual_radio import DuplicateFilter, VirtualRadio

LISTENERS = (("ear: bluez, active", "bluez", "active"), ("ear: bluez, passive", "bluez", "passive"))
MONITOR = ("ear: monitor", "monitor", "auto")
SECONDS = 25.0 if IS_LONG else 12.0
"""The time for which packets are sent; the kernel restarts the scan, which clears the duplicate filter, every 11 s."""
REAL_CADENCE_S = 2.5
STABLE_S = 2.0
APPLE = 0x004C
BY_ADDRESS, BY_DATA = DuplicateFilter.SAME_ADDRESS, DuplicateFilter.SAME_DATA


@dataclass(frozen=True)
class Row:
    """A room: the senders in it, and the controller that hears them."""

    title: str
    thermometers: int = 1
    others: int = 0
    """Other devices in range, each of which sends once a second."""
    answered: float = 1.0
    """The share of scan responses that arrive."""
    kind: AdvertisingType = AdvertisingType.ADV_IND
    duplicate_filter: DuplicateFilter = DuplicateFilter.NONE
    copies: int = 1
    """How often each packet is sent."""
    cadence_s: float = 0.25
    """The interval of each thermometer."""


ROWS = (
    Row("1 thermometer, all scan responses lost", answered=0.0),
    Row("10 thermometers, filter by address", 10, duplicate_filter=BY_ADDRESS, cadence_s=REAL_CADENCE_S),
    Row("100 thermometers, 1,000 packets a second", 100, kind=AdvertisingType.ADV_NONCONN_IND, cadence_s=0.1),
    Row("3 thermometers, 20 other devices, p = 0.7", 3, 20, 0.7),
    Row("3 thermometers, p = 1", 3),
    Row("3 thermometers, p = 0.3", 3, answered=0.3),
    Row("1 thermometer, p = 1"),
    Row("1 thermometer, p = 0.7", answered=0.7),
    Row("1 thermometer, p = 0.3", answered=0.3),
    Row("2 thermometers, not connectable", 2, kind=AdvertisingType.ADV_NONCONN_IND),
    Row("2 thermometers, each packet five times", 2, kind=AdvertisingType.ADV_NONCONN_IND, copies=5, cadence_s=0.1),
    Row("10 thermometers, filter by data", 10, duplicate_filter=BY_DATA, cadence_s=REAL_CADENCE_S),
)[: None if IS_LONG else 3]


def send_packets(radio: VirtualRadio, row: Row, thermometers: list[Thermometer]) -> tuple[int, int]:
    """Send packets for SECONDS; return the numbers of packets on air, and reported by the controller."""
    sources = [thermometer.packets() for thermometer in thermometers]
    pause_s = row.cadence_s / row.thermometers
    current = [next(source) for source in sources]
    began, sent, reported = time.monotonic(), 0, 0
    while (now := time.monotonic() - began) < SECONDS:
        # A guest's clock is too coarse for the pauses between 1,000 packets a second.
        while sent * pause_s <= now:
            index = sent % row.thermometers
            if sent // row.thermometers % row.copies == 0:
                current[index] = next(sources[index])
            reported += radio.advertise(
                thermometers[index].address,
                current[index],
                rssi_dbm=thermometers[index].rssi_dbm,
                kind=row.kind,
                scan_response=local_name("ATC") if random.random() < row.answered else None,
            )
            sent += 1
        time.sleep(min(pause_s, 0.01))
    return sent, reported


def decoded_at_last(exporter: Exporter) -> int:
    """Return the number of decoded packets when it no longer grows."""
    before, since = -1, time.monotonic()
    while time.monotonic() - since < STABLE_S:
        decoded = int(counter(exporter.scrape(), "advertisements_decoded"))
        if decoded != before:
            before, since = decoded, time.monotonic()
        time.sleep(0.2)
    return before


def hear(stack: Stack, radio: VirtualRadio, row: Row, ear: str, mode: str) -> tuple[int, int, int]:
    """Return the numbers of packets on air, reported by the controller, and decoded by the exporter."""
    thermometers = [
        Thermometer(f"sensor_{number}", f"A4:C1:38:00:01:{number:02X}", 20 + number / 10, 50.0, 90, 2.9, -70)
        for number in range(row.thermometers)
    ]
    exporter = stack.start_exporter(thermometers, ear=ear, scan_mode=mode, **ALL_THE_TIME)
    exporter.wait_until_it_listens()
    wait_until(lambda: radio.scanning, "the radio scans", SET_UP_S)
    sent, reported = send_packets(radio, row, thermometers)
    decoded = decoded_at_last(exporter)
    exporter.terminate(SET_UP_S)
    wait_until(lambda: not radio.scanning, "the radio is idle")
    return sent, reported, decoded


def others(row: Row) -> list[Sender]:
    """Return the other devices in range."""
    packet = manufacturer_data(APPLE, bytes.fromhex("1006031eabcdef01"))
    return [
        Sender(f"C0:00:00:00:00:{number:02X}", iter(lambda: packet, b""), -80, random_address=True, cadence_s=1.0)
        for number in range(row.others)
    ]


@scenario_of(len(ROWS) * 3 * (SECONDS + SET_UP_S))
def delivery(stack: Stack) -> None:
    """The monitor ear decodes every packet that the controller reports; the table shows what BlueZ's reports lose."""
    stack.start_dbus()
    stack.start_bluetoothd(EXPERIMENTAL)
    lines = ["Packets on air / reported by the controller / heard"]
    wrong = []
    for row in ROWS:
        figures = []
        for title, ear, mode in (*LISTENERS, MONITOR):
            radio = stack.plug_in(VirtualRadio(duplicate_filter=row.duplicate_filter))
            air = stack.start_air(radio, *others(row))
            sent, reported, decoded = hear(stack, radio, row, ear, mode)
            air.end()
            radio.unplug()
            figures.append(f"{title} {sent}/{reported}/{decoded} ({100 * decoded / sent:.0f} %)")
            if ear == "monitor" and decoded != reported:
                wrong.append(f"{row.title}: the monitor ear decoded {decoded} of {reported}")
        lines.append(f"{row.title}: {'; '.join(figures)}")
        say(lines[-1])
    say("\n".join(lines))
    assert not wrong, "\n".join(wrong)
