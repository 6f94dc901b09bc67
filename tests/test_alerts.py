"""
The rules in contrib/prometheus/ and contrib/fleet/, as far as they can be checked without Prometheus.

tests/prometheus has the rest.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from ble_exporter.errors import HTTP_ERROR_KINDS, UNRELATED
from tests.conftest import HERE

ROOT = HERE.parent
FOLDER = ROOT / "contrib" / "prometheus"
FLEET = ROOT / "contrib" / "fleet" / "ble_fleet.rules.yml"
SEVERITIES = {"critical", "warning", "info"}
OF_PROMETHEUS = {"up", "process_start_time_seconds"}
"""Metrics without the prefix `ble_`: Prometheus adds `up`; the other is that of most Python exporters."""


class Rule(NamedTuple):
    """One rule: the name of its alert or of its series, its expression, and everything that only alerts have."""

    name: str
    expr: str
    pending: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def rules(kind: str, file: Path) -> list[Rule]:
    """Return the rules of a kind, `alert` or `record`, in a file."""
    groups = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    return [
        Rule(rule[kind], rule["expr"], rule.get("for", ""), rule.get("labels", {}), rule.get("annotations", {}))
        for group in groups
        for rule in group["rules"]
        if kind in rule
    ]


ALERTS_OF_A_PAGE = {
    "prometheus.md": rules("alert", FOLDER / "ble_alerts.rules.yml"),
    "fleet.md": rules("alert", FLEET),
}
RECORDS_OF_A_PAGE = {
    "prometheus.md": rules("record", FOLDER / "ble_recording.rules.yml"),
    "fleet.md": rules("record", FLEET),
}
ALERTS = [one for of_a_page in ALERTS_OF_A_PAGE.values() for one in of_a_page]
RECORDS = [one for of_a_page in RECORDS_OF_A_PAGE.values() for one in of_a_page]
EACH_PAGE = pytest.mark.parametrize("name", ALERTS_OF_A_PAGE)
EACH_ALERT = pytest.mark.parametrize("alert", ALERTS, ids=[one.name for one in ALERTS])
EACH_RECORD = pytest.mark.parametrize("record", RECORDS, ids=[one.name for one in RECORDS])


def page(name: str) -> str:
    """Return the text of a page of the documentation."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def expectations() -> Iterator[tuple[str, bool]]:
    """Yield the name of each alert and series in the tests for promtool, and whether a result is expected."""
    for path in sorted((HERE / "prometheus" / "rules").glob("*.test.yml")):
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for case in test.get("alert_rule_test", []):
                yield case["alertname"], bool(case.get("exp_alerts"))
            for case in test.get("promql_expr_test", []):
                for name in re.findall(r"\w+:\w+:\w+", case["expr"]):
                    yield name, bool(case["exp_samples"])


@EACH_ALERT
def test_each_alert_says_all_that_its_reader_needs(alert: Rule) -> None:
    """Somebody who is woken up needs to know what is wrong, how bad it is, and what to do."""
    assert alert.pending
    assert alert.labels["severity"] in SEVERITIES
    assert ["description", "runbook_url", "summary"] == sorted(alert.annotations)


@EACH_ALERT
def test_each_alert_links_to_its_runbook(alert: Rule) -> None:
    """A link that leads nowhere costs time at the worst moment."""
    assert f"docs/runbooks.md#{alert.name.lower()}" == alert.annotations["runbook_url"]


def test_the_runbooks_are_those_of_the_alerts_in_their_order() -> None:
    """The runbook of an alert that was renamed or removed must not stay."""
    assert [one.name for one in ALERTS] == re.findall(r"^## (.+)$", page("runbooks.md"), re.MULTILINE)


@EACH_PAGE
def test_the_table_has_each_alert_with_its_severity_and_time(name: str) -> None:
    """Users decide by this table which alerts they want."""
    rows = re.findall(r"^\| \[`(\w+)`\]\(runbooks.md#(\w+)\) \| (\w+) \| (\w+) \|", page(name), re.MULTILINE)
    alerts = ALERTS_OF_A_PAGE[name]

    assert [(one.name, one.name.lower(), one.labels["severity"], one.pending) for one in alerts] == rows


@EACH_PAGE
def test_the_table_has_each_recorded_series(name: str) -> None:
    """Authors of dashboards look up the recorded series in this table."""
    recorded = [one.name for one in RECORDS_OF_A_PAGE[name]]

    assert recorded == re.findall(r"^\| `(\w+:\w+:\w+)` \|", page(name), re.MULTILINE)


