"""A device that falls silent disappears from the scrapes, and other devices stay."""

import pytest

from .captures import STREET_SCAN
from .exporter import Exporter
from .programs import wait_for
from .server import SCRAPE_INTERVAL_S, Prometheus

pytestmark = pytest.mark.prometheus

_SEEN_OR_UP = '{job="street", __name__=~"ble_sensor_seen|up"}'


class Scrapes:
    """The times of the street's successful scrapes, in Unix time: all of them, and those with each device."""

    def __init__(self, prometheus: Prometheus) -> None:
        stored = prometheus.samples(_SEEN_OR_UP)
        (up,) = (one.values for one in stored if one.labels["__name__"] == "up")
        self.all = sorted(at for at, is_up in up.items() if is_up)
        self.of_device = {one.labels["device"]: sorted(one.values) for one in stored if "device" in one.labels}

    def first_without_bedroom(self) -> float | None:
        """Return the time of the first scrape without the bedroom; None if there is none yet."""
        last = self.of_device.get("bedroom", [float("inf")])[-1]
        return next((at for at in self.all if at > last), None)


@pytest.fixture(scope="module")
def gone_at(prometheus: Prometheus, street: Exporter) -> float:
    """The time of the first scrape without the bedroom, which earlier scrapes had."""
    return wait_for(lambda: Scrapes(prometheus).first_without_bedroom() or 0.0, "the bedroom is gone")


def test_silent_device_is_gone_in_time(prometheus: Prometheus, gone_at: float) -> None:
    """A dead sensor's last temperature must not stay in the graph: it must disappear when the next scan ends."""
    heard_at = prometheus.value(
        'last_over_time(ble_sensor_last_update_timestamp_seconds{job="street", device="bedroom"}[10m])'
    )
    limit_s = STREET_SCAN.interval_s + STREET_SCAN.duration_s + 2 * SCRAPE_INTERVAL_S
    assert 0 < gone_at - heard_at <= limit_s


def test_all_its_series_go_in_the_same_scrape(prometheus: Prometheus, gone_at: float) -> None:
    """A battery level that outlived its sensor would keep a row in every dashboard."""
    assert not prometheus.query('{job="street", device="bedroom", __name__!="ble_sensor_labels_info"}', at=gone_at)


def test_others_stay_in_the_same_scrape(prometheus: Prometheus, gone_at: float) -> None:
    """One device's silence must not affect the other devices."""
    selector = '{job="street", device!="", __name__!="ble_sensor_labels_info"}'
    found = prometheus.query(f"group by (device) ({selector})", at=gone_at)
    expected = [{"device": "living_room"}]
    assert expected == [series.labels for series in found]


def test_silent_device_stays_away(prometheus: Prometheus, gone_at: float) -> None:
    """No later scan may bring back the values of an earlier one."""
    later = wait_for(lambda: _scrapes_after(prometheus, gone_at + 2 * STREET_SCAN.interval_s), "two more scans")
    assert not prometheus.query('{job="street", device="bedroom", __name__!="ble_sensor_labels_info"}', at=later[0])


def _scrapes_after(prometheus: Prometheus, after_s: float) -> list[float]:
    return [at for at in Scrapes(prometheus).all if at > after_s]


def test_device_that_keeps_sending_is_in_every_scrape(prometheus: Prometheus, gone_at: float) -> None:
    """A device that is heard in each scan must have its series during and between scans, without gaps."""
    scrapes = Scrapes(prometheus)
    of_living_room = scrapes.of_device["living_room"]
    assert [at for at in scrapes.all if at >= of_living_room[0]] == of_living_room
