"""Answers the dashboard's queries with a Prometheus that stores the simulated history."""

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from grafana.history import ENDS_UNIX_S, INSTANCE, SCRAPE_S, write_history

_START_S = 60.0
# The history has no staleness markers for the ends of series, so a sample must count only until the next one.
_LOOKBACK = f"{SCRAPE_S + 5}s"


class Line(NamedTuple):
    """A series: its labels, and its values by Unix time."""

    labels: dict[str, str]
    values: dict[float, float]


class Data(NamedTuple):
    """A Prometheus with the history."""

    url: str
    end: int = ENDS_UNIX_S

    def range(self, expression: str, hours: float, step_s: int) -> list[Line]:
        """Evaluate an expression over the last `hours` of the story."""
        start = ENDS_UNIX_S - int(hours * 3600)
        end = ENDS_UNIX_S - SCRAPE_S
        return self._ask("query_range", expression, step_s, start=start, end=end, step=step_s)

    def now(self, expression: str) -> list[Line]:
        """Evaluate an expression at the end of the story."""
        return self._ask("query", expression, SCRAPE_S, time=ENDS_UNIX_S)

    def _ask(self, resource: str, expression: str, step_s: int, **when: int) -> list[Line]:
        query = urlencode({"query": interpolated(expression, step_s), **when})
        with urlopen(f"{self.url}/api/v1/{resource}?{query}", timeout=60) as response:
            found = json.load(response)["data"]["result"]
        return [
            Line(one["metric"], {at: float(value) for at, value in one.get("values") or [one["value"]]})
            for one in found
        ]


def interpolated(text: str, step_s: int = SCRAPE_S) -> str:
    """Return an expression, a title or a legend with Grafana's variables replaced, with all devices chosen."""
    rate_interval = f"{max(step_s + SCRAPE_S, 4 * SCRAPE_S)}s"
    variables = {"instance": re.escape(INSTANCE), "device": ".*", "label": "room", "__rate_interval": rate_interval}
    return re.sub(r"\$(\w+)", lambda found: variables[found[1]].replace("\\", "\\\\"), text)


@contextmanager
def history(folder: Path) -> Iterator[Data]:
    """Simulate the story, and run a Prometheus that stores its history; needs Debian's package prometheus."""
    stored = folder / "data"
    written = write_history(folder)
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", written, stored], check=True, capture_output=True
    )
    config = folder / "prometheus.yml"
    config.write_text("scrape_configs: []\n", encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={stored}",
        "--storage.tsdb.retention.time=100y",
        f"--query.lookback-delta={_LOOKBACK}",
        f"--web.listen-address={address}",
    ]
    with (folder / "prometheus.log").open("wb") as log, subprocess.Popen(command, stderr=log) as prometheus:
        try:
            _wait_for(f"http://{address}/-/ready")
            yield Data(f"http://{address}")
        finally:
            prometheus.terminate()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _START_S
    while not _answers(url):
        if time.monotonic() > deadline:
            raise TimeoutError(url)
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):
            return True
    except (URLError, OSError):
        return False
