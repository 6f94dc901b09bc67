"""Prometheus as a subprocess, and its HTTP API."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from .programs import LOCALHOST, Launch, get, wait_for, wait_until_ready

SCRAPE_INTERVAL_S = 1

_ALERTMANAGERS = "alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{target}']}}]}}]}}\n"


class Series(NamedTuple):
    """One element of an instant vector: labels, with the metric as `__name__`, and value."""

    labels: dict[str, str]
    value: float


class Samples(NamedTuple):
    """The stored samples of one series: its labels, and the values by time of scrape in Unix time."""

    labels: dict[str, str]
    values: dict[float, float]


class Prometheus(NamedTuple):
    """A running Prometheus server."""

    port: int

    def query(self, expression: str, at: float | None = None) -> list[Series]:
        """Evaluate an expression as an instant vector, now or at a Unix time."""
        return [
            Series(element["metric"], float(element["value"][1]))
            for element in self._evaluate(expression, "vector", at)
        ]

    def wait_for(self, expression: str) -> list[Series]:
        """Evaluate an expression repeatedly until it returns a series."""
        return wait_for(lambda: self.query(expression), f"Prometheus finds {expression}")

    def value(self, expression: str) -> float:
        """Return the value of an expression that returns exactly one series now."""
        (series,) = self.query(expression)
        return series.value

    def range(self, expression: str, seconds: int) -> list[Samples]:
        """Evaluate an expression once for each of the last `seconds`, as a graph does."""
        now = time.time()
        data = self._ask("query_range", query=expression, start=f"{now - seconds:.3f}", end=f"{now:.3f}", step="1")
        return [_samples(element) for element in data["result"]]

    def label_values(self, selector: str, label: str) -> list[str]:
        """Return the values that a label has in the series that match a selector."""
        values: list[str] = self._ask(f"label/{label}/values", **{"match[]": selector})
        return values

    def samples(self, selector: str) -> list[Samples]:
        """Return the stored samples of the series that match a selector, from one query."""
        return [_samples(element) for element in self._evaluate(f"{selector}[10m]", "matrix")]

    def target(self, job: str) -> dict[str, Any]:
        """Return Prometheus' information about the job's target."""
        (target,) = (one for one in self._ask("targets")["activeTargets"] if one["labels"]["job"] == job)
        found: dict[str, Any] = target
        return found

    def metric_types(self, job: str, metric: str) -> list[str]:
        """Return the types of the metric families with that name on the job's target."""
        found = self._ask("targets/metadata", match_target=f'{{job="{job}"}}', metric=metric)
        return [family["type"] for family in found]

    def _evaluate(self, expression: str, result_type: str, at: float | None = None) -> Any:  # noqa: ANN401 - JSON
        moment = {} if at is None else {"time": f"{at:.3f}"}
        data = self._ask("query", query=expression, **moment)
        assert result_type == data["resultType"]
        return data["result"]

    def _ask(self, resource: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
        response = get(self.port, f"/api/v1/{resource}?{urlencode(parameters)}")
        answer = json.loads(response.body)
        assert "success" == answer["status"], answer
        return answer["data"]


def _samples(element: dict[str, Any]) -> Samples:
    """Return one element of a matrix."""
    return Samples(element["metric"], {at: float(value) for at, value in element["values"]})


def start_prometheus(
    launch: Launch,
    program: Path,
    folder: Path,
    port: int,
    jobs: Mapping[str, int],
    *,
    rules: Path | None = None,
    alertmanager: int | None = None,
    more: Sequence[Mapping[str, object]] = (),
) -> Prometheus:
    """
    Start Prometheus, and wait until it is ready.

    Args:
        launch: The function that starts a program.
        program: The path of Prometheus.
        folder: The folder for its files.
        port: The port of its HTTP server.
        jobs: Job → the port of its only target.
        rules: A file of rules, which are evaluated as often as the targets are scraped.
        alertmanager: The port of the Alertmanager that gets the alerts.
        more: More jobs, as in Prometheus' configuration.
    """
    interval = f"{SCRAPE_INTERVAL_S}s"
    config = folder / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: {interval}, scrape_timeout: {interval}, evaluation_interval: {interval}}}\n"
        + ("" if rules is None else f"rule_files: ['{rules}']\n")
        + ("" if alertmanager is None else _ALERTMANAGERS.format(target=f"{LOCALHOST}:{alertmanager}"))
        + "scrape_configs:\n"
        + "".join(
            f"  - {{job_name: {job}, static_configs: [{{targets: ['{LOCALHOST}:{target}']}}]}}\n"
            for job, target in jobs.items()
        )
        + "".join(f"  - {json.dumps(job)}\n" for job in more),
        encoding="utf-8",
    )
    command: list[str | Path] = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={LOCALHOST}:{port}",
        "--log.level=debug",  # only the debug log explains a failed scrape
    ]
    wait_until_ready(launch("prometheus", command, folder), port, "/-/ready")
    return Prometheus(port)
