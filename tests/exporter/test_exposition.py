"""The exposition: its format, failing collectors, and the cached text."""

import weakref
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.exposition import generate_latest as generate_text
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from ble_exporter.device.rhythm import fixed_limit
from ble_exporter.exporter.exposition import (
    OPENMETRICS,
    TEXT,
    Exposition,
    Format,
    accepts_gzip,
    choose_format,
)
from ble_exporter.metrics.readings import Readings
from ble_exporter.metrics.self_metrics import SelfMetrics
from tests.conftest import Vector, vectors
from tests.home import Home


class Broken(Collector):
    """A collector that fails halfway."""

    def collect(self) -> Iterator[Metric]:
        """Yield one family, then raise an error."""
        yield GaugeMetricFamily("half", "The half that was done.", 1)
        raise RuntimeError


@pytest.fixture
def home() -> Home:
    """A home with two devices, one of which has a name that needs escaping."""
    home = Home("attic", 'a "\\" b')
    home.hear({"temperature": 21.5})
    home.hear({"temperature": -3.0}, device='a "\\" b', rssi=-70)
    return home


@pytest.mark.parametrize("vector", vectors("accept.json"), ids=lambda vector: vector["note"])
def test_the_format_is_the_one_that_the_accept_header_prefers(vector: Vector) -> None:
    """A client must get a format that it can read, and an odd header must never cause a 500."""
    expected = {"text": TEXT, "openmetrics": OPENMETRICS}[vector["format"]]

    assert expected is choose_format(vector["accept"])


@given(st.text(max_size=100))
def test_any_accept_header_gives_a_format(header: str) -> None:
    """Anybody on the network can send any header."""
    assert choose_format(header) in (TEXT, OPENMETRICS)
    assert accepts_gzip(header) in (True, False)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP;q=0.5, br", True),
        ("gzip;q=0", False),
        ("*", True),
        ("*, gzip;q=0", False),
        ("gzip" + ", a" * 600, False),
    ],
)
def test_gzip_is_used_if_accepted(header: str, expected: bool) -> None:
    """A client that does not accept gzip, or refuses it with `gzip;q=0`, could not read a compressed answer."""
    assert expected == accepts_gzip(header)


@pytest.mark.parametrize(("wanted", "parse"), [(TEXT, parse_text), (OPENMETRICS, parse_openmetrics)])
def test_both_formats_have_the_same_values(home: Home, wanted: Format, parse: object) -> None:
    """A strict parser of each format must read back every value, under the intended name."""
    assert callable(parse)
    body = Exposition({"readings": home.readings, "exporter": SelfMetrics()}).render(wanted).decode()

    families = {family.name: family for family in parse(body)}
    assert {
        "attic": 21.5,
        'a "\\" b': -3.0,
    } == {sample.labels["device"]: sample.value for sample in families["ble_sensor_temperature_celsius"].samples}
    assert {"ble_exporter_build_info", "ble_exporter_collector_failures", "ble_exporter_scans"} <= families.keys()


def test_openmetrics_ends_once(home: Home) -> None:
    """Any text after the first `# EOF` is a parse error, and the whole scrape is lost."""
    body = Exposition({"readings": home.readings, "exporter": SelfMetrics()}).render(OPENMETRICS)

    assert (1, True) == (body.count(b"# EOF"), body.endswith(b"# EOF\n"))


@pytest.mark.parametrize("wanted", [TEXT, OPENMETRICS])
def test_a_collector_that_raises_costs_its_own_families_only(home: Home, wanted: Format) -> None:
    """The temperatures must be exported even if another collector fails, and the failure must be visible."""
    exposition = Exposition({"broken": Broken(), "readings": home.readings})
    exposition.render(wanted)
    lines = exposition.render(wanted).decode().splitlines()

    assert 'ble_sensor_temperature_celsius{device="attic"} 21.5' in lines
    assert 'ble_exporter_collector_failures_total{collector="broken"} 2.0' in lines
    assert 'ble_exporter_collector_failures_total{collector="readings"} 0.0' in lines
    assert not [line for line in lines if "half" in line]


