"""Prometheus can scrape the exporter, and gets OpenMetrics, which it prefers."""

import pytest

from .exporter import Exporter
from .server import Prometheus

pytestmark = pytest.mark.prometheus


def test_target_is_up(prometheus: Prometheus, scraped_still: Exporter) -> None:
    """Most users have an alert on `up`, which must not fire while the exporter is healthy."""
    assert prometheus.query('up{job="still"} == 1')


def test_scrape_has_no_error(prometheus: Prometheus, scraped_still: Exporter) -> None:
    """Prometheus, which sends its own Accept header and requests gzip, must be able to read the whole answer."""
    expected = {"health": "up", "lastError": ""}
    target = prometheus.target("still")
    assert expected == {key: target[key] for key in expected}


@pytest.mark.parametrize(
    ("family", "types"),
    [
        ("ble_sensor_temperature_celsius", ["gauge"]),
        ("ble_exporter_scans", ["counter"]),
        ("ble_exporter_scans_total", []),
    ],
)
def test_scrape_is_openmetrics(prometheus: Prometheus, scraped_still: Exporter, family: str, types: list[str]) -> None:
    """Prometheus prefers OpenMetrics; only in that format does a counter's family have a name without `_total`."""
    assert types == prometheus.metric_types("still", family)
