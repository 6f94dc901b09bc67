"""Tests of the log of the scans' results."""

import logging

import pytest

from ble_exporter.device import Device
from ble_exporter.formats import bthome
from ble_exporter.model import Advertisement
from ble_exporter.parser import plain_reader
from ble_exporter.service.scan_log import DETAILED_S, ScanLog
from tests.conftest import PACKET_A

LIVING_ROOM, BEDROOM = "A4:C1:38:00:00:01", "A4:C1:38:00:00:02"
SCAN_S = 30.0
DAY_S = 86_400.0


class House:
    """A simulation of two devices, a scan every SCAN_S seconds, and the log."""

    def __init__(self, log: logging.Logger) -> None:
        self.devices = [Device("living_room", LIVING_ROOM, plain_reader), Device("bedroom", BEDROOM, plain_reader)]
        self.log = ScanLog(self.devices, log)
        self.now_s = 0.0

    def pass_by(self, seconds: float, *heard: str) -> None:
        """Let scans hear the devices with these names for this many seconds."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += SCAN_S
            for device in self.devices:
                if device.name in heard:
                    advertisement = Advertisement(device.address, {bthome.UUID: PACKET_A}, -60)
                    device.update(advertisement, device.read(advertisement), self.now_s)
            self.log.scan_ended(f"heard {', '.join(heard) or 'nothing'}", self.now_s)


@pytest.fixture
def house(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> House:
    """A simulation, whose log is captured with its debug messages."""
    caplog.set_level(logging.DEBUG)
    return House(log)


def news(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the messages that a log of level INFO would contain, and forget them."""
    said = [record.message for record in caplog.records if record.levelno >= logging.INFO]
    caplog.clear()
    return said


def test_the_first_hour_is_logged_in_detail(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """A new user watches the log to see whether the exporter works."""
    house.pass_by(DETAILED_S, "living_room", "bedroom")

    assert DETAILED_S / SCAN_S == len(news(caplog))


def test_a_quiet_day_fills_a_dozen_lines(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """A line for each scan would be 2,880 lines a day, and wear out the SD card; DEBUG still shows each scan."""
    house.pass_by(DETAILED_S + SCAN_S, "living_room", "bedroom")
    news(caplog)
    house.pass_by(DAY_S, "living_room", "bedroom")

    assert DAY_S / SCAN_S == len(caplog.records)
    assert 12 == len(news(caplog))


def test_a_device_that_goes_missing_and_returns_is_news(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """A user looks in the log for the times at which a battery ran flat and was replaced."""
    house.pass_by(DETAILED_S + SCAN_S, "living_room", "bedroom")
    news(caplog)
    house.pass_by(DETAILED_S, "living_room")
    gone = news(caplog)
    house.pass_by(DETAILED_S / 2, "living_room", "bedroom")

    assert ["heard living_room"] == gone
    assert ["heard living_room, bedroom"] == news(caplog)


def test_a_scan_that_misses_a_device_once_is_no_news(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """A distant sensor may be missed in every other scan, and would fill the log with its coming and going."""
    house.pass_by(DETAILED_S + SCAN_S, "living_room", "bedroom")
    news(caplog)
    for _ in range(20):
        house.pass_by(SCAN_S, "living_room")
        house.pass_by(SCAN_S, "living_room", "bedroom")

    assert [] == news(caplog)


def test_a_device_that_was_never_heard_is_no_news_for_ever(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """A sensor that was given away but is still configured needs no line for each scan."""
    house.pass_by(DETAILED_S + SCAN_S, "living_room")
    news(caplog)
    house.pass_by(DAY_S, "living_room")

    assert 12 == len(news(caplog))
