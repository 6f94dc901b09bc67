"""
Renders the collectors' metric families in the exposition format that the scraper prefers, in pieces.

prometheus_client writes the text format and OpenMetrics. This module evaluates the Accept header according to RFC 9110.
If a collector fails, only its own families are left out. The families of an unchanged collector are not rendered again.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import zip_longest
from typing import NamedTuple, Protocol, runtime_checkable

from prometheus_client import exposition as text_format
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics_format
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from ble_exporter.device.labels import Labels, labels_of
from ble_exporter.metrics.column import Column, Head, Template
from ble_exporter.metrics.table import Table, Tables, TableText


class MediaRange(NamedTuple):
    """One element of an Accept or Accept-Encoding header: `text/plain;version=0.0.4;q=0.3`."""

    value: str
    parameters: dict[str, str]
    quality: float


class Format(NamedTuple):
    """An exposition format."""

    media_type: str
    version: str

    @property
    def content_type(self) -> str:
        """The value of the Content-Type header."""
        return f"{self.media_type}; version={self.version}; charset=utf-8"


_log = logging.getLogger(__name__)

TEXT = Format("text/plain", "0.0.4")
OPENMETRICS = Format("application/openmetrics-text", "1.0.0")
_END_OF_OPENMETRICS = b"# EOF\n"
_FAILURES = Head("ble_exporter_collector_failures_total", "counter", "Failures of a collector during a scrape.")
# The key of this module's own family, in place of a collector's name; no collector has this name.
_OWN = ""
# There are about 180 families, each in two formats; their number does not grow.
_MOST_HEADS = 512
_USUAL_SUFFIXES = ("", "_total", "_info")
# A Prometheus server sends the same headers in each scrape.
_MOST_HEADERS = 16
# In characters. Prometheus sends 200, browsers 150.
_LONGEST_HEADER = 1024
# In bytes: the size at which a piece is complete. The clock is read after each piece, and may be slow. A large piece
# would be a second copy of the text in memory.
_PIECE = 16 * 1024


def parse_accept(header: str) -> Iterator[MediaRange]:
    """
    Yield the valid elements of an Accept or Accept-Encoding header (RFC 9110, sections 12.4.2 and 12.5.1).

    A header of more than 1,024 characters counts as empty, because parsing a megabyte would take seconds.
    """
    if len(header) > _LONGEST_HEADER:
        return
    for element in header.split(","):
        value, *pairs = (part.strip().lower() for part in element.split(";"))
        parameters = {
            name.strip(): text.strip().strip('"') for name, _, text in (pair.partition("=") for pair in pairs)
        }
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            continue
        if value and 0 <= quality <= 1:
            yield MediaRange(value, parameters, quality)


@lru_cache(maxsize=_MOST_HEADERS)
def choose_format(accept: str) -> Format:
    """Return the format that an Accept header prefers; the text format if the header has no preference."""
    ranges = list(parse_accept(accept))
    return OPENMETRICS if _quality(OPENMETRICS, ranges) > _quality(TEXT, ranges) else TEXT


def _quality(offered: Format, ranges: Sequence[MediaRange]) -> float:
    """Return the quality of the most specific matching range; 0 if none matches (RFC 9110, section 12.5.1)."""
    best = (-1, 0.0)
    for value, parameters, quality in ranges:
        if parameters.get("version", offered.version) != offered.version:
            continue
        wildcards = ("*/*", f"{offered.media_type.partition('/')[0]}/*", offered.media_type)
        if value in wildcards:
            best = max(best, (2 * wildcards.index(value) + ("version" in parameters), quality))
    return best[1]


@lru_cache(maxsize=_MOST_HEADERS)
def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding header allows gzip."""
    quality = {element.value: element.quality for element in parse_accept(accept_encoding)}
    return quality.get("gzip", quality.get("*", 0)) > 0


@runtime_checkable
class Versioned(Protocol):
    """
    A collector whose families change only if `version` changes.

    `refresh` prepares `version` in small steps, so that `version` need not do all the work at once.
    """

    @property
    def version(self) -> int: ...  # noqa: D102 - see above

    def refresh(self) -> Iterator[None]: ...  # noqa: D102 - see above


