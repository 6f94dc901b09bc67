"""Tests of bench/: its reports and its own calculations, and docs/performance.md. Nothing is timed here."""

import socket
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import PARTS
from bench.footprint import exporter
from bench.http_client import Client, body
from bench.peers import check
from bench.processes import PATIENCE_S, free_port, get, running
from bench.report import Report, Table
from bench.serving import CASES, SERVING, Case, cells_of, start_node_exporter
from bench.steady_radio import SteadyRadio, address
from bench.timing import DifferenceError, Rounds, compare
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.parser import parse_bthome
from ble_exporter.scanner import Everything, run_for
from tests.conftest import HERE

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]
PAGE = HERE.parent / "docs" / "performance.md"
TABLE = Table("Title", "Text.", ("name", "µs", "ratio"), ("first", "second"), "Linear.")
CELLS = {"first": ("1.0", "2×"), "second": ("12.0", "")}


def tables_of(page: str) -> dict[str, list[list[str]]]:
    """Return the cells of each section's table, by the section's title."""
    return {
        section.splitlines()[0]: [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in section.splitlines()
            if line.startswith("|") and not line.startswith("| ---")
        ]
        for section in page.split("\n## ")[1:]
    }


def test_the_page_has_the_tables_of_the_program() -> None:
    """A table that was renamed or added must be measured again; a table that was removed must not stay on the page."""
    expected = {table.title: (table.head, [*table.rows]) for part in PARTS.values() for table in part.TABLES}
    found = tables_of(PAGE.read_text(encoding="utf-8"))

    assert expected == {title: (tuple(rows[0]), [row[0] for row in rows[1:]]) for title, rows in found.items()}


def test_the_page_states_the_growth_and_the_method_of_each_table() -> None:
    """A reader with another number of devices needs the growth, and one who repeats a measurement needs the method."""
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    texts = [text for part in PARTS.values() for table in part.TABLES for text in (table.text, table.growth)]

    assert [] == [text for text in texts if text not in page]


