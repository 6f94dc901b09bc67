"""The rows about reception, silence and the exporter itself."""

from grafana import queries
from grafana.panels import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, Query, Scale, Text, graph, states, tiles
from grafana.queries import OF_EXPORTER, increase, rate
from grafana.rooms import STATES, Panels

# With ten measurements or fewer between two points, the share would jump by ten percentage points or more.
_SMOOTH = "10m"


def reception() -> Panels:
    """Return the row about how well each sensor is heard."""
    return [
        graph(
            Text(
                "Share of measurements heard",
                "A measurement is missed if none of its packets arrived. Below the dashed line at 90 %, move the "
                "sensor or the adapter. Absent for sensors that do not number their measurements: docs/reception.md in "
                "the exporter's repository.",
                "No sensor numbers its measurements, or none was heard long enough",
            ),
            Scale("percentunit", decimals=0, low=0, high=1, steps={None: VERMILLION, 0.9: BLUE}),
            Query(queries.SHARE_HEARD),
            least_interval=_SMOOTH,
        ),
        graph(
            Text(
                "Signal strength",
                "RSSI by adapter. Below the dashed line at −85 dBm, packets are often lost.",
                "No sensor is heard",
            ),
            Scale("dBm", decimals=0, steps={None: VERMILLION, -85: BLUE}),
            Query(queries.mean("ble_sensor_rssi_dbm"), "{{device}} {{adapter}}"),
            least_interval=_SMOOTH,
        ),
        graph(
            Text(
                "Interval between packets",
                "The usual interval between received packets; lost packets lengthen it.",
            ),
            Scale("s", decimals=1, low=0),
            Query(queries.mean("ble_sensor_advertisement_interval_seconds")),
            least_interval=_SMOOTH,
        ),
        graph(
            Text(
                "Packets received",
                "Packets per minute that gave a reading. A sensor sends about 24 with default settings.",
            ),
            Scale("none", decimals=1, low=0),
            Query(queries.PACKETS_PER_MINUTE),
            least_interval=_SMOOTH,
        ),
    ]


def silence() -> Panels:
    """Return the row about silent sensors."""
    return [
        states(
            Text(
                "Heard or silent, and why",
                "For each sensor, whether it was heard, or the reason of its silence. A gap means that Prometheus had "
                "no sample: the exporter was down, or had just started. The reasons: docs/silence.md in the exporter's "
                "repository.",
                "The exporter has no devices",
            ),
            STATES,
            Query(queries.STATE),
        )
    ]


_WORKS = Scale("none", words={1: ("works", SKY), 0: ("failed", VERMILLION)})
_COUNT = Scale("none", decimals=0, low=0)


def exporter() -> Panels:
    """Return the row about the exporter's own health."""
    return [*_states(), *_packets(), *_resources()]


def _states() -> Panels:
    since = {
        "running": f"round(time() - process_start_time_seconds{{{OF_EXPORTER}}})",
        "last scan": f"round(time() - (ble_exporter_last_scan_timestamp_seconds{{{OF_EXPORTER}}} > 0))",
        "configuration": f"round(time() - ble_exporter_config_last_reload_success_timestamp_seconds{{{OF_EXPORTER}}})",
    }
    return [
        states(
            Text(
                "Works or failed",
                "Scrape: Prometheus reaches the exporter. Adapter: docs/watchdog.md. Configuration: the last reload "
                "found no errors (docs/configuration.md). Log: lines can be written. The pages are in the exporter's "
                "repository.",
            ),
            _WORKS,
            Query(f"up{{{OF_EXPORTER}}}", "scrape {{instance}}"),
            Query(f"ble_exporter_adapter_up{{{OF_EXPORTER}}}", "adapter {{adapter}} {{instance}}"),
            Query(f"ble_exporter_config_last_reload_successful{{{OF_EXPORTER}}}", "configuration {{instance}}"),
            Query(f"ble_exporter_log_writable{{{OF_EXPORTER}}}", "log {{instance}}"),
            width=16,
        ),
        tiles(
            Text(
                "Time since …",
                "Since the start of the process, the end of the last scan, and the last successful load of the "
                "configuration.",
            ),
            Scale("s"),
            *(Query(expression, name) for name, expression in since.items()),
            height=9,
        ),
    ]


