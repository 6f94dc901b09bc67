"""The exposition: which format, whole in spite of a failing collector, and not written twice."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector

from ble_exporter.exporter.exposition import (
    OPENMETRICS,
    TEXT,
    Exposition,
    Format,
    Versioned,
    accepts_gzip,
    choose_format,
)
from ble_exporter.formats.measurement import Measurement
from ble_exporter.metrics.readings import Readings
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.model import Reading
from tests.conftest import Vector, vectors


class Broken(Collector):
    """A collector that fails when it is half done."""

    def collect(self) -> Iterator[Metric]:
        """Fail."""
        yield GaugeMetricFamily("half", "The half that was done.", 1)
        raise RuntimeError


@pytest.fixture
def readings() -> Readings:
    """A store of two devices, one of them with a name that needs escaping."""
    store = Readings()
    store.update(Reading("attic", {Measurement("temperature"): 21.5}, 1000.0, -60))
    store.update(Reading('a "\\" b', {Measurement("temperature"): -3.0}, 1000.0, -70))
    return store


@pytest.mark.parametrize("vector", vectors("accept.json"), ids=lambda vector: vector["note"])
def test_the_format_is_what_the_accept_header_likes_best(vector: Vector) -> None:
    """Prometheus 3 fails a scrape whose content type it did not ask for; an odd header must never be a 500."""
    expected = {"text": TEXT, "openmetrics": OPENMETRICS}[vector["format"]]

    assert expected is choose_format(vector["accept"])


@given(st.text(max_size=100))
def test_any_accept_header_gives_a_format(header: str) -> None:
    """The header is what a stranger sends."""
    assert choose_format(header) in (TEXT, OPENMETRICS)
    assert accepts_gzip(header) in (True, False)


@pytest.mark.parametrize(
    ("header", "expected"),
    [("", False), ("gzip", True), ("GZIP;q=0.5, br", True), ("gzip;q=0", False), ("*", True), ("*, gzip;q=0", False)],
)
def test_gzip_is_used_where_it_is_accepted(header: str, expected: bool) -> None:
    """`gzip;q=0` means no."""
    assert expected == accepts_gzip(header)


@pytest.mark.parametrize(("wanted", "parse"), [(TEXT, parse_text), (OPENMETRICS, parse_openmetrics)])
def test_both_formats_say_the_same(readings: Readings, wanted: Format, parse: object) -> None:
    """A strict parser of each format must read back every value, under the names that were meant."""
    assert callable(parse)
    body = Exposition({"readings": readings, "exporter": SelfMetrics()}).render(wanted).decode()

    families = {family.name: family for family in parse(body)}
    assert {sample.labels["device"]: sample.value for sample in families["ble_sensor_temperature_celsius"].samples} == {
        "attic": 21.5,
        'a "\\" b': -3.0,
    }
    assert {"ble_exporter_build_info", "ble_exporter_collector_failures", "ble_exporter_scans"} <= families.keys()


def test_openmetrics_ends_once(readings: Readings) -> None:
    """Whatever comes behind the first `# EOF` is a parse error, and the whole scrape is lost."""
    body = Exposition({"readings": readings, "exporter": SelfMetrics()}).render(OPENMETRICS)

    assert (body.count(b"# EOF"), body.endswith(b"# EOF\n")) == (1, True)


@pytest.mark.parametrize("wanted", [TEXT, OPENMETRICS])
def test_a_collector_that_raises_costs_its_own_families_only(readings: Readings, wanted: Format) -> None:
    """The temperatures must arrive though something else is broken, and the failure must be seen."""
    exposition = Exposition({"broken": Broken(), "readings": readings})
    exposition.render(wanted)
    lines = exposition.render(wanted).decode().splitlines()

    assert 'ble_sensor_temperature_celsius{device="attic"} 21.5' in lines
    assert 'ble_exporter_collector_failures_total{collector="broken"} 2.0' in lines
    assert 'ble_exporter_collector_failures_total{collector="readings"} 0.0' in lines
    assert not [line for line in lines if "half" in line]


def test_a_collector_s_first_failure_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """A count says that something is broken; only the traceback says what. But not at each scrape."""
    exposition = Exposition({"broken": Broken()})
    exposition.render(TEXT)
    exposition.render(TEXT)

    (record,) = caplog.records
    assert record.getMessage() == "the metrics of broken can't be collected; a later failure is only counted"
    assert record.exc_info is not None


def test_a_change_shows_in_the_next_scrape(readings: Readings) -> None:
    """What was written for the last scrape is only kept while it is true."""
    exposition = Exposition({"readings": readings})
    before = exposition.render(TEXT)
    readings.update(Reading("attic", {Measurement("temperature"): 22.0}, 1010.0, -60))

    assert b'ble_sensor_temperature_celsius{device="attic"} 21.5' in before
    assert b'ble_sensor_temperature_celsius{device="attic"} 22.0' in exposition.render(TEXT)


def test_nothing_is_collected_again_that_has_not_changed(readings: Readings, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what makes a scrape cheap on a Pi: the store is not even asked."""
    exposition = Exposition({"readings": readings})
    first = exposition.render(TEXT)
    monkeypatch.setattr(Readings, "collect", lambda _self: pytest.fail("collected again"))

    assert first == exposition.render(TEXT)


def test_a_value_that_expires_between_two_scrapes_is_in_neither_format() -> None:
    """No update tells of it: it is by being asked for its version that the store notices."""
    now = 0.0
    readings = Readings(90, lambda: now)
    readings.update(Reading("attic", {Measurement("temperature"): 21.5}, 1000.0, -60))
    exposition = Exposition({"readings": readings})
    before = [exposition.render(wanted) for wanted in (TEXT, OPENMETRICS)]
    now = 90.0
    after = [exposition.render(wanted) for wanted in (TEXT, OPENMETRICS)]

    assert [b"attic" in body for body in before + after] == [True, True, False, False]


def test_a_collector_without_version_is_collected_each_time() -> None:
    """Those of prometheus_client know none."""
    assert (isinstance(Readings(), Versioned), isinstance(SelfMetrics(), Versioned)) == (True, False)


def test_each_format_is_kept_for_itself(readings: Readings) -> None:
    """Two Prometheus of different age may scrape in turn."""
    exposition = Exposition({"readings": readings})

    assert exposition.render(TEXT) != exposition.render(OPENMETRICS)
    assert not exposition.render(TEXT).endswith(b"# EOF\n")
