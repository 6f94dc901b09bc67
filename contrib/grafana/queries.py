"""
The PromQL expressions of the dashboard. They need no recording rules, so that the dashboard works on any Prometheus.

Grafana replaces `$instance` and `$device` with regular expressions, `$label` with the name of a label, and
`$__rate_interval` with a time that contains at least four scrapes.
"""

from collections.abc import Mapping

OF_EXPORTER = 'instance=~"$instance"'
OF_DEVICE = f'{OF_EXPORTER}, device=~"$device"'
OF_FIRST = f'{OF_DEVICE}, position=""'
"""Selects the first value of a measurement: a second probe has `position="2"`."""

TEMPERATURE = f"ble_sensor_temperature_celsius{{{OF_DEVICE}}}"
HUMIDITY = f"ble_sensor_humidity_percent{{{OF_DEVICE}}}"
FIRST_TEMPERATURE = f"ble_sensor_temperature_celsius{{{OF_FIRST}}}"
FIRST_HUMIDITY = f"ble_sensor_humidity_percent{{{OF_FIRST}}}"
BATTERY = f"ble_sensor_battery_percent{{{OF_FIRST}}}"
LABELS = f"ble_sensor_labels_info{{{OF_DEVICE}}}"
SEEN = f"ble_sensor_seen{{{OF_DEVICE}}}"

LABEL_NAMES = ("room", "floor", "building")
"""Usual names of labels, which the dashboard offers; others can be typed."""

LOW_BATTERY = 10
"""In percent; at or below it, the exporter gives `battery_low` as the reason for a silence (docs/silence.md)."""
_BATTERY_WINDOW = "14d"
_LEAST_FALL = 2

SILENCE_REASONS = ("refused", "not_listening", "never_heard", "all_silent", "faded", "battery_low", "left")
"""The reasons for a silence, numbered from 1 in this order; 0 stands for a sensor that is heard."""


def by_device(expression: str) -> str:
    """Return an expression whose series have only the labels that identify a device."""
    return f"max by (instance, device) ({expression})"


def per_label(expression: str) -> str:
    """
    Return the mean of an expression for each value of the chosen label.

    A device without this label counts under "no room", for example; so do values from before labels were exported.
    """
    joined = f"{expression} * on (instance, device) group_left ($label) {LABELS}"
    whole = f"({joined} or on (instance, device) {expression})"
    return f'avg by ($label) (label_replace({whole}, "$label", "no $label", "$label", ""))'


def rate(counter: str, selector: str = OF_EXPORTER) -> str:
    """Return a counter's increase per second."""
    return f"rate({counter}{{{selector}}}[$__rate_interval])"


def increase(counter: str, selector: str = OF_EXPORTER) -> str:
    """Return a counter's increase within `$__rate_interval`."""
    return f"increase({counter}{{{selector}}}[$__rate_interval])"


def mean(gauge: str) -> str:
    """Return the mean of a noisy gauge within `$__rate_interval`, only while the gauge has a value: gaps stay gaps."""
    series = f"{gauge}{{{OF_DEVICE}}}"
    return f"avg_over_time({series}[$__rate_interval]) and {series}"


# The Magnus formula over water, with the constants of Sonntag (1990), which hold from −45 °C to 60 °C.
_EXPONENT = f"17.62 * {FIRST_TEMPERATURE} / (243.12 + {FIRST_TEMPERATURE})"
# At 0 %, there is no dew point.
_GAMMA = f"(ln(({FIRST_HUMIDITY} > 0) / 100) + {_EXPONENT})"
DEW_POINT = f"243.12 * {_GAMMA} / (17.62 - {_GAMMA})"
"""In °C."""
ABSOLUTE_HUMIDITY = f"216.7 * {FIRST_HUMIDITY} / 100 * 6.112 * exp({_EXPONENT}) / (273.15 + {FIRST_TEMPERATURE})"
"""In g/m³: the ideal gas law with the vapour pressure in hPa."""

_WINDOW_OF_BATTERY = f"{BATTERY}[{_BATTERY_WINDOW}]"
DAYS_OF_BATTERY = (
    f"clamp_min({BATTERY} - {LOW_BATTERY}, 0) / (-86400 * deriv({_WINDOW_OF_BATTERY}) > 0)"
    f" and max_over_time({_WINDOW_OF_BATTERY}) - {BATTERY} >= {_LEAST_FALL}"
)
"""The days until the battery is low, if it falls as in the last two weeks. A fall of one step is no trend yet."""

# A rate would go on after the last packet, for as long as its window contains two samples.
_WHILE_HEARD = f"and on (instance, device) {SEEN}"
_HEARD = rate("ble_sensor_measurements_total", OF_DEVICE)
_MISSED = rate("ble_sensor_measurements_missed_total", OF_DEVICE)
SHARE_HEARD = f"({_HEARD} / ({_HEARD} + {_MISSED})) {_WHILE_HEARD}"
PACKETS_PER_MINUTE = f"60 * {rate('ble_sensor_packets_received_total', OF_DEVICE)} {_WHILE_HEARD}"

SECONDS_SINCE_MEASUREMENT = by_device(
    f"round(time() - max_over_time(ble_sensor_last_update_timestamp_seconds{{{OF_DEVICE}}}[1d]))"
)


def _reason(number: int, reason: str) -> str:
    return f'{number} * ble_sensor_silence_reason{{{OF_DEVICE}, reason="{reason}"}}'


_NUMBERED = " or ".join(_reason(number, reason) for number, reason in enumerate(SILENCE_REASONS, 1))
STATE = f"sum by (instance, device) ({_NUMBERED}) or {by_device(f'0 * {SEEN}')}"
"""The number of the reason for a device's silence; 0 while it is heard."""

DEVICES: Mapping[str, str] = {
    "configured": f"count({LABELS})",
    "heard": f"count({SEEN})",
    "silent": f"count(ble_sensor_silence_reason{{{OF_DEVICE}}} == 1) or vector(0)",
}
"""The queries for the numbers of devices, by the state of the counted devices."""