def _packets() -> Panels:
    prefix = "ble_exporter_advertisements"
    fates = {"decoded": BLUE, "unknown device": GREY, "rejected": VERMILLION}
    expressions = (
        f"sum({rate(f'{prefix}_decoded_total')})",
        f"sum({rate(f'{prefix}_unknown_device_total')})",
        f"sum({rate(f'{prefix}_rejected_total')})",
    )
    outcomes = f"sum by (adapter, outcome) ({increase('ble_exporter_adapter_resets_total')})"
    losses = f"sum by (adapter, reason) ({increase('ble_exporter_events_lost_total')})"
    return [
        graph(
            Text(
                "Advertisements",
                "Per second, by outcome. Unknown devices are all those that are not in the configuration; if even they "
                "are no longer heard, the radio has probably failed (docs/watchdog.md in the exporter's repository).",
            ),
            Scale("none", decimals=1, low=0),
            *(Query(expression, fate) for expression, fate in zip(expressions, fates, strict=True)),
            colors=fates,
            width=8,
        ),
        graph(
            Text(
                "Rejected advertisements",
                "Packets of configured sensors that gave no reading, by reason. What to do: docs/troubleshooting.md, "
                '"Packets are rejected", in the exporter\'s repository.',
                "No packet was rejected",
            ),
            _COUNT,
            Query(f"sum by (reason) ({increase(f'{prefix}_rejected_total')}) > 0", "{{reason}}"),
            bars=True,
            width=8,
        ),
        graph(
            Text(
                "Adapter resets and lost events",
                "Resets by outcome (heard: a success). Lost events never reached the decoder. See docs/watchdog.md and "
                "docs/metrics.md in the exporter's repository.",
                "No adapter: the radio is simulated",
            ),
            _COUNT,
            Query(outcomes, "{{adapter}}: reset, {{outcome}}"),
            Query(losses, "{{adapter}}: lost, {{reason}}"),
            bars=True,
            width=8,
        ),
    ]


def _resources() -> Panels:
    return [
        graph(
            Text(
                "Scans",
                "Scans per minute; failures should be 0. A failed scan normally ends the process, and systemd starts "
                "it again.",
            ),
            Scale("none", decimals=2, low=0),
            Query(f"60 * {rate('ble_exporter_scans_total')}", "scans {{instance}}"),
            Query(f"60 * {rate('ble_exporter_scan_failures_total')}", "failures {{instance}}"),
            width=8,
        ),
        graph(
            Text("Memory", "Resident memory of the process. It must not grow from week to week."),
            Scale("bytes", decimals=0, low=0),
            Query(f"process_resident_memory_bytes{{{OF_EXPORTER}}}", "{{instance}}"),
            width=8,
        ),
        graph(
            Text("CPU time", "The share of one processor core. docs/performance.md has measured values."),
            Scale("percentunit", decimals=1, low=0),
            Query(f"{rate('process_cpu_seconds_total')}", "{{instance}}"),
            width=8,
        ),
        graph(
            Text(
                "HTTP errors",
                "Requests and connections that failed, by kind. docs/troubleshooting.md in the exporter's repository "
                "explains each kind.",
                "No request failed",
            ),
            _COUNT,
            Query(f"sum by (kind) ({increase('ble_exporter_http_errors_total')}) > 0", "{{kind}}"),
            bars=True,
        ),
        graph(
            Text(
                "Faults and omissions",
                "All of these should be 0: failed writes, failed parts of /metrics, and values that were left out. "
                "docs/metrics.md in the exporter's repository explains each.",
            ),
            _COUNT,
            *(Query(f"sum({increase(f'ble_exporter_{name}_total')})", legend) for name, legend in _FAULTS.items()),
            colors=dict(zip(_FAULTS.values(), (VERMILLION, ORANGE, GREEN, SKY, BLUE, GREY, PURPLE), strict=True)),
            bars=True,
        ),
    ]


_FAULTS = {
    "log_lines_lost": "log lines lost",
    "state_write_failures": "failed writes of the replay state",
    "collector_failures": "failed collectors",
    "impossible_values": "impossible values",
    "unknown_objects": "unknown objects",
    "measurements_left_out": "measurements without room",
    "payloads_refused": "refused payloads",
}
