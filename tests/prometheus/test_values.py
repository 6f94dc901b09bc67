"""The readings are stored in Prometheus exactly as the sensors sent them."""

import pytest

from . import captures
from .exporter import Exporter
from .programs import LOCALHOST
from .server import Prometheus

pytestmark = pytest.mark.prometheus

# The series that Prometheus itself adds to each target.
_SYNTHETIC = "up|scrape_.+"

_VALUES = [
    pytest.param(device, metric, value, id=f"{device}-{metric}")
    for device, values in captures.STILL_VALUES.items()
    for metric, value in values.items()
]


def _identity(labels: dict[str, str]) -> frozenset[tuple[str, str]]:
    """Return the labels of a series, without those that Prometheus adds for its target."""
    return frozenset((name, text) for name, text in labels.items() if name not in ("job", "instance"))


@pytest.mark.parametrize(("device", "metric", "value"), _VALUES)
def test_value_of_the_packet_arrives(
    prometheus: Prometheus, scraped_still: Exporter, device: str, metric: str, value: float
) -> None:
    """A graph must show the sensor's exact value: no rounding, no lost sign and no wrong scale."""
    assert value == prometheus.value(f'ble_sensor_{metric}{{job="still", device="{device}"}}')


def test_all_series_arrive_as_exposed(prometheus: Prometheus, scraped_still: Exporter) -> None:
    """Each measurement, and the time of the last update, must be stored unchanged, and none may be missing."""
    exposed = {_identity(labels): value for labels, value in scraped_still.series() if _is_reading(labels)}
    stored = {_identity(one.labels): one.value for one in prometheus.query('{job="still", __name__=~"ble_sensor_.+"}')}
    assert exposed == stored


def _is_reading(labels: dict[str, str]) -> bool:
    return labels["__name__"].startswith("ble_sensor_")


def test_last_update_is_when_the_packet_was_heard(prometheus: Prometheus, scraped_still: Exporter) -> None:
    """An alert on `time() - last_update` needs a Unix time in seconds, which must be within the only scan."""
    ended = prometheus.value('ble_exporter_last_scan_timestamp_seconds{job="still"}')
    began = ended - prometheus.value('ble_exporter_last_scan_duration_seconds{job="still"}')
    heard = prometheus.value('ble_sensor_last_update_timestamp_seconds{job="still", device="living_room"}')
    assert began < heard < ended


def test_no_series_is_dropped(prometheus: Prometheus, scraped_still: Exporter) -> None:
    """Of two samples with the same labels, Prometheus drops one, and only its log reports it."""
    scraped = prometheus.value('scrape_samples_scraped{job="still"}')
    stored = prometheus.value(f'count({{job="still", __name__!~"{_SYNTHETIC}"}})')
    assert scraped == stored


def test_series_has_its_device_and_the_target_as_labels(
    prometheus: Prometheus, scraped_still: Exporter, ports: dict[str, int]
) -> None:
    """Prometheus would rename a label `job` or `instance` of the exporter, and dashboards would not find it."""
    (series,) = prometheus.query('ble_sensor_temperature_celsius{device="living_room", job="still"}')
    expected = {
        "__name__": "ble_sensor_temperature_celsius",
        "device": "living_room",
        "instance": f"{LOCALHOST}:{ports['still']}",
        "job": "still",
    }
    assert expected == series.labels


def test_name_with_awkward_characters_arrives(prometheus: Prometheus, scraped_still: Exporter) -> None:
    """An owner may choose any name: quotes, backslashes and umlauts must be stored unchanged."""
    devices = {series.labels["device"] for series in prometheus.query('ble_sensor_seen{job="still"}')}
    assert set(captures.STILL_DEVICES.values()) == devices
