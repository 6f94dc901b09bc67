"""
Scrapes over HTTP of our exporter and of node_exporter, each in a process of its own, by the same client.

node_exporter is a widely used exporter; Debian's package is prometheus-node-exporter. The client keeps its
connection, as Prometheus does, and asks one process after the other, so that the machine's load is the same for all.
A bare aiohttp server shows how much of the duration of a scrape the HTTP library takes.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from bench.footprint import exporter
from bench.http_client import Client, body
from bench.processes import PATIENCE_S, Process, free_port, get, running
from bench.report import Report, Table
from bench.timing import DifferenceError, Rounds

COUNTS = (10, 100, 1_000)
"""The figures are measured with each of these numbers of devices."""
NODE_EXPORTER = "prometheus-node-exporter"
AIM = "10 or more with 100 devices"
_SCRAPES = 150
_NODE = "node_exporter"
_NODE_KEY, _BARE_KEY = 0, -1
_BARE_DEVICES = 100
_ENCODINGS: dict[str, dict[str, str]] = {"plain": {}, "gzip": {"Accept-Encoding": "gzip"}}
_OPENMETRICS = {"Accept": "application/openmetrics-text"}


class Case(NamedTuple):
    """
    One row of the table.

    Attributes:
        devices: The number of devices of our exporter; `_NODE_KEY` or `_BARE_KEY` for another program.
        is_changed: Whether every device sends two packets before each scrape.
        encoding: A key of `_ENCODINGS`.
    """

    devices: int
    is_changed: bool
    encoding: str

    @property
    def title(self) -> str:
        """The first cell of the row."""
        if self.devices == _NODE_KEY:
            return f"{_NODE}, {self.encoding}"
        if self.devices == _BARE_KEY:
            return f"bare aiohttp, as long as {_BARE_DEVICES} devices, {self.encoding}"
        return f"{self.devices:,} devices, {'all' if self.is_changed else 'none'} changed, {self.encoding}"


CASES = (
    *(Case(_NODE_KEY, is_changed=True, encoding=encoding) for encoding in _ENCODINGS),
    Case(_BARE_KEY, is_changed=False, encoding="plain"),
    *(
        Case(devices, is_changed=is_changed, encoding=encoding)
        for devices in COUNTS
        for is_changed in (False, True)
        for encoding in _ENCODINGS
    ),
)
SERVING = Table(
    "Scrapes over HTTP",
    f"{_SCRAPES} scrapes for each row, in turn, by one client on a persistent connection. The times are wall-clock "
    f"times until the client has read the answer. Scrapes a second: as many as this client makes without pauses. "
    f"Changed: every device has sent two packets with six measurements since the previous scrape, and temperature, "
    f"humidity and voltage have new values. {_NODE} has the version and the defaults of Debian's package, but not the "
    f"collector for systemd, which a container does not have. Bare aiohttp: a handler that returns a constant text of "
    f"that length. If a scrape repeats an earlier one on its connection, our exporter answers it without aiohttp, "
    f"unless the answer has more than 128 kB or the web configuration prevents that. Aim: {AIM}.",
    ("answer", "series", "kB", "scrapes/s", "p50 ms", "p99 ms", f"times as fast as {_NODE}", "for each series"),
    tuple(case.title for case in CASES),
    "The times grow linearly with the number of changed devices. If no device has changed, the text of the previous "
    "scrape is sent, so only compressing and sending it takes longer with more devices.",
)
TABLES = (SERVING,)


class Target:
    """A process that is scraped, over one connection."""

    def __init__(self, process: Process, port: int) -> None:
        self._process = process
        self._port = port
        self._client = Client(port, PATIENCE_S)

    def scrape_s(self, case: Case, sizes: dict[str, int]) -> float:
        """If the case requires it, let the devices send; then scrape, and return the duration in seconds."""
        if case.devices > 0 and case.is_changed:
            self._process.tell("")
        began = time.perf_counter()
        answer = self._client.get("/metrics", _ENCODINGS[case.encoding])
        took_s = time.perf_counter() - began
        sizes[case.title] = len(body(answer))
        return took_s

    def size(self) -> int:
        """Return the length of the text in bytes."""
        return len(get(self._port, "/metrics"))

    def series(self, devices: int) -> int:
        """
        Return the number of series.

        Raises:
            DifferenceError: prometheus_client reads different values from the two formats, or a device is missing.
        """
        if devices:
            self._process.tell("")
        text, openmetrics = (get(self._port, "/metrics", headers).decode() for headers in ({}, _OPENMETRICS))
        samples = [sample for family in parse_text(text) for sample in family.samples]
        if devices:
            ours = {(one.name, *one.labels.items()): one.value for one in samples if one.name.startswith("ble_sensor")}
            families = parse_openmetrics(openmetrics)  # type: ignore[no-untyped-call] # not annotated
            theirs = {(one.name, *one.labels.items()): one.value for family in families for one in family.samples}
            if [key for key, value in ours.items() if theirs.get(key) != value]:
                raise DifferenceError("OpenMetrics has other values than the text format")
            if devices != len([one for one in samples if one.name == "ble_sensor_temperature_celsius"]):
                raise DifferenceError(f"not all of {devices} devices were heard")
        return len(samples)


def run(report: Report) -> None:
    """
    Scrape all processes in turn, and print the table.

    Raises:
        DifferenceError: An answer of our exporter is wrong.
        SystemExit: node_exporter is missing in CI.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        targets = {devices: _start(stack, Path(name), devices) for devices in COUNTS}
        node = start_node_exporter(stack)
        if node is not None:
            targets[_NODE_KEY] = node
        series = {devices: target.series(devices) for devices, target in targets.items()}
        targets[_BARE_KEY] = _start_bare(stack, targets[_BARE_DEVICES].size())
        measured = Rounds({case.title: [] for case in CASES if case.devices in targets})
        sizes: dict[str, int] = {}
        for turn in range(-1, _SCRAPES):
            for case in CASES:
                if case.devices in targets:
                    took_s = targets[case.devices].scrape_s(case, sizes)
                    if turn >= 0:
                        measured[case.title].append(took_s)
    report.add(SERVING, {case.title: cells_of(case, measured, series, sizes) for case in CASES})


