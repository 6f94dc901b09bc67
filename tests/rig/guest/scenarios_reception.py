"""The counts of missed measurements, compared with a sensor's true losses."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter

from .air import local_name
from .exporter import Scrape
from .hci import AdvertisingType
from .registry import scenario
from .scenarios_modes import ALL_THE_TIME, EXPERIMENTAL
from .scenarios_readings import BALCONY, CELLAR, LIVING_ROOM
from .stack import Stack
from .virtual_radio import VirtualRadio

LOSS = {LIVING_ROOM: 0.0, BALCONY: 0.5, CELLAR: 0.9}
"""The share of the packets of each thermometer that is lost on air."""
MEASUREMENTS = 150
PACKETS_PER_MEASUREMENT = 4
BETWEEN_PACKETS_S = 0.05
MOST_UNCOUNTED = 60
"""The maximum number of measurements before the first one is counted; with heavy losses, there are many."""
TOLERANCE = 0.1
"""A little less than three standard errors, if a third of the 150 measurements is missed."""


def send_with_losses(radio: VirtualRadio) -> Counter[str]:
    """Send MEASUREMENTS measurements of each thermometer; return the number that the radio missed, by name."""
    sources = {thermometer: thermometer.packets() for thermometer in LOSS}
    missed: Counter[str] = Counter()
    for _ in range(MEASUREMENTS):
        received = set()
        for _ in range(PACKETS_PER_MEASUREMENT):
            for thermometer, loss in LOSS.items():
                packet = next(sources[thermometer])
                if random.random() >= loss and radio.advertise(
                    thermometer.address,
                    packet,
                    rssi_dbm=thermometer.rssi_dbm,
                    kind=AdvertisingType.ADV_IND,
                    scan_response=local_name("ATC"),
                ):
                    received.add(thermometer.name)
            time.sleep(BETWEEN_PACKETS_S)
        missed.update(thermometer.name for thermometer in LOSS if thermometer.name not in received)
    return missed


@scenario
def losses_are_counted(stack: Stack) -> None:
    """The metrics roughly agree with the true number of measurements of which the radio received no packet."""
    radio = stack.start(EXPERIMENTAL)
    exporter = stack.start_exporter(list(LOSS), stale_after_seconds=60, **ALL_THE_TIME)
    exporter.wait_until_it_listens()
    missed = send_with_losses(radio)

    def counted(scrape: Scrape, metric: str) -> dict[str, float]:
        return scrape.by_device(f"ble_sensor_measurements{metric}_total")

    def wrongs(scrape: Scrape) -> list[str]:
        wrong = []
        for name in (thermometer.name for thermometer in LOSS):
            heard, lost = counted(scrape, "").get(name, 0), counted(scrape, "_missed").get(name, 0)
            is_complete = 0 <= MEASUREMENTS - heard - lost <= MOST_UNCOUNTED
            if not is_complete or abs(lost / (heard + lost) - missed[name] / MEASUREMENTS) > TOLERANCE:
                wrong.append(f"{name}: {heard:g} heard and {lost:g} missed, but {missed[name]} were missed")
        return wrong

    scrape = exporter.wait_until_right(wrongs)
    for thermometer, loss in LOSS.items():
        name = thermometer.name
        sys.stdout.write(
            f"{100 * loss:.0f} % of the packets lost: {missed[name]} of {MEASUREMENTS} measurements missed, "
            f"{counted(scrape, '_missed')[name]:g} counted, {counted(scrape, '')[name]:g} heard\n"
        )
