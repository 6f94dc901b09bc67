"""The readings arrive in Prometheus as the sensors sent them."""

import pytest

from . import captures
from .exporter import Exporter
from .programs import LOCALHOST
from .server import Prometheus

pytestmark = pytest.mark.prometheus

# What Prometheus itself adds to each target.
_SYNTHETIC = "up|scrape_.+"

_VALUES = [
    pytest.param(device, metric, value, id=f"{device}-{metric}")
    for device, values in captures.STILL_VALUES.items()
    for metric, value in values.items()
]


def _identity(labels: dict[str, str]) -> frozenset[tuple[str, str]]:
    """The identity of a series, without the labels that Prometheus gives to its target."""
    return frozenset((name, text) for name, text in labels.items() if name not in ("job", "instance"))


@pytest.mark.parametrize(("device", "metric", "value"), _VALUES)
def test_value_of_the_packet_arrives(
    prometheus: Prometheus, scraped_still: Exporter, device: str, metric: str, value: float
) -> None:
    """What a sensor sent is what a graph shows, to the last digit: no rounding, no lost sign, no scale on the way."""
    assert value == prometheus.value(f'ble_sensor_{metric}{{job="still", device="{device}"}}')


def test_all_series_arrive_as_exposed(prometheus: Prometheus, scraped_still: Exporter) -> None:
    """Each measurement, and the time of the last update, is stored as /metrics says it: none lost, none altered."""
    exposed = {_identity(labels): value for labels, value in scraped_still.series() if _is_reading(labels)}
    stored = {_identity(one.labels): one.value for one in prometheus.query('{job="still", __name__=~"ble_sensor_.+"}')}
    assert exposed == stored


def _is_reading(labels: dict[str, str]) -> bool:
    return labels["__name__"].startswith("ble_sensor_")


def test_last_update_is_when_the_packet_was_heard(prometheus: Prometheus, scraped_still: Exporter) -> None:
    """An alert on `time() - last_update` needs the time on the wall, in seconds: here within the only scan."""
    ended = prometheus.value('ble_exporter_last_scan_timestamp_seconds{job="still"}')
    began = ended - prometheus.value('ble_exporter_last_scan_duration_seconds{job="still"}')
    heard = prometheus.value('ble_sensor_last_update_timestamp_seconds{job="still", device="living_room"}')
    assert began < heard < ended


def test_no_series_is_dropped(prometheus: Prometheus, scraped_still: Exporter) -> None:
    """Of two samples with the same labels Prometheus drops one with no more than a line in its log."""
    scraped = prometheus.value('scrape_samples_scraped{job="still"}')
    stored = prometheus.value(f'count({{job="still", __name__!~"{_SYNTHETIC}"}})')
    assert scraped == stored


def test_series_has_its_device_and_the_target_as_labels(
    prometheus: Prometheus, scraped_still: Exporter, ports: dict[str, int]
) -> None:
    """A label `job` or `instance` of the exporter's own would be renamed, and dashboards would look for it in vain."""
    (series,) = prometheus.query('ble_sensor_temperature_celsius{device="living_room", job="still"}')
    expected = {
        "__name__": "ble_sensor_temperature_celsius",
        "device": "living_room",
        "instance": f"{LOCALHOST}:{ports['still']}",
        "job": "still",
    }
    assert expected == series.labels


def test_name_with_awkward_characters_arrives(prometheus: Prometheus, scraped_still: Exporter) -> None:
    """A device may be named as its owner likes: quotes, backslashes and umlauts survive the way."""
    devices = {series.labels["device"] for series in prometheus.query('ble_sensor_seen{job="still"}')}
    assert set(captures.STILL_DEVICES.values()) == devices
