"""The exporter's own metrics, `ble_exporter_…`, such as the numbers of advertisements and scans by outcome."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ble_exporter import __version__
from ble_exporter.device.clock import Clock
from ble_exporter.device.labels import NO_LABELS, Labels
from ble_exporter.errors import (
    HTTP_ERROR_KINDS,
    LOSS_REASONS,
    REJECT_REASONS,
    RESET_OUTCOMES,
    HttpErrorKind,
    LossReason,
    RejectReason,
    ResetOutcome,
)
from ble_exporter.metrics.column import Column
from ble_exporter.system.streams import Losses

_VERSION = Labels({"version": __version__})
_GLITCH = Labels({"reason": "glitch"})
_REASONS: Mapping[RejectReason, Labels] = {reason: Labels({"reason": reason}) for reason in REJECT_REASONS}
_KINDS: Mapping[HttpErrorKind, Labels] = {kind: Labels({"kind": kind}) for kind in HTTP_ERROR_KINDS}
# There are six for each adapter. The labels of adapters that are gone must not stay in memory.
_MOST_LABELS = 128


@dataclass
class SelfMetrics(Collector):
    """
    Counters of the exporter's own work, as plain numbers: counting an advertisement takes only one addition.

    Attributes:
        adapters: Adapter name to whether the adapter works; the radio updates this mapping.
        lost_events: The number of lost events, by adapter and reason; the radio updates this mapping.
        adapter_resets: The number of resets, by adapter and outcome; the radio updates this mapping.
        log: The lines that the log could not write; the log's handler updates this record.
        glitches: The number of values that the glitch filter has rejected; None until a device has the filter.
        scan_interval_s: The configured seconds from the start of one scan to the start of the next.
        last_scan_s: The time by `clock` at which the last scan ended; None before the first scan has ended.
        has_reloaded: Whether the latest configuration could be used.
        loaded_s: The time by `clock` at which the configuration in use was loaded.
    """

    adapters: Mapping[str, bool] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    log: Losses = field(default_factory=Losses)
    lost_events: Mapping[tuple[str, LossReason], int] = field(default_factory=dict)
    adapter_resets: Mapping[tuple[str, ResetOutcome], int] = field(default_factory=dict)
    decoded: int = 0
    unknown_device: int = 0
    unknown_objects: int = 0
    impossible_values: int = 0
    left_out: int = 0
    glitches: int | None = None
    rejected: Counter[RejectReason] = field(default_factory=Counter)
    refused: Counter[RejectReason] = field(default_factory=Counter)
    http_errors: Counter[HttpErrorKind] = field(default_factory=Counter)
    scans: int = 0
    scan_failures: int = 0
    state_write_failures: int = 0
    scan_interval_s: float = 0.0
    last_scan_s: float | None = None
    last_scan_duration: float = 0.0
    has_reloaded: bool = True
    loaded_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.loaded_s = self.clock.now()

    @property
    def received(self) -> int:
        """Number of advertisements received: each is decoded, rejected, or from an unknown device."""
        return self.decoded + self.unknown_device + sum(self.rejected.values())

    def collect(self) -> Iterator[Metric]:
        """Build the families for a scrape; all except those with the label `adapter` exist from the first scrape on."""
        yield _gauge("ble_exporter_build_info", "Always 1, labelled with the exporter's version.", [(_VERSION, 1)])
        if self.adapters:
            yield from self._by_adapter()
        yield from self._by_reason()
        yield from self._totals()
        yield from self._states()

    def _by_adapter(self) -> Iterator[Metric]:
        up = [(_of_adapter(adapter), works) for adapter, works in self.adapters.items()]
        yield _gauge("ble_exporter_adapter_up", "1 while a Bluetooth adapter works, 0 after it failed.", up)
        lost = [
            (_of_adapter(adapter, "reason", reason), self.lost_events.get((adapter, reason), 0))
            for adapter in self.adapters
            for reason in LOSS_REASONS
        ]
        yield _counter("ble_exporter_events_lost", "Bluetooth events lost before decoding.", lost)
        resets = [
            (_of_adapter(adapter, "outcome", outcome), self.adapter_resets.get((adapter, outcome), 0))
            for adapter in self.adapters
            for outcome in RESET_OUTCOMES
        ]
        yield _counter("ble_exporter_adapter_resets", "Resets of a Bluetooth adapter that hung, by outcome.", resets)

    def _by_reason(self) -> Iterator[Metric]:
        for name, documentation, counts in (
            ("advertisements_rejected", "Advertisements of configured devices that yielded no reading.", self.rejected),
            ("payloads_refused", "Invalid payloads in advertisements that yielded a reading.", self.refused),
        ):
            by_reason = [(labels, counts[reason]) for reason, labels in _REASONS.items()]
            yield _counter(f"ble_exporter_{name}", documentation, by_reason)
        if self.glitches is not None:
            yield _counter(
                "ble_exporter_values_rejected", "Improbable values that were rejected.", [(_GLITCH, self.glitches)]
            )
        http_errors = [(labels, self.http_errors[kind]) for kind, labels in _KINDS.items()]
        yield _counter("ble_exporter_http_errors", "Requests and connections that failed.", http_errors)

    def _totals(self) -> Iterator[Metric]:
        for name, documentation, count in (
            ("scans", "Scans started.", self.scans),
            ("scan_failures", "Scans that failed.", self.scan_failures),
            (
                "state_write_failures",
                "Failures to write the replay guard's state, which a restart then forgets.",
                self.state_write_failures,
            ),
            ("advertisements_received", "Advertisements received from all devices.", self.received),
            ("advertisements_decoded", "Advertisements that yielded a reading.", self.decoded),
            (
                "advertisements_unknown_device",
                "Advertisements of devices that are not configured.",
                self.unknown_device,
            ),
            ("impossible_values", "Values left out because no sensor can have measured them.", self.impossible_values),
            ("measurements_left_out", "Measurements and buttons left out for lack of room.", self.left_out),
            ("unknown_objects", "Unknown objects; in BTHome v2, decoding stops at the first.", self.unknown_objects),
            ("log_lines_lost", "Lines that could not be written to the log.", self.log.lines),
        ):
            yield _counter(f"ble_exporter_{name}", documentation, [(NO_LABELS, count)])

    def _states(self) -> Iterator[Metric]:
        ended = 0.0 if self.last_scan_s is None else self.clock.unix(self.last_scan_s)
        for name, documentation, value in (
            (
                "scan_interval_seconds",
                "Configured time from the start of one scan to the start of the next.",
                self.scan_interval_s,
            ),
            ("last_scan_timestamp_seconds", "Unix time at which the last scan ended; 0 before the first.", ended),
            (
                "last_scan_duration_seconds",
                "Duration of the last scan, including radio start and stop; 0 before the first.",
                self.last_scan_duration,
            ),
            (
                "config_last_reload_successful",
                "1 if the latest configuration could be used, 0 if the previous one or a backup is in use.",
                self.has_reloaded,
            ),
            (
                "config_last_reload_success_timestamp_seconds",
                "Unix time at which the configuration in use was loaded.",
                self.clock.unix(self.loaded_s),
            ),
            ("log_writable", "1 while the log can be written, 0 after a line was lost.", not self.log.cause),
        ):
            yield _gauge(f"ble_exporter_{name}", documentation, [(NO_LABELS, value)])


@lru_cache(maxsize=_MOST_LABELS)
def _of_adapter(adapter: str, name: str = "", value: str = "") -> Labels:
    return Labels({"adapter": adapter, name: value} if name else {"adapter": adapter})


def _gauge(name: str, documentation: str, rows: Iterable[tuple[Labels, float]]) -> Metric:
    return _filled(Column(name), rows).family("gauge", documentation)


def _counter(name: str, documentation: str, rows: Iterable[tuple[Labels, float]]) -> Metric:
    return _filled(Column(f"{name}_total"), rows).family("counter", documentation)


def _filled(column: Column, rows: Iterable[tuple[Labels, float]]) -> Column:
    for labels, value in rows:
        column.add(labels, value)
    return column
