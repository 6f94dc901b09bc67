"""Each event of a button is an increase in Prometheus, even the first one."""

import pytest

from .exporter import Exporter
from .server import Prometheus

pytestmark = pytest.mark.prometheus

_USED = ["wall_switch", "remote"]
_EVENTS = {"wall_switch": "press", "remote": "hold_press"}


def _counts(device: str) -> str:
    return f'ble_sensor_events_total{{job="remote", device="{device}", position=""}}'


@pytest.mark.parametrize("device", _USED)
def test_an_event_is_an_increase_of_one(prometheus: Prometheus, remote: Exporter, device: str) -> None:
    """Alerts and graphs count presses by `increase`, which misses the first press if a series begins with 1."""
    found = prometheus.wait_for(f"round(increase({_counts(device)}[5m])) > 0")

    assert [(_EVENTS[device], 1)] == [(series.labels["event"], series.value) for series in found]


@pytest.mark.parametrize("device", _USED)
def test_every_series_begins_with_0_and_stays(prometheus: Prometheus, remote: Exporter, device: str) -> None:
    """If a series vanished between two presses, Prometheus would not see the second press as an increase."""
    prometheus.wait_for(f"{_counts(device)} > 0")
    stored = {one.labels["event"]: list(one.values.values()) for one in prometheus.samples(_counts(device))}

    assert 9 == len(stored)
    assert {0} == {values[0] for values in stored.values()}
    assert {_EVENTS[device]: 1} == {event: values[-1] for event, values in stored.items() if values[-1]}


def test_a_count_outlives_the_silence_of_its_button(prometheus: Prometheus, remote: Exporter) -> None:
    """A button is heard only when pressed: if its count expired with its values, graphs would lose the presses."""
    prometheus.wait_for(f"{_counts('wall_switch')} > 0")
    assert not prometheus.query('ble_sensor_seen{job="remote", device="wall_switch"}')
    assert 9 == len(prometheus.query(_counts("wall_switch")))
