"""
Renders the collectors' metric families in the exposition format that the scraper prefers.

prometheus_client writes the text format and OpenMetrics. This module evaluates the Accept header according to RFC 9110,
leaves out only the families of a failing collector, and does not render an unchanged collector again.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from prometheus_client import exposition as text_format
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics_format
from prometheus_client.registry import Collector


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
# In characters. Prometheus sends 200, browsers 150; a request may have a hundred header lines of 8 kB.
_LONGEST_HEADER = 1024


def parse_accept(header: str) -> Iterator[MediaRange]:
    """
    Yield the valid elements of an Accept or Accept-Encoding header (RFC 9110, sections 12.4.2 and 12.5.1).

    A header of more than 1,024 characters has no valid elements: reading a megabyte of them would take seconds.
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


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding header allows gzip."""
    quality = {element.value: element.quality for element in parse_accept(accept_encoding)}
    return quality.get("gzip", quality.get("*", 0)) > 0


@runtime_checkable
class Versioned(Protocol):
    """A collector whose families change only if `version` changes."""

    @property
    def version(self) -> int: ...  # noqa: D102 - see above


class Exposition(Collector):
    """
    Renders the families of several collectors, followed by the counts of their failures.

    `collectors` maps names to collectors, in output order; the failures of a collector are counted under its name. Two
    collectors must not have a family in common.
    """

    def __init__(self, collectors: Mapping[str, Collector]) -> None:
        self._collectors = collectors
        self._failures = dict.fromkeys(collectors, 0)
        self._written: dict[tuple[str, Format], tuple[int, bytes]] = {}

    def render(self, wanted: Format) -> bytes:
        """Return all families in the wanted format; a failing collector is left out, and its failure is counted."""
        parts = []
        for name, collector in self._collectors.items():
            try:
                parts.append(self._render_one(name, collector, wanted))
            except Exception:  # noqa: PERF203 - no error in one collector may prevent the others' output
                if not self._failures[name]:
                    _log.exception("the metrics of %s can't be collected; later failures are only counted", name)
                self._failures[name] += 1
        parts.append(_write(self, wanted))
        if wanted is OPENMETRICS:
            parts.append(_END_OF_OPENMETRICS)
        return b"".join(parts)

    def collect(self) -> Iterator[Metric]:
        """Yield the metric family that counts the failures of each collector."""
        documentation = "Collectors that failed at a scrape."
        family = CounterMetricFamily("ble_exporter_collector_failures", documentation, labels=["collector"])
        for collector, count in self._failures.items():
            family.add_metric([collector], count)
        yield family

    def _render_one(self, name: str, collector: Collector, wanted: Format) -> bytes:
        if not isinstance(collector, Versioned):
            return _write(collector, wanted)
        version = collector.version
        known = self._written.get((name, wanted))
        if known is None or known[0] != version:
            known = self._written[name, wanted] = (version, _write(collector, wanted))
        return known[1]


def _write(collector: Collector, wanted: Format) -> bytes:
    if wanted is TEXT:
        return text_format.generate_latest(collector)
    written: bytes = openmetrics_format.generate_latest(collector)  # type: ignore[no-untyped-call] # not annotated
    return written.removesuffix(_END_OF_OPENMETRICS)
