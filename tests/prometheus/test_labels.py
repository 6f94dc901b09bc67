"""The labels of the devices can be joined to their series, as docs/metrics.md shows."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from . import captures
from .exporter import Exporter
from .server import Prometheus

pytestmark = pytest.mark.prometheus

_PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
_TARGET = ("__name__", "instance", "job")


def _query(start: str) -> str:
    """Return the documented query that begins with these words."""
    text = " ".join(re.findall(r"^```promql\n(.*?)^```", _PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))
    (found,) = (line for line in text.splitlines() if line.lstrip().startswith(start))
    return found.strip()


def _rows(prometheus: Prometheus, query: str) -> Mapping[str, dict[str, str]]:
    """Return the labels of each series that a query finds, without those of the target, by device."""
    return {
        one.labels["device"]: {key: one.labels[key] for key in sorted(one.labels) if key not in (*_TARGET, "device")}
        for one in prometheus.query(query)
    }


def test_the_join_gives_each_device_its_room(prometheus: Prometheus, scraped_still: Exporter) -> None:
    """A panel by room must have a row for each device with a temperature, even for one without labels."""
    query = _query("ble_sensor_temperature_celsius *").replace(
        "ble_sensor_temperature_celsius", 'ble_sensor_temperature_celsius{job="still"}'
    )
    rooms = {
        name: {"room": captures.STILL_LABELS[address]["room"]} if address in captures.STILL_LABELS else {}
        for address, name in captures.STILL_DEVICES.items()
    }
    temperatures = {one.labels["device"] for one in prometheus.query('ble_sensor_temperature_celsius{job="still"}')}

    assert 3 <= len(temperatures)
    assert {name: room for name, room in rooms.items() if name in temperatures} == _rows(prometheus, query)


def test_rooms_can_be_averaged(prometheus: Prometheus, scraped_still: Exporter) -> None:
    """The usual panel has one line for each room, however many sensors the room has."""
    query = _query("avg by (room)").replace(
        "ble_sensor_temperature_celsius", 'ble_sensor_temperature_celsius{job="still"}'
    )
    found = {one.labels.get("room", ""): one.value for one in prometheus.query(query)}

    assert captures.STILL_VALUES["living_room"]["temperature_celsius"] == found["living room"]


def test_a_configured_device_that_is_not_heard_is_found(prometheus: Prometheus, street: Exporter) -> None:
    """A sensor that was never heard has no readings, so no alert on a reading can report it."""
    query = _query("ble_sensor_labels_info unless").replace(
        "ble_sensor_labels_info", 'ble_sensor_labels_info{job="street"}'
    )

    assert "cellar" in _rows(prometheus, query)
    assert "living_room" not in _rows(prometheus, query)
