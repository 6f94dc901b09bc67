"""Every query of the Grafana dashboard finds data in a Prometheus that scrapes the exporter."""

import http.client
import math
import re
from collections.abc import Mapping

import pytest

from ble_exporter.errors import RESET_OUTCOMES

from .eventful import DEVICES, GUEST_ROOM_NAME
from .exporter import Exporter
from .grafana import PANELS, ROOT, TARGETS, Target, all_of, interpolated, rate_interval, variable_queries
from .programs import LOCALHOST, wait_for
from .server import SCRAPE_INTERVAL_S, Prometheus

pytestmark = pytest.mark.prometheus

_JOB = "eventful"
_NAMES = list(DEVICES.values())

EMPTY_IN_HEALTH = {
    "Rejected advertisements": "counts only rejected packets",
    "HTTP errors": "counts only failed requests",
    "Days until the battery is at 10 %": "a battery that has not fallen by 2 % has no trend",
}
"""Panel → the reason why it is empty while nothing has failed."""


@pytest.fixture(scope="module")
def variables(prometheus: Prometheus, eventful: Exporter, ports: dict[str, int]) -> Mapping[str, str]:
    """Grafana's variables for all devices of the eventful exporter, once it has a silent sensor and an HTTP error."""
    expected = f'ble_sensor_silence_reason{{job="{_JOB}", device="garden"}} == 1'
    prometheus.wait_for(f'ble_exporter_http_errors_total{{job="{_JOB}", kind="foreign_host"}}')
    _ask_under_a_foreign_name(eventful)
    prometheus.wait_for(expected)
    prometheus.wait_for(f'increase(ble_exporter_http_errors_total{{job="{_JOB}", kind="foreign_host"}}[1m]) > 0')
    return {
        "instance": all_of([f"{LOCALHOST}:{ports[_JOB]}"]),
        "device": all_of(_NAMES),
        "label": "room",
        "label_value": ".*",
        "__rate_interval": rate_interval(SCRAPE_INTERVAL_S),
    }


def _ask_under_a_foreign_name(exporter: Exporter) -> None:
    """Send a request that the exporter refuses and counts."""
    connection = http.client.HTTPConnection(LOCALHOST, exporter.port, timeout=10)
    try:
        connection.request("GET", "/status", headers={"Host": "example.org"})
        assert http.HTTPStatus.MISDIRECTED_REQUEST == connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.id)
def test_every_query_finds_data(prometheus: Prometheus, variables: Mapping[str, str], target: Target) -> None:
    """A wrong query, for example with a misspelt metric, leaves its panel empty without an error."""
    expression = interpolated(target.expression, variables)
    if target.is_instant:
        assert prometheus.wait_for(expression)
    else:
        wait_for(lambda: prometheus.range(expression, 60), f"Prometheus finds {expression}")