def test_a_collector_s_first_failure_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """Only the traceback shows the cause; logging it at each scrape would fill the log."""
    exposition = Exposition({"broken": Broken()})
    exposition.render(TEXT)
    exposition.render(TEXT)

    (record,) = caplog.records
    assert "the metrics of broken can't be collected; later failures are only counted" == record.getMessage()
    assert record.exc_info is not None


def test_a_change_shows_in_the_next_scrape(home: Home) -> None:
    """The cached text must not be served after a change."""
    exposition = Exposition({"readings": home.readings})
    before = exposition.render(TEXT)
    home.hear({"temperature": 22.0})

    assert b'ble_sensor_temperature_celsius{device="attic"} 21.5' in before
    assert b'ble_sensor_temperature_celsius{device="attic"} 22.0' in exposition.render(TEXT)


class Counted(Collector):
    """
    A collector that counts its calls.

    Args:
        collector: The collector that it wraps.
    """

    def __init__(self, collector: Readings) -> None:
        self._collector = collector
        self.collected = 0

    @property
    def version(self) -> int:
        """The version of the wrapped collector."""
        return self._collector.version

    def refresh(self) -> Iterator[None]:
        """Pass the call on."""
        return self._collector.refresh()

    def collect(self) -> Iterator[Metric]:
        """Count the call, and pass it on."""
        self.collected += 1
        yield from self._collector.collect()


def test_nothing_is_collected_again_that_has_not_changed(home: Home) -> None:
    """On a Pi, a scrape is cheap only if a collector whose version has not changed is not called again."""
    counted = Counted(home.readings)
    exposition = Exposition({"readings": counted})
    first = exposition.render(TEXT)

    assert (first, 1) == (exposition.render(TEXT), counted.collected)
    home.hear({"temperature": 21.5})
    exposition.render(TEXT)
    assert 2 == counted.collected


def test_a_value_that_expires_between_two_scrapes_is_in_neither_format() -> None:
    """No packet announces an expiry, and a dead sensor must still disappear from the cached text."""
    home = Home(limit=fixed_limit(90))
    home.hear({"temperature": 21.5})
    exposition = Exposition({"readings": home.readings})
    before = [exposition.render(wanted) for wanted in (TEXT, OPENMETRICS)]
    home.now += 90
    after = [exposition.render(wanted) for wanted in (TEXT, OPENMETRICS)]

    assert [True, True, False, False] == [b"attic" in body for body in before + after]


def test_a_collector_without_version_is_collected_each_time() -> None:
    """The collectors of prometheus_client have no version, so their text must not be cached."""
    exported: list[Metric] = [GaugeMetricFamily("a", "Help.", 1)]
    exposition = Exposition({"given": Given(exported)})
    before = exposition.render(TEXT)
    exported[0] = GaugeMetricFamily("a", "Help.", 2)

    assert (True, True) == (b"\na 1.0\n" in before, b"\na 2.0\n" in exposition.render(TEXT))


def test_each_format_is_kept_for_itself(home: Home) -> None:
    """Two Prometheus servers with different formats may scrape alternately."""
    exposition = Exposition({"readings": home.readings})

    assert exposition.render(TEXT) != exposition.render(OPENMETRICS)
    assert not exposition.render(TEXT).endswith(b"# EOF\n")


class Given(Collector):
    """
    A collector of given families.

    Args:
        families: The families that `collect` yields.
    """

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        yield from self._families


labels = st.dictionaries(st.sampled_from(["device", "adapter", "le"]), st.text(max_size=8), max_size=3)
values = st.one_of(st.floats(), st.integers(-(10**9), 10**9), st.booleans())
names = st.sampled_from(["", "_total", "_created", "_info"])
samples = st.builds(
    lambda suffix, labels, value, time_s: Sample(f"a{suffix}", labels, value, time_s),
    *(names, labels, values, st.one_of(st.none(), st.integers(0, 10**9))),
)


@st.composite
def families(draw: st.DrawFn) -> Metric:
    """Draw a family with any samples; in many families, they have only a name, labels and a value."""
    kind = draw(st.sampled_from(["gauge", "counter", "info", "unknown"]))
    family = Metric("a", draw(st.text(max_size=8)), kind)
    plain = st.builds(lambda labels, value: Sample("a", labels, value), labels, values)
    family.samples = draw(st.lists(draw(st.sampled_from([plain, samples])), max_size=5))
    return family


