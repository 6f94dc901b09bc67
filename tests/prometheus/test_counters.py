"""The exporter's counters increase, and agree with each other in each scrape."""

import pytest

from .exporter import Exporter
from .server import Prometheus

pytestmark = pytest.mark.prometheus

_PREFIX = "ble_exporter_advertisements"
_REJECTED = f'sum without (reason) ({_PREFIX}_rejected_total{{job="street"}})'
_PARTS = [f'{_PREFIX}_decoded_total{{job="street"}}', f'{_PREFIX}_unknown_device_total{{job="street"}}', _REJECTED]


def test_scans_are_counted(prometheus: Prometheus, street: Exporter) -> None:
    """The alert on an exporter that no longer scans needs a counter that increases with each scan."""
    assert prometheus.wait_for('increase(ble_exporter_scans_total{job="street"}[5s]) > 0')


def test_no_counter_goes_back(prometheus: Prometheus, street: Exporter) -> None:
    """A counter that decreases looks like a restart, and produces a wrong rate."""
    prometheus.wait_for('ble_exporter_scans_total{job="street"} > 2')
    stored = [list(one.values.values()) for one in prometheus.samples('{job="street", __name__=~"ble_.+_total"}')]
    assert [sorted(values) for values in stored] == stored


@pytest.mark.parametrize("part", _PARTS, ids=["decoded", "unknown_device", "rejected"])
def test_each_fate_is_counted(prometheus: Prometheus, street: Exporter, part: str) -> None:
    """To explain a gap, users first look at the number of packets with each fate; the street's capture has them all."""
    assert prometheus.wait_for(f"{part} > 0")


def test_received_is_the_sum_of_all_fates(prometheus: Prometheus, street: Exporter) -> None:
    """If a packet were counted twice or not at all, every ratio of these counters would be wrong."""
    prometheus.wait_for(f"({' > 0) and ('.join(_PARTS)} > 0)")
    received = f'{_PREFIX}_received_total{{job="street"}}'
    assert prometheus.query(f"{received} == {' + '.join(_PARTS)}")