@pytest.mark.parametrize("panel", EMPTY_IN_HEALTH)
def test_a_panel_that_is_empty_in_health_says_so(panel: str) -> None:
    """The words "No data" would look like a fault of the dashboard; the documentation gives the reason."""
    (found,) = (one for one in PANELS if one["title"] == panel)

    assert "No data" != found["fieldConfig"]["defaults"]["noValue"]
    assert f"\n| {panel} |" in (ROOT / "docs" / "grafana.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("panel", EMPTY_IN_HEALTH)
def test_a_healthy_exporter_leaves_it_empty(
    prometheus: Prometheus, variables: Mapping[str, str], remote: Exporter, ports: dict[str, int], panel: str
) -> None:
    """Lines at 0 for every reason and kind would hide the one that is above 0."""
    prometheus.wait_for('ble_exporter_scans_total{job="remote"} > 0')
    healthy = {**variables, "instance": all_of([f"{LOCALHOST}:{ports['remote']}"]), "device": ".*"}
    (target,) = (one for one in TARGETS if one.panel == panel)

    assert [] == prometheus.range(interpolated(target.expression, healthy), 60)


def test_no_device_vanishes_from_the_means(prometheus: Prometheus, variables: Mapping[str, str]) -> None:
    """A join by labels drops series without a match, and most users have no labels at first."""
    (target,) = (one for one in TARGETS if one.panel == "Temperature by $label")
    found = prometheus.range(interpolated(target.expression, variables), 10)

    assert {"living", "guests", "cellar", "no room"} == {one.labels["room"] for one in found}


def test_the_means_work_without_labels_in_prometheus(prometheus: Prometheus, variables: Mapping[str, str]) -> None:
    """Values recorded by a version without `ble_sensor_labels_info` must stay in the graphs after an upgrade."""
    (target,) = (one for one in TARGETS if one.panel == "Temperature by $label")
    expression = interpolated(target.expression, variables).replace("ble_sensor_labels_info", "no_such_metric")

    assert [{"room": "no room"}] == [one.labels for one in prometheus.query(expression)]


def test_a_silent_sensor_leaves_a_gap(prometheus: Prometheus, variables: Mapping[str, str]) -> None:
    """A line that goes on after the last packet shows a temperature that nobody measured."""
    (target,) = (one for one in TARGETS if one.panel == "Temperature")
    expression = interpolated(target.expression, variables)

    def has_gap() -> bool:
        last = {one.labels["device"]: max(one.values) for one in prometheus.range(expression, 120)}
        return last["garden"] < last["living_room"] - 2 * SCRAPE_INTERVAL_S

    assert wait_for(has_gap, "the garden's line ends before the living room's")


def test_a_silent_sensor_is_in_the_table_with_its_reason(prometheus: Prometheus, variables: Mapping[str, str]) -> None:
    """The tile of a silent sensor disappears, so people look for the reason in the table."""
    (target,) = (one for one in TARGETS if one.panel == "Heard or silent, and why")
    found = prometheus.query(interpolated(target.expression, variables))
    states = {one.labels["device"]: one.value for one in found}

    assert 0 == states["living_room"]
    assert states["garden"] > 0
    assert [{"device", "instance"}] == [set(labels) for labels in {frozenset(one.labels): None for one in found}]


@pytest.mark.parametrize(
    ("celsius", "percent", "dew_point", "grams"),
    [(20.0, 50.0, 9.3, 8.65), (25.0, 60.0, 16.7, 13.8), (0.0, 100.0, 0.0, 4.85), (30.0, 80.0, 26.2, 24.3)],
)
def test_comfort_agrees_with_published_tables(
    prometheus: Prometheus, celsius: float, percent: float, dew_point: float, grams: float
) -> None:
    """Users decide by the two graphs whether to open a window. The expected values are from psychrometric tables."""
    by_panel = {one.panel: one.expression for one in TARGETS}
    for panel, expected in (("Dew point", dew_point), ("Absolute humidity", grams)):
        given = re.sub(r"ble_sensor_temperature_celsius\{.*?\}", f"vector({celsius})", by_panel[panel])
        given = re.sub(r"ble_sensor_humidity_percent\{.*?\}", f"vector({percent})", given)
        assert math.isclose(expected, prometheus.value(given), rel_tol=0.005, abs_tol=0.05)


def test_the_forecast_is_that_of_a_straight_line(prometheus: Prometheus, variables: Mapping[str, str]) -> None:
    """A forecast in the wrong unit would call for a new battery months too late."""
    (target,) = (one for one in TARGETS if one.panel.startswith("Days until"))
    prometheus.wait_for(interpolated(target.expression, variables))
    (found,) = prometheus.query(interpolated(target.expression, variables))
    level = prometheus.value(f'ble_sensor_battery_percent{{job="{_JOB}", device="cellar"}}')
    expected_days = (level - 10) * 30 / 20 / 86400  # one percent in 30 simulated seconds

    assert "cellar" == found.labels["device"]
    assert math.isclose(expected_days, found.value, rel_tol=0.25)


def test_every_outcome_of_a_reset_is_drawn(prometheus: Prometheus, variables: Mapping[str, str]) -> None:
    """An operator looks for resets without success, so the panel must not omit an outcome."""
    (target,) = (one for one in TARGETS if one.panel.startswith("Adapter resets") and one.letter == "A")
    found = prometheus.range(interpolated(target.expression, variables), 60)

    assert set(RESET_OUTCOMES) == {one.labels["outcome"] for one in found}


def test_the_choice_of_devices_has_those_without_labels(prometheus: Prometheus, variables: Mapping[str, str]) -> None:
    """A device that the menu lacks would be in no panel."""
    assert sorted(_NAMES) == _values_of("device", prometheus, variables)


def test_the_choice_of_a_label_restricts_the_devices(prometheus: Prometheus, variables: Mapping[str, str]) -> None:
    """The panels have no selector for the label: they follow the choice of devices."""
    chosen = {**variables, "label_value": all_of(["guests"])}

    assert [GUEST_ROOM_NAME] == _values_of("device", prometheus, chosen)


def test_the_values_of_a_label_can_be_chosen(prometheus: Prometheus, variables: Mapping[str, str]) -> None:
    """The menu must offer the rooms of the configuration."""
    assert ["cellar", "guests", "living"] == _values_of("label_value", prometheus, variables)


def test_the_exporters_can_be_chosen(
    prometheus: Prometheus, variables: Mapping[str, str], ports: dict[str, int]
) -> None:
    """The menu must offer every exporter that Prometheus scrapes, under the address of its target."""
    assert f"{LOCALHOST}:{ports[_JOB]}" in _values_of("instance", prometheus, variables)


def _values_of(name: str, prometheus: Prometheus, variables: Mapping[str, str]) -> list[str]:
    """Return the values that Grafana offers for a variable: those of a label in the series that match a selector."""
    query = interpolated(variable_queries()[name], variables)
    arguments = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
    assert arguments
    return prometheus.label_values(arguments[1], arguments[2])