@pytest.mark.parametrize("wanted", [TEXT, OPENMETRICS])
@given(st.lists(families(), max_size=3))
def test_any_family_is_written_as_the_library_does(wanted: Format, given_families: list[Metric]) -> None:
    """Prometheus must not see which of the two writers has written a family, whatever names people choose."""
    write = generate_openmetrics if wanted is OPENMETRICS else generate_text
    exposition = Exposition({"given": Given(given_families)})
    failures = write(exposition).decode()

    written = write(Given(given_families)).decode().removesuffix("# EOF\n") + failures
    assert written == exposition.render(wanted).decode()


def test_what_is_no_longer_exported_is_not_kept() -> None:
    """After a reload that removes thousands of devices, their lines must not stay in memory until a restart."""
    home = Home(*(f"room {number}" for number in range(1001)))
    for name in home.devices:
        home.hear({"temperature": 20}, device=name)
    exposition = Exposition({"readings": home.readings})
    exposition.render(TEXT)
    last = weakref.ref(home.devices["room 1000"])
    home.readings.collect_from(list(home.devices.values())[:1])
    home.devices.clear()
    exposition.render(TEXT)

    assert last() is None


@pytest.fixture
def large_home() -> Home:
    """A home with a thousand devices; each has a temperature, a humidity, two counts and an event."""
    names = [f"room {number}" for number in range(1000)]
    home = Home(*names)
    for name in names:
        hear_all_of(home, name, 1)
    return home


def hear_all_of(home: Home, name: str, number: int) -> None:
    """Update a device with values that depend on a number."""
    values = {"temperature": number, "humidity": number, "count": number, "count_2": number}
    home.hear(values, device=name, packet_id=number, others={"button": number})


@pytest.mark.parametrize("wanted", [TEXT, OPENMETRICS])
def test_in_pieces_the_exposition_is_that_of_the_library(large_home: Home, wanted: Format) -> None:
    """Prometheus must not see a difference between an exposition in pieces and one that was written at once."""
    write = generate_openmetrics if wanted is OPENMETRICS else generate_text
    exposition = Exposition({"readings": large_home.readings})
    failures = write(exposition).decode()

    written = write(large_home.readings).decode().removesuffix("# EOF\n") + failures
    assert written == exposition.render(wanted).decode()


def test_pieces_are_neither_many_nor_large(large_home: Home) -> None:
    """The clock is read after each piece, and a large piece would be a second copy of the text in memory."""
    exposition = Exposition({"readings": large_home.readings})
    pieces = [piece for piece in exposition.pieces(OPENMETRICS) if piece]

    # A text of 500 lines is not divided.
    assert max(map(len, pieces)) < 64 * 1024
    # The last piece of the readings, the failures, and the end may be smaller.
    assert len(pieces) <= sum(map(len, pieces)) / (16 * 1024) + 3


def test_a_scrape_is_that_of_one_moment(large_home: Home) -> None:
    """Packets arrive while a scrape is rendered, but a query that compares values needs them from one moment."""
    pieces = Exposition({"readings": large_home.readings}).pieces(TEXT)
    parts = []
    for number, piece in enumerate(pieces):
        hear_all_of(large_home, f"room {number % 1000}", 2)
        parts.append(piece)

    values = {line.rpartition(" ")[2] for line in b"".join(parts).decode().splitlines() if "_celsius{" in line}
    assert {"1.0"} == values


def test_what_changes_during_a_scrape_shows_in_the_next_one(large_home: Home) -> None:
    """Text that was rendered before the change must not be cached as that of the new values."""
    exposition = Exposition({"readings": large_home.readings})
    pieces = exposition.pieces(TEXT)
    next(pieces)
    next(pieces)
    hear_all_of(large_home, "room 7", 2)
    list(pieces)

    assert b'ble_sensor_temperature_celsius{device="room 7"} 2.0' in exposition.render(TEXT)
