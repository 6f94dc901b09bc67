"""The rules in contrib/prometheus/, as far as they can be checked without Prometheus; tests/prometheus has the rest."""

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
SEVERITIES = {"critical", "warning", "info"}
OF_PROMETHEUS = {"up", "process_start_time_seconds"}
"""The metrics that Prometheus and prometheus_client add."""


class Rule(NamedTuple):
    """One rule: the name of its alert or of its series, its expression, and everything that only alerts have."""

    name: str
    expr: str
    pending: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def rules(kind: str, file: str) -> list[Rule]:
    """Return the rules of a kind, `alert` or `record`, in a file."""
    groups = yaml.safe_load((FOLDER / file).read_text(encoding="utf-8"))["groups"]
    return [
        Rule(rule[kind], rule["expr"], rule.get("for", ""), rule.get("labels", {}), rule.get("annotations", {}))
        for group in groups
        for rule in group["rules"]
    ]


ALERTS = rules("alert", "ble_alerts.rules.yml")
RECORDS = rules("record", "ble_recording.rules.yml")
EACH_ALERT = pytest.mark.parametrize("alert", ALERTS, ids=[one.name for one in ALERTS])
EACH_RECORD = pytest.mark.parametrize("record", RECORDS, ids=[one.name for one in RECORDS])


def page(name: str) -> str:
    """Return the text of a page of the documentation."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def expectations() -> Iterator[tuple[str, bool]]:
    """Yield the name of each alert and series that the tests for promtool name, and whether a result is expected."""
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
def test_each_runbook_exists(alert: Rule) -> None:
    """A link that leads nowhere costs time at the worst moment."""
    assert f"docs/runbooks.md#{alert.name.lower()}" == alert.annotations["runbook_url"]


def test_the_runbooks_are_those_of_the_alerts_in_their_order() -> None:
    """The runbook of an alert that was renamed or removed must not stay."""
    assert [one.name for one in ALERTS] == re.findall(r"^## (.+)$", page("runbooks.md"), re.MULTILINE)


def test_the_table_has_each_alert_with_its_severity_and_time() -> None:
    """Users decide by this table which alerts they want."""
    rows = re.findall(r"^\| \[`(\w+)`\]\(runbooks.md#(\w+)\) \| (\w+) \| (\w+) \|", page("prometheus.md"), re.MULTILINE)

    assert [(one.name, one.name.lower(), one.labels["severity"], one.pending) for one in ALERTS] == rows


def test_the_table_has_each_recorded_series() -> None:
    """Authors of dashboards find the series here."""
    assert [one.name for one in RECORDS] == re.findall(r"^\| `(\w+:\w+:\w+)` \|", page("prometheus.md"), re.MULTILINE)


def test_the_folder_says_how_many_alerts_there_are() -> None:
    """A wrong number makes readers doubt the other numbers."""
    assert f"{len(ALERTS)} alerts" in (FOLDER / "README.md").read_text(encoding="utf-8")


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
    """The convention of Prometheus tells readers of a dashboard that a series is recorded, and how."""
    assert re.fullmatch(r"(instance_device|job):[a-z_]+:[a-z0-9_]+", record.name)


@pytest.mark.parametrize("rule", ALERTS + RECORDS, ids=[one.name for one in ALERTS + RECORDS])
def test_each_metric_exists(rule: Rule) -> None:
    """An expression with a misspelt metric is valid, and never returns anything."""
    recorded = {one.name for one in RECORDS}
    used = set(re.findall(r"\b(?:[a-z_]+:)?(?:ble_|up\b|process_)\w*(?::\w+)?", rule.expr))
    documented = page("metrics.md")

    assert used
    assert [] == sorted(name for name in used - recorded - OF_PROMETHEUS if not re.search(rf"`{name}[`{{]", documented))


@EACH_ALERT
def test_each_alert_on_a_sensor_has_its_room(alert: Rule) -> None:
    """Somebody who looks for a sensor needs its room; the label also routes alerts to the people who live there."""
    is_of_a_sensor = "$labels.device" in alert.annotations["summary"]

    assert is_of_a_sensor == ("* on (job, instance, device) group_left (room) ble_sensor_labels_info" in alert.expr)
    assert is_of_a_sensor == ("{{ with $labels.room }} ({{ . }}){{ end }}" in alert.annotations["summary"])


def test_rejections_that_say_nothing_about_a_sensor_are_left_out() -> None:
    """Scan responses without service data are counted as rejected all the time."""
    (alert,) = (one for one in ALERTS if one.name == "BlePacketsRejected")
    (left_out,) = re.findall(r'reason!~"(.+?)"', alert.expr)

    assert UNRELATED == set(left_out.split("|"))


def test_errors_of_the_server_are_among_the_kinds() -> None:
    """If a kind were renamed, the alert would no longer fire."""
    (alert,) = (one for one in ALERTS if one.name == "BleHttpErrors")
    (kinds,) = re.findall(r'kind=~"(.+?)"', alert.expr)
    matched = {kind for kind in HTTP_ERROR_KINDS if re.fullmatch(kinds, kind)}

    assert {"internal", "too_many_answers", "too_many_connections"} <= matched


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yml")), ids=lambda path: path.name)
def test_each_alert_that_a_file_names_exists(path: Path) -> None:
    """Alertmanager reports no error if a rule names an alert that does not exist."""
    named = set(re.findall(r"\bBle[A-Z]\w+", path.read_text(encoding="utf-8")))

    assert named <= {one.name for one in ALERTS}
