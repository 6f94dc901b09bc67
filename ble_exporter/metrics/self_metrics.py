"""The exporter's own metrics, `ble_exporter_…`, such as the numbers of advertisements and scans by outcome."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import repeat
from operator import attrgetter

from ble_exporter import __version__
from ble_exporter.device.clock import Clock
from ble_exporter.device.labels import Labels
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
from ble_exporter.metrics.column import UNLABELLED, Head
from ble_exporter.metrics.table import Layout, Table, Tables
from ble_exporter.system.streams import Losses


def _gauge(name: str, documentation: str) -> Head:
    return Head(name, "gauge", documentation)


def _counter(name: str, documentation: str) -> Head:
    return Head(f"{name}_total", "counter", documentation)


_BUILD_INFO = _gauge("ble_exporter_build_info", "Always 1, labelled with the exporter's version.")
_VERSION = (Labels({"version": __version__}),)
_UP = _gauge("ble_exporter_adapter_up", "1 while a Bluetooth adapter works, 0 after it failed.")
_LOST = _counter("ble_exporter_events_lost", "Bluetooth events lost before decoding.")
_RESETS = _counter("ble_exporter_adapter_resets", "Resets of a Bluetooth adapter that hung, by outcome.")
_REJECTED = _counter(
    "ble_exporter_advertisements_rejected", "Advertisements of configured devices that yielded no reading."
)
_REFUSED = _counter("ble_exporter_payloads_refused", "Invalid payloads in advertisements that yielded a reading.")
_REASONS = [Labels({"reason": reason}) for reason in REJECT_REASONS]
_GLITCHES = _counter("ble_exporter_values_rejected", "Improbable values that were rejected.")
_OF_GLITCHES = (Labels({"reason": "glitch"}),)
_HTTP_ERRORS = _counter("ble_exporter_http_errors", "Requests and connections that failed.")
_KINDS = [Labels({"kind": kind}) for kind in HTTP_ERROR_KINDS]
_SINGLE_SERIES: Mapping[str, Head] = {
    "scans": _counter("ble_exporter_scans", "Scans started."),
    "scan_failures": _counter("ble_exporter_scan_failures", "Scans that failed."),
    "state_write_failures": _counter(
        "ble_exporter_state_write_failures", "Failures to write the replay guard's state, which a restart then forgets."
    ),
    "received": _counter("ble_exporter_advertisements_received", "Advertisements received from all devices."),
    "decoded": _counter("ble_exporter_advertisements_decoded", "Advertisements that yielded a reading."),
    "unknown_device": _counter(
        "ble_exporter_advertisements_unknown_device", "Advertisements of devices that are not configured."
    ),
    "impossible_values": _counter(
        "ble_exporter_impossible_values", "Values left out because no sensor can have measured them."
    ),
    "left_out": _counter("ble_exporter_measurements_left_out", "Measurements and buttons left out for lack of room."),
    "unknown_objects": _counter(
        "ble_exporter_unknown_objects", "Unknown objects; in BTHome v2, decoding stops at the first."
    ),
    "log.lines": _counter("ble_exporter_log_lines_lost", "Lines that could not be written to the log."),
    "scan_interval_s": _gauge(
        "ble_exporter_scan_interval_seconds", "Configured time from the start of one scan to the start of the next."
    ),
    "last_scan_timestamp": _gauge(
        "ble_exporter_last_scan_timestamp_seconds", "Unix time at which the last scan ended; 0 before the first."
    ),
    "last_scan_duration": _gauge(
        "ble_exporter_last_scan_duration_seconds",
        "Duration of the last scan, including radio start and stop; 0 before the first.",
    ),
    "has_reloaded": _gauge(
        "ble_exporter_config_last_reload_successful",
        "1 if the latest configuration could be used, 0 if the previous one or a backup is in use.",
    ),
    "loaded_timestamp": _gauge(
        "ble_exporter_config_last_reload_success_timestamp_seconds",
        "Unix time at which the configuration in use was loaded.",
    ),
    "is_log_writable": _gauge("ble_exporter_log_writable", "1 while the log can be written, 0 after a line was lost."),
}
"""The families of one series without labels, by the attribute of SelfMetrics that has its value."""
_single_values = attrgetter(*_SINGLE_SERIES)
# Bounds the memory for the labels of adapters that are gone.
_MOST_LAYOUTS = 4


@dataclass
class SelfMetrics(Tables):
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

    @property
    def last_scan_timestamp(self) -> float:
        """Unix time at which the last scan ended; 0 before the first."""
        return 0.0 if self.last_scan_s is None else self.clock.unix(self.last_scan_s)

    @property
    def loaded_timestamp(self) -> float:
        """Unix time at which the configuration in use was loaded."""
        return self.clock.unix(self.loaded_s)

    @property
    def is_log_writable(self) -> bool:
        """Whether the log can be written."""
        return not self.log.cause

    def tables(self) -> Sequence[Table]:
        """
        Return the values for a scrape.

        The families with the label `adapter`, and that of rejected values, exist only when they have series.
        """
        adapters = self.adapters
        lost = [self.lost_events.get((adapter, reason), 0) for adapter in adapters for reason in LOSS_REASONS]
        resets = [self.adapter_resets.get((adapter, what), 0) for adapter in adapters for what in RESET_OUTCOMES]
        # `get`, because a `Counter` takes long for a key that it does not have.
        rejected, refused = ([*map(counts.get, REJECT_REASONS, repeat(0))] for counts in (self.rejected, self.refused))
        http_errors = [*map(self.http_errors.get, HTTP_ERROR_KINDS, repeat(0))]
        layout = _layout(tuple(adapters), has_glitches=self.glitches is not None)
        values: list[Sequence[float]] = [
            *([1], [*adapters.values()], lost, resets, rejected, refused, http_errors),
            [] if self.glitches is None else [self.glitches],
            *[[value] for value in _single_values(self)],
        ]
        return [Table(layout, values)]


@lru_cache(maxsize=_MOST_LAYOUTS)
def _layout(adapters: tuple[str, ...], *, has_glitches: bool) -> Layout:
    return [
        (_BUILD_INFO, _VERSION),
        (_UP, [Labels({"adapter": one}) for one in adapters]),
        (_LOST, [Labels({"adapter": one, "reason": reason}) for one in adapters for reason in LOSS_REASONS]),
        (_RESETS, [Labels({"adapter": one, "outcome": what}) for one in adapters for what in RESET_OUTCOMES]),
        *((_REJECTED, _REASONS), (_REFUSED, _REASONS), (_HTTP_ERRORS, _KINDS)),
        (_GLITCHES, _OF_GLITCHES if has_glitches else ()),
        *((head, UNLABELLED) for head in _SINGLE_SERIES.values()),
    ]
