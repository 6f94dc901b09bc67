"""What sensors say that is no measurement: each event is counted once, and what a sensor says of itself is known."""

from collections.abc import Mapping

import pytest

from ble_exporter.formats.bthome import UUID
from ble_exporter.metrics.readings import Readings
from ble_exporter.model import Advertisement, Reading
from ble_exporter.parser import decode
from tests.conftest import samples
from tests.data import named

PRESS: Mapping[str, int | str | bytes] = {"button": "press"}
PRESSES = "events_total['attic', 'button', 'press']"


def hear(
    readings: Readings, *packets: tuple[float, Mapping[str, int | str | bytes], int | None], adapter: str = ""
) -> None:
    """Take in packets of the attic: when, what, and the packet id."""
    for heard_at, others, packet_id in packets:
        readings.update(Reading("attic", {}, heard_at, packet_id=packet_id, others=named(others), adapter=adapter))


def counted(readings: Readings) -> dict[str, float]:
    """Return the counts of events in a scrape."""
    return {name: value for name, value in samples(readings).items() if name.startswith("events_total")}


def test_an_event_is_counted_once_however_often_it_is_sent(readings: Readings) -> None:
    """A button sends each press several times, so that it is heard: a light that toggles twice stays dark."""
    hear(readings, (1000.0, PRESS, 7), (1000.1, PRESS, 7), (1009.9, PRESS, 7), (1300.0, PRESS, 7))

    assert {PRESSES: 1} == counted(readings)


def test_each_packet_id_is_another_press(readings: Readings) -> None:
    """Two presses within a second are two."""
    hear(readings, (1000.0, PRESS, 7), (1000.5, PRESS, 8), (1001.0, PRESS, 9))

    assert {PRESSES: 3} == counted(readings)


def test_another_event_under_the_same_id_counts(readings: Readings) -> None:
    """It is not what was counted."""
    hear(readings, (1000.0, PRESS, 7), (1000.5, {"button": "long_press"}, 7))

    assert {PRESSES: 1, "events_total['attic', 'button', 'long_press']": 1} == counted(readings)


def test_an_id_that_was_not_heard_for_long_is_another_press(readings: Readings) -> None:
    """The ids begin anew after 256 packets, and with a new battery."""
    hear(readings, (1000.0, PRESS, 7), (1600.0, PRESS, 7))

    assert {PRESSES: 2} == counted(readings)


def test_without_packet_id_what_is_near_is_a_repeat(readings: Readings) -> None:
    """Nothing tells the two apart: of a sensor without ids a fast second press is lost, and no press is invented."""
    hear(readings, (1000.0, PRESS, None), (1004.9, PRESS, None), (1009.9, PRESS, None))

    assert {PRESSES: 2} == counted(readings)


def test_what_another_adapter_tells_late_is_no_press(readings: Readings) -> None:
    """The kernel holds a packet back until it hears the next one."""
    hear(readings, (1000.0, PRESS, 7), (1000.5, {"button": "double_press"}, 8), adapter="hci0")
    hear(readings, (1001.0, PRESS, 7), adapter="hci1")
    hear(readings, (1001.5, {"button": "double_press"}, 8), adapter="hci1")

    assert {PRESSES: 1, "events_total['attic', 'button', 'double_press']": 1} == counted(readings)


def test_each_button_is_told_apart_by_its_position(readings: Readings) -> None:
    """A remote control with four buttons; "none" is what it says of those that nobody touched."""
    reading = decode(Advertisement("A4:C1:38:00:00:01", {UUID: bytes.fromhex("4000093a003a043a003a01")}, 1.0), "x")
    readings.update(reading)

    assert {"events_total['2', 'button', 'long_press', 'x']": 1, "events_total['4', 'button', 'press', 'x']": 1} == (
        counted(readings)
    )


@pytest.mark.parametrize(
    ("payload", "series"),
    [
        ("403a80", "events_total['attic', 'button', 'hold_press']"),
        ("403c0203", "events_total['attic', 'dimmer', 'rotate_right']"),
        ("403b0002", "events_total['attic', 'command', 'toggle']"),
        ("403b02030a0b", "events_total['attic', 'command', 'step_up']"),
        ("403a7f", "events_total['attic', 'button', 'unknown']"),
        ("403c7f01", "events_total['attic', 'dimmer', 'unknown']"),
    ],
)
def test_the_labels_of_an_event_are_few(payload: str, series: str, readings: Readings) -> None:
    """Anybody can send any step or argument under a sensor's address: as labels they would fill Prometheus."""
    advertisement = Advertisement("A4:C1:38:00:00:01", {UUID: bytes.fromhex(payload)}, 1000.0)
    readings.update(decode(advertisement, "attic"))

    assert {series: 1} == counted(readings)


def test_a_count_goes_with_its_device_and_comes_back_whole(readings: Readings) -> None:
    """A device that was not heard has no series; a count that began anew would look like a restart."""
    hear(readings, (1000.0, PRESS, 7))
    readings.end_scan()
    readings.begin_scan()
    readings.end_scan()
    assert {} == counted(readings)

    hear(readings, (1100.0, {}, None))
    assert {PRESSES: 1} == counted(readings)


def test_what_a_sensor_says_of_itself_is_an_info(readings: Readings) -> None:
    """Which of my sensors still has the old firmware? The latest word counts."""
    hear(readings, (1000.0, {"firmware_version": "4.1.0.0"}, 1), (1001.0, {"device_type": 1}, 2))
    hear(readings, (1002.0, {"firmware_version": "4.1.1.0", "text": "hello", "raw": b"x"}, 3))

    families = {family.name: family for family in readings.collect()}
    assert [({"device": "attic", "device_type": "1", "firmware_version": "4.1.1.0"}, 1)] == [
        (sample.labels, sample.value) for sample in families["ble_sensor_device"].samples
    ]


def test_nobody_can_fill_prometheus_with_buttons(readings: Readings) -> None:
    """Anybody can send some hundred under a sensor's address; those that were there before go on counting."""
    hear(readings, (1000.0, PRESS, 1))
    hear(readings, (1001.0, {f"button_{number}": "press" for number in range(2, 128)}, 2))
    hear(readings, (1002.0, PRESS, 3))

    series = counted(readings)
    assert (64, 2) == (len(series), series[PRESSES])


def test_nobody_can_fill_prometheus_with_versions(readings: Readings) -> None:
    """Each would be another series: Prometheus keeps them all. What was known before is still believed."""
    series = set()
    for number in range(200):
        hear(readings, (1000.0 + number, {"firmware_version": f"4.1.0.{number}"}, None))
        series |= {name for name in samples(readings) if "4.1.0." in name}
    hear(readings, (2000.0, {"firmware_version": "4.1.0.0"}, None))

    assert 16 == len(series)
    assert [name for name in samples(readings) if "'4.1.0.0'" in name]