def _start(stack: ExitStack, folder: Path, devices: int) -> Target:
    port = free_port()
    process = stack.enter_context(running(*exporter(folder, devices, port, kind="told")))
    process.wait_for(port, "/healthz", b"ok")
    # The devices send again in `series`; the interval is then known, so that all families exist.
    process.tell("")
    return Target(process, port)


def _start_bare(stack: ExitStack, size: int) -> Target:
    port = free_port()
    process = stack.enter_context(running("-m", "bench.bare_http", str(port), str(size)))
    process.wait_for(port, "/metrics", b"#")
    return Target(process, port)


def start_node_exporter(stack: ExitStack) -> Target | None:
    """
    Start node_exporter; return None if it is not installed.

    Raises:
        SystemExit: It is missing in CI.
    """
    program = shutil.which(NODE_EXPORTER)
    if program is None:
        if os.environ.get("CI"):
            raise SystemExit(f"bench: {_NODE} is missing (Debian: apt-get install {NODE_EXPORTER})")
        print(f"Skipped: {_NODE} is missing (Debian: apt-get install {NODE_EXPORTER})\n")
        return None
    port = free_port()
    options = (f"--web.listen-address=127.0.0.1:{port}", "--no-collector.systemd", "--log.level=error")
    process = stack.enter_context(running(*options, program=program))
    process.wait_for(port, "/metrics", b"node_cpu_seconds_total")
    return Target(process, port)


def cells_of(case: Case, measured: Rounds, series: Mapping[int, int], sizes: Mapping[str, int]) -> Sequence[str]:
    """Return the cells of a row, given the seconds and the sizes by title, and the series by number of devices."""
    if case.title not in measured:
        return ("skipped", *("–" for _ in SERVING.head[2:]))
    took_s = measured[case.title]
    p99_s = quantiles(took_s, n=100)[-1]
    number = series.get(case.devices)
    cells = [
        *("–" if number is None else f"{number:,}", f"{sizes[case.title] / 1000:,.1f}"),
        *(f"{len(took_s) / sum(took_s):,.0f}", f"{1e3 * median(took_s):.2f}", f"{1e3 * p99_s:.2f}"),
    ]
    node = f"{_NODE}, {case.encoding}"
    if case.devices == _NODE_KEY or node not in measured:
        return (*cells, "–", "–")
    ratio = measured.ratio(node, case.title)
    return (*cells, str(ratio), "–" if number is None else f"{ratio.median * number / series[_NODE_KEY]:.1f}×")
