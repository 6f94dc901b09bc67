"""
The Grafana dashboard in contrib/grafana/: rules that hold for every panel.

`tests/prometheus/test_dashboard.py` runs its queries; `make dashboard` builds it.
"""

import json
import re
from typing import Any

import pytest

from ble_exporter.device.silence import SILENCE_REASONS
from ble_exporter.metrics.families import FAMILIES
from ble_exporter.metrics.self_metrics import SelfMetrics
from tests.conftest import HERE

ROOT = HERE.parent
TEXT = (ROOT / "contrib" / "grafana" / "ble_exporter.json").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads(TEXT)
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ROWS = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
OKABE_ITO = {"#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#F0E442", "#999999"}

each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
each_expression = pytest.mark.parametrize("expression", EXPRESSIONS)


def test_the_dashboard_has_its_rows() -> None:
    """Hardly anybody would notice that a change of the code has removed a row."""
    expected = ["Rooms at a glance", "History", "Comfort", "Battery", "Reception", "Silence", "Exporter"]

    assert expected == ROWS


@each_panel
def test_every_panel_explains_itself(panel: dict[str, Any]) -> None:
    """Somebody who sees a panel for the first time has not read the documentation."""
    assert len(panel["description"]) > 30
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["fieldConfig"]["defaults"]["noValue"]


@each_panel
def test_every_query_asks_the_chosen_data_source(panel: dict[str, Any]) -> None:
    """A fixed data source would be that of the machine on which the dashboard was made."""
    uids = {one["datasource"]["uid"] for one in [panel, *panel["targets"]]}

    assert {"$datasource"} == uids


@each_panel
def test_lines_do_not_cross_gaps(panel: dict[str, Any]) -> None:
    """The exporter removes the readings of a silent sensor; a line across the gap would look like readings."""
    custom = panel["fieldConfig"]["defaults"].get("custom", {})

    assert custom.get("spanNulls", False) is False


@each_panel
def test_no_number_is_older_than_now(panel: dict[str, Any]) -> None:
    """`lastNotNull` shows the last temperature of a dead sensor as if it were current."""
    assert "lastNotNull" not in json.dumps(panel["options"])


@each_panel
def test_panels_do_not_overlap(panel: dict[str, Any]) -> None:
    """Grafana moves overlapping panels, so that the layout differs from the one in the pictures."""

    def area(of: dict[str, int]) -> set[tuple[int, int]]:
        return {(x, y) for x in range(of["x"], of["x"] + of["w"]) for y in range(of["y"], of["y"] + of["h"])}

    own = area(panel["gridPos"])

    assert max(x for x, _y in own) < 24
    assert not [other["title"] for other in PANELS if other is not panel and area(other["gridPos"]) & own]


@each_expression
def test_every_series_is_selected_by_instance(expression: str) -> None:
    """Without this selector, a panel would mix the series of all exporters."""
    selectors = re.findall(r"\b(?:ble|process)_\w+(\{[^}]*\})?|\bup(\{[^}]*\})", expression)

    assert selectors
    assert all('instance=~"$instance"' in "".join(one) for one in selectors)


@each_expression
def test_every_series_of_a_device_is_selected_by_device(expression: str) -> None:
    """The choice of devices must apply to every panel about devices."""
    selectors = re.findall(r"\bble_sensor_\w+\{([^}]*)\}", expression)

    assert all('device=~"$device"' in one for one in selectors)


@each_expression
def test_counters_are_rates(expression: str) -> None:
    """A counter only rises, so its value says little; a fixed window shorter than the graph's steps misses changes."""
    rest = re.sub(r"\b(rate|increase)\(\w+_total\{[^}]*\}\[\$__rate_interval\]\)", "", expression)

    assert "_total" not in rest


@each_expression
def test_no_recording_rule_is_needed(expression: str) -> None:
    """The dashboard must work with a Prometheus to which only the scrape configuration was added."""
    assert not re.findall(r"\b\w+:\w+", expression)


def test_colours_can_be_told_apart_by_the_colour_blind() -> None:
    """About one man in twelve confuses red and green. All colours but the grey are from Okabe and Ito's palette."""
    assert OKABE_ITO >= set(re.findall(r"#[0-9A-Fa-f]{6}\b", TEXT))
    assert not re.findall(r'"color": "(?!#)(\w+)"', TEXT)


def test_every_reason_of_a_silence_has_a_word() -> None:
    """A reason without a word would be shown as a bare number, or not at all."""
    (panel,) = (one for one in PANELS if one["type"] == "state-timeline" and "silence_reason" in json.dumps(one))
    (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
    numbered = re.findall(r'(\d+) \* ble_sensor_silence_reason\{[^}]*reason="(\w+)"', panel["targets"][0]["expr"])

    assert sorted(SILENCE_REASONS) == sorted(reason for _number, reason in numbered)
    assert ["0", *(number for number, _reason in numbered)] == sorted(mapping["options"])


def test_pages_that_panels_name_exist() -> None:
    """A description must not lead to a page that was renamed."""
    named = set(re.findall(r"docs/[\w/-]+\.md", TEXT))

    assert len(named) > 3
    assert [] == [page for page in named if not (ROOT / page).exists()]


def test_the_exporter_has_all_metrics_of_its_own_that_panels_name() -> None:
    """A metric that was renamed in the exporter must be renamed in the dashboard, too."""
    names = {sample.name for family in SelfMetrics(adapters={"hci0": True}).collect() for sample in family.samples}
    named = set(re.findall(r"\bble_exporter_\w+", " ".join(EXPRESSIONS)))

    assert {"ble_exporter_collector_failures_total"} == named - names


def test_the_choice_of_a_label_keeps_devices_without_labels() -> None:
    """For "All", Grafana would insert all values of the label, and a device without the label matches none of them."""
    assert ".*" == VARIABLES["label_value"]["allValue"]
    assert 'device=~"$device"' not in VARIABLES["device"]["query"]
    assert "allValue" not in VARIABLES["device"]


def test_the_main_measurements_are_shown() -> None:
    """Most thermometers send these four, and users look for them first."""
    shown = " ".join(EXPRESSIONS)

    assert [] == [
        name for name in ("temperature", "humidity", "battery", "voltage") if FAMILIES[name].metric not in shown
    ]


def test_the_documentation_describes_every_row() -> None:
    """Users look up in the documentation what a row shows."""
    page = (ROOT / "docs" / "grafana.md").read_text(encoding="utf-8")

    assert [] == [row for row in ROWS if f"\n### {row}\n" not in page]