def test_the_query_without_a_gap_is_the_rule() -> None:
    """After an outage, a graph of the page's query must continue the series that the rule recorded."""
    exprs = {one.name: one.expr for one in RECORDS_OF_A_PAGE["fleet.md"]}
    score = "instance_device:ble_sensor_reception:score"
    rule = exprs["job_device:ble_sensor_temperature_celsius:strongest"].replace(score, f"({exprs[score]})")
    (query,) = re.findall(r"^```promql\n(max without .*?)^```$", page("fleet.md"), re.MULTILINE | re.DOTALL)

    assert "".join(rule.split()) == "".join(query.split())


def test_a_merging_rule_differs_from_the_others_only_in_its_metric() -> None:
    """A correction of one rule must also be made in the others, which users copy for further metrics."""
    merging = [one for one in RECORDS_OF_A_PAGE["fleet.md"] if one.name.endswith(":strongest")]
    metrics = [one.name.split(":")[1] for one in merging]

    assert 1 == len({one.expr.replace(metric, "METRIC") for one, metric in zip(merging, metrics, strict=True)})


def test_the_folder_says_how_many_alerts_there_are() -> None:
    """A wrong number makes readers doubt the other numbers."""
    assert f"{len(ALERTS_OF_A_PAGE['prometheus.md'])} alerts" in (FOLDER / "README.md").read_text(encoding="utf-8")


@EACH_ALERT
@pytest.mark.parametrize("fires", [True, False], ids=["fires", "does not fire"])
def test_each_alert_is_tested(alert: Rule, *, fires: bool) -> None:
    """Only tests of both outcomes show that a condition is neither always nor never true."""
    assert (alert.name, fires) in set(expectations())


@EACH_RECORD
@pytest.mark.parametrize("exists", [True, False], ids=["exists", "is missing"])
def test_each_recorded_series_is_tested(record: Rule, *, exists: bool) -> None:
    """A series must have the right value and, without data, no value at all."""
    assert (record.name, exists) in set(expectations())


@EACH_RECORD
def test_each_recorded_series_has_level_metric_and_operation(record: Rule) -> None:
    """A name that follows Prometheus's convention shows that a series is recorded, and how it was computed."""
    assert re.fullmatch(r"(instance_device|job_device|job):[a-z_]+:[a-z0-9_]+", record.name)


@pytest.mark.parametrize("rule", ALERTS + RECORDS, ids=[one.name for one in ALERTS + RECORDS])
def test_each_metric_exists(rule: Rule) -> None:
    """An expression with a misspelt metric is valid, and never returns anything."""
    recorded = {one.name for one in RECORDS}
    without_texts = re.sub(r'"[^"]*"', "", rule.expr)
    used = set(re.findall(r"\b(?:[a-z_]+:)?(?:ble_|up\b|process_)\w*(?::\w+)?", without_texts))
    documented = page("metrics.md")

    assert used
    assert [] == sorted(name for name in used - recorded - OF_PROMETHEUS if not re.search(rf"`{name}[`{{]", documented))


@EACH_ALERT
def test_each_alert_on_a_sensor_has_its_room(alert: Rule) -> None:
    """Somebody who looks for a sensor needs its room; Alertmanager can also route alerts by this label."""
    is_of_a_sensor = "$labels.device" in alert.annotations["summary"]

    assert is_of_a_sensor == ("* on (job, instance, device) group_left (room) ble_sensor_labels_info" in alert.expr)
    assert is_of_a_sensor == ("{{ with $labels.room }} ({{ . }}){{ end }}" in alert.annotations["summary"])


def test_rejections_that_say_nothing_about_a_sensor_are_left_out() -> None:
    """Scan responses without service data, and packets of other senders, are counted, but must not cause an alert."""
    (alert,) = (one for one in ALERTS if one.name == "BlePacketsRejected")
    (left_out,) = re.findall(r'reason!~"(.+?)"', alert.expr)

    assert UNRELATED == set(left_out.split("|"))


def test_errors_of_the_server_are_among_the_kinds() -> None:
    """If a kind were renamed only in the exporter, the alert would no longer fire."""
    (alert,) = (one for one in ALERTS if one.name == "BleHttpErrors")
    (kinds,) = re.findall(r'kind=~"(.+?)"', alert.expr)
    matched = {kind for kind in HTTP_ERROR_KINDS if re.fullmatch(kinds, kind)}

    assert {"internal", "too_many_answers", "too_many_connections"} <= matched


@pytest.mark.parametrize("path", [*FOLDER.glob("*.yml"), *FLEET.parent.glob("*.yml")], ids=lambda path: path.name)
def test_each_alert_that_a_file_names_exists(path: Path) -> None:
    """Alertmanager reports no error if a rule names an alert that does not exist."""
    named = set(re.findall(r"\bBle[A-Z]\w+", path.read_text(encoding="utf-8")))

    assert named <= {one.name for one in ALERTS}