def test_a_report_prints_a_table_with_aligned_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Figures are compared by eye, so their digits must be aligned."""
    Report().add(TABLE, CELLS)

    expected = "Title\nText.\n\n  name       µs   ratio\n  first     1.0      2×\n  second   12.0\n\nLinear.\n\n"
    assert expected == capsys.readouterr().out


def test_a_report_writes_the_same_table_in_markdown() -> None:
    """The page must have the figures that were printed."""
    report = Report()
    report.add(TABLE, CELLS)

    rows = "| name | µs | ratio |\n| --- | --: | --: |\n| first | 1.0 | 2× |\n| second | 12.0 | |\n"
    assert f"# Page\n\n## Title\n\nText.\n\n{rows}\nLinear.\n" == report.markdown("# Page\n")


@pytest.mark.parametrize("cells", [{"first": ("1", "2")}, {"first": ("1", "2"), "second": ("1",)}], ids=["row", "cell"])
def test_a_report_refuses_cells_that_do_not_fit_the_table(cells: dict[str, tuple[str, ...]]) -> None:
    """The test of the page compares the declared rows and columns, so the measured ones must agree with them."""
    with pytest.raises(ValueError, match="do not fit"):
        Report().add(TABLE, cells)


def test_a_skipped_table_is_not_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    """A page with an empty table would look like a measurement without a result."""
    report = Report()
    report.skip(TABLE, "there is no module bthome_ble.")

    assert "# Page\n" == report.markdown("# Page\n")
    assert "Title\nSkipped: there is no module bthome_ble.\n\n" == capsys.readouterr().out


def test_a_ratio_is_taken_within_a_round() -> None:
    """A ratio of medians would compare rounds in which the machine had different loads."""
    ratio = Rounds({"slow": [2.0, 40.0, 6.0], "fast": [1.0, 10.0, 2.0]}).ratio("slow", "fast")

    assert (3.0, 2.0, 4.0) == (ratio.median, ratio.least, ratio.most)


def test_each_contestant_begins_a_round_in_turn() -> None:
    """The first contestant of a round may find cold caches, so it must not always be the same one."""
    calls: list[str] = []

    def contestant(name: str) -> float:
        calls.append(name)
        return 1.0

    compare({"a": lambda: contestant("a"), "b": lambda: contestant("b")}, 2)

    assert ["b", "a", "a", "b", "b", "a"] == calls


def test_the_steady_radio_delivers_both_packets_of_each_device_and_then_a_steady_number(
    in_virtual_time: InVirtualTime,
) -> None:
    """A benchmark measures memory after all devices have been heard, and CPU time at a known rate of packets."""
    heard: list[Advertisement] = []
    in_virtual_time(run_for(SteadyRadio(60, 40), Everything(heard.append), 10.01))

    assert 2 * 60 + 10 * 40 == len(heard)
    first = [(one.address, parse_bthome(one.service_data[UUID])) for one in heard[:120]]
    assert [address(number) for number in range(60)] * 2 == [sender for sender, _ in first]
    assert [{"battery", "temperature", "humidity"}, {"voltage", "power_on", "opening"}] == [
        set(first[index][1]) for index in (0, 60)
    ]


def test_without_node_exporter_its_row_names_it_as_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reader must see that a comparison was not made, and how to make it; CI must make it."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CI", raising=False)
    with ExitStack() as stack:
        assert start_node_exporter(stack) is None
        assert (
            "Skipped: node_exporter is missing (Debian: apt-get install prometheus-node-exporter)"
            in capsys.readouterr().out
        )
        monkeypatch.setenv("CI", "true")
        with pytest.raises(SystemExit, match="node_exporter is missing"):
            start_node_exporter(stack)

    row = cells_of(CASES[0], Rounds(), {10: 170}, {})
    assert ("node_exporter, plain", "skipped", len(SERVING.head)) == (CASES[0].title, row[0], 1 + len(row))


def test_a_scrape_is_compared_with_node_exporter_also_for_each_series() -> None:
    """The two programs export different numbers of series, so a ratio of times alone would be unfair to one of them."""
    ours = Case(10, is_changed=True, encoding="plain")
    measured = Rounds({"node_exporter, plain": [0.008] * 3, ours.title: [0.001] * 3})
    cells = cells_of(ours, measured, {0: 500, 10: 250}, {ours.title: 16_000})

    expected = ("250", "16.0", "1,000", "1.00", "1.00", "8.00× (8.00–8.00)", "4.0×")
    assert expected == tuple(cells)


def test_a_server_without_series_is_compared_only_as_a_whole() -> None:
    """A bare server shows the least cost of any exporter with the same HTTP library, but has no series."""
    bare = next(case for case in CASES if case.title.startswith("bare aiohttp"))
    measured = Rounds({"node_exporter, plain": [0.008] * 3, bare.title: [0.001] * 3})

    expected = ("–", "16.0", "1,000", "1.00", "1.00", "8.00× (8.00–8.00)", "–")
    assert expected == tuple(cells_of(bare, measured, {0: 500}, {bare.title: 16_000}))


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ("Content-Length: 5\r\n", "hello"),
        ("Transfer-Encoding: chunked\r\n", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
    ],
    ids=["length", "chunks"],
)
@pytest.mark.parametrize("at_once", [1, 1000])
def test_the_client_reads_an_answer_to_its_end(headers: str, content: str, at_once: int) -> None:
    """An unread rest would be taken for the next answer, and the time to receive it would not be measured."""
    answer = f"HTTP/1.1 200 OK\r\n{headers}\r\n{content}".encode()
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = Client(server.getsockname()[1], PATIENCE_S)

        def serve() -> bytes:
            accepted, _ = server.accept()
            with accepted:
                request = accepted.recv(1000)
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for start in range(0, len(answer), at_once):
                    accepted.sendall(answer[start : start + at_once])
            return request

        with closing(client), ThreadPoolExecutor(1) as other:
            served = other.submit(serve)
            got = client.get("/metrics", {"Accept-Encoding": "gzip"})
            request = served.result()

    assert (answer, b"hello") == (got, body(got))
    assert request.startswith(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:")
    assert request.endswith(b"\r\nAccept-Encoding: gzip\r\n\r\n")


@pytest.mark.program
def test_the_radio_of_a_benchmark_delivers_on_command(tmp_path: Path) -> None:
    """Scrapes are timed with all series changed, or with none, so the radio must send only on command."""
    port = free_port()
    with running(*exporter(tmp_path, 3, port, kind="told")) as process:
        process.wait_for(port, "/healthz", b"ok")
        before = get(port, "/metrics")
        assert "heard" == process.tell("")
        after = get(port, "/metrics")

    assert (0, 3) == tuple(body.count(b"ble_sensor_temperature_celsius{") for body in (before, after))


@pytest.mark.program
def test_a_process_is_told_what_to_import_and_is_measured() -> None:
    """Without the imports, the exporter would be compared with an interpreter that imports nothing."""
    with running("-m", "bench.steady_radio", "imports", "0", "0") as process:
        assert "ready" == process.tell("json no_such_module")
        assert process.cpu_s > 0
        assert process.resident_mib() > 1


@pytest.mark.program
def test_a_process_that_ends_is_reported_with_its_error() -> None:
    """Without the error, nobody could tell why a benchmark has stopped."""
    with running("-c", "raise SystemExit('no such thing')") as process, pytest.raises(RuntimeError, match="no such"):
        process.wait_for(free_port(), "/healthz", b"ok")


@pytest.mark.parametrize(
    "theirs", [{}, {"temperature": 21.5, "humidity": 40.0}, {"voltage": 3.0}], ids=["nothing", "other value", "more"]
)
def test_a_decoder_that_reads_other_values_is_not_compared(theirs: dict[str, float]) -> None:
    """A decoder that reads nothing would be the fastest."""
    with pytest.raises(DifferenceError, match="packet 40: other reads"):
        check("other", b"\x40", theirs, {"temperature": 21.5, "humidity": 45.0})


def test_a_decoder_that_reads_a_part_of_the_values_is_compared() -> None:
    """Other decoders may leave out values that they have no name for."""
    check("other", b"\x40", {"temperature": 21.5}, {"temperature": 21.5, "humidity": 45.0})