class Exposition(Tables):
    """
    Renders the families of several collectors, followed by the counts of their failures.

    `collectors` maps names to collectors, in output order; the failures of a collector are counted under its name. Two
    collectors must not have a family in common.
    """

    def __init__(self, collectors: Mapping[str, Collector]) -> None:
        self._collectors = collectors
        self._failures = dict.fromkeys(collectors, 0)
        self._layout = [(_FAILURES, [Labels({"collector": name}) for name in collectors])]
        # Checked only once, because isinstance is slow for a protocol.
        self._versioned = {name: one for name, one in collectors.items() if isinstance(one, Versioned)}
        self._written: dict[tuple[str, Format], tuple[int, Sequence[bytes]]] = {}
        # The texts of the latest scrape. Both formats have the same lines.
        self._table_texts: dict[str, Sequence[TableText]] = {}

    def render(self, wanted: Format) -> bytes:
        """Return all families in the wanted format; a failing collector is left out, and its failure is counted."""
        return b"".join(self.pieces(wanted))

    def pieces(self, wanted: Format) -> Iterator[bytes]:
        """
        Yield the result of `render` in pieces, many of them empty; none takes more than a few milliseconds.

        All values of a `Tables` collector are from the same moment, whatever happens between two pieces.
        """
        for name in self._collectors:
            texts: list[bytes] = []
            try:
                for some in self._texts_of(name, wanted):
                    texts += some
                    yield b""
            except Exception:
                if not self._failures[name]:
                    _log.exception("the metrics of %s can't be collected; later failures are only counted", name)
                self._failures[name] += 1
            else:
                yield from _joined(texts)
        for some in self._write(_OWN, self, wanted):
            yield from _joined(some)
        if wanted is OPENMETRICS:
            yield _END_OF_OPENMETRICS

    def tables(self) -> Sequence[Table]:
        """Return the metric family that counts the failures of each collector."""
        return [Table(self._layout, [[*self._failures.values()]])]

    def _texts_of(self, name: str, wanted: Format) -> Iterator[Sequence[bytes]]:
        collector = self._versioned.get(name)
        if collector is None:
            yield from self._write(name, self._collectors[name], wanted)
            return
        for _ in collector.refresh():
            yield ()
        version = collector.version
        known = self._written.get((name, wanted))
        if known is not None and known[0] == version:
            yield known[1]
            return
        texts: list[bytes] = []
        for some in self._write(name, self._collectors[name], wanted):
            texts += some
            yield ()
        self._written[name, wanted] = (version, texts)
        yield texts

    def _write(self, name: str, collector: Collector, wanted: Format) -> Iterator[Sequence[bytes]]:
        """Yield the texts of a collector's families, some at a time."""
        if not isinstance(collector, Tables):
            yield from (_text_of(family, wanted) for family in collector.collect())
            return
        tables, known = collector.tables(), self._table_texts.get(name, ())
        texts = [
            text if text is not None and text.layout is table.layout else TableText(table.layout)
            for table, text in zip_longest(tables, known[: len(tables)])
        ]
        self._table_texts[name] = texts
        for table, text in zip(tables, texts, strict=True):
            yield from text.texts(table.values, partial(_head, wanted))


def _joined(texts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the texts as pieces of about `_PIECE` bytes; a longer text stays whole."""
    piece: list[bytes] = []
    size = 0
    for text in texts:
        piece.append(text)
        size += len(text)
        if size >= _PIECE:
            yield b"".join(piece)
            piece, size = [], 0
    yield b"".join(piece)


def _text_of(family: Metric, wanted: Format) -> Sequence[bytes]:
    """Return the text of a family of any collector."""
    samples: Sequence[Sample] = family.samples
    if isinstance(samples, Column):
        return _head(wanted, samples.head), Template(samples.labels).text(samples.head, samples.values)
    if not samples or not _are_plain(samples, family.name):
        return (_written(family, wanted),)
    head = Metric(family.name, family.documentation, family.type, family.unit)
    labels, values = [labels_of(sample.labels) for sample in samples], [sample.value for sample in samples]
    lines = Template(labels).text(Head(samples[0].name, "gauge", ""), values)
    return _written(head, wanted), lines


def _are_plain(samples: Sequence[Sample], name: str) -> bool:
    """Return whether both formats write a family's samples in the given order, with only name, labels and value."""
    # prometheus_client puts samples with other suffixes, such as _created, at the end of their family.
    usual = samples[0].name
    return usual.removeprefix(name) in _USUAL_SUFFIXES and all(
        sample.name == usual and sample[3:] == (None, None, None) for sample in samples
    )


@lru_cache(maxsize=_MOST_HEADS)
def _head(wanted: Format, head: Head) -> bytes:
    """Return the lines of a family that precede its samples."""
    return _written(head.family(), wanted)


class _One(Collector):
    """A collector of one family."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterator[Metric]:
        yield self._family


def _written(family: Metric, wanted: Format) -> bytes:
    if wanted is TEXT:
        return text_format.generate_latest(_One(family))
    written: bytes = openmetrics_format.generate_latest(_One(family))  # type: ignore[no-untyped-call] # not annotated
    return written.removesuffix(_END_OF_OPENMETRICS)
