"""The tables of `discover`, cut to the width of a terminal."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from ble_exporter.cli.discover.discovered import MAX_OTHERS, MAX_SENSORS, ConfiguredNames, DiscoveredDevice
from ble_exporter.cli.terminal import Style, columns, width
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.registry import UNITS
from ble_exporter.utils import number_of, one_line

# Texts shown instead of readings: the second one is used if the first one is too long.
_NEEDS_KEY = ("encrypted: needs its bindkey", "needs bindkey")
_WRONG_KEY = ("encrypted: the configured bindkey is wrong", "wrong bindkey")

# The usual measurements, in the order in which they are shown, with their decimal places.
_DECIMALS: Mapping[str, int] = {"temperature": 1, "humidity": 1, "battery": 0, "voltage": 2}

_ROSE = "*"  # marks a measurement that rose, and its sensor

_HEADER = ("ADDRESS", "NAME", "FORMAT", "RSSI", "HEARD", "EVERY")
_RIGHT_ALIGNED = frozenset({3, 4, 5})
_NAME_COLUMN = 1
_MARGIN = 5  # width of the marks and numbers before each row

_MIN_NAME_WIDTH = 8
_MAX_NAME_WIDTH = 24
_MIN_READINGS_WIDTH = 15  # enough for two readings

CUT = "…"
"""Marks a text or a row that was cut to fit the width."""


class Line(NamedTuple):
    """A line of a table without control characters, and its style on a terminal with colours."""

    text: str
    style: Style | None = None


def sensor_lines(
    sensors: Sequence[DiscoveredDevice],
    configured: ConfiguredNames,
    max_width: int,
    rising: frozenset[str] = frozenset(),
    numbers: Mapping[str, int] | None = None,
) -> list[Line]:
    """
    Return the table of sensors with its header, cut to `max_width` columns; an empty list if there is no sensor.

    Sensors whose addresses are in `rising` are marked, and so are their measurements that rose. `numbers` maps
    addresses to the numbers by which the user chooses sensors.
    """
    if not sensors:
        return []
    rows: list[tuple[str, ...]] = [_HEADER]
    readings: list[Sequence[str]] = [("READINGS",)]
    marks: list[tuple[str, Style | None]] = [(" " * _MARGIN, "bold")]
    for sensor in sensors:
        is_configured, is_rising = sensor.address in configured, sensor.address in rising
        name = configured.get(sensor.address, sensor.name)
        rows.append((sensor.address, name, "+".join(sensor.formats), *_reception(sensor)))
        readings.append(_readings(sensor, sensor.rose if is_rising else None, is_configured=is_configured))
        mark = "ok" if is_configured else str((numbers or {}).get(sensor.address, ""))
        style: Style | None = "yellow" if is_rising else "green" if is_configured else None
        marks.append((f"{_ROSE if is_rising else ' '}{mark:>3} ", style))
    lines = _fit(rows, readings, max_width - _MARGIN)
    return [Line(cut(margin + line, max_width), style) for (margin, style), line in zip(marks, lines, strict=True)]


def other_lines(others: Sequence[DiscoveredDevice], max_width: int) -> list[Line]:
    """Return the table of devices that send no known format, with its header, cut to `max_width` columns."""
    rows = [("ADDRESS", "NAME", "RSSI", "HEARD", "EVERY", "REASON")]
    for other in others:
        known = "no values yet" if other.is_announced else "no known format"
        why = f"rejected: {other.rejected}" if other.rejected else known
        rows.append((other.address, cut(one_line(other.name), _MAX_NAME_WIDTH), *_reception(other), why))
    header, *lines = (cut(line, max_width) for line in columns(rows, frozenset({2, 3, 4})))
    return [Line(header, "bold"), *(Line(line, "dim") for line in lines)]


def counted(sensors: int, others: int) -> str:
    """Return the numbers of devices as a text, with "or more" for a number that has reached its limit."""
    counts = ((sensors, MAX_SENSORS, "sensor"), (others, MAX_OTHERS, "other device"))
    return ", ".join(f"{n} or more {thing}s" if n >= limit else number_of(n, thing) for n, limit, thing in counts)


def cut(line: str, max_width: int) -> str:
    """Return a line, shortened with an ellipsis to `max_width` columns. The line must have no control characters."""
    taken = fitting = 0
    for end, char in enumerate(line, 1):
        taken += width(char)
        if taken > max_width:
            return f"{line[:fitting]}{CUT}" if max_width > 0 else ""
        if taken < max_width:
            fitting = end
    return line


def _fit(rows: Sequence[Sequence[str]], readings: Sequence[Sequence[str]], max_width: int) -> list[str]:
    """Return the aligned rows; to fit into the width, shorten names and omit readings."""
    fixed = sum(max(width(row[index]) for row in rows) + 2 for index in range(len(rows[0])) if index != _NAME_COLUMN)
    left = max_width - fixed - 2
    names = [one_line(row[_NAME_COLUMN]) for row in rows]
    name_width = max(_MIN_NAME_WIDTH, min(max(map(width, names)), _MAX_NAME_WIDTH, left - _MIN_READINGS_WIDTH))
    cells = [
        (*row[:_NAME_COLUMN], cut(name, name_width), *row[_NAME_COLUMN + 1 :], _fit_readings(texts, left - name_width))
        for row, name, texts in zip(rows, names, readings, strict=True)
    ]
    return columns(cells, _RIGHT_ALIGNED)


def _fit_readings(readings: Sequence[str], max_width: int) -> str:
    """Return the first reading and as many others as fit, joined with commas, with a mark if some do not fit."""
    if readings in (_NEEDS_KEY, _WRONG_KEY):
        long, short = readings
        return long if width(long) <= max_width else short
    joined = list(accumulate(readings, "{}, {}".format))
    if not joined or width(joined[-1]) <= max_width:
        return "".join(joined[-1:])
    fitting = [text for text in (f"{text}{CUT}" for text in joined[:-1]) if width(text) <= max_width]
    if len(fitting) < 2 and max_width >= _MIN_READINGS_WIDTH:
        # Two readings are enough to recognise a sensor, even if the mark hides the unit of the second one.
        return cut(joined[-1], max_width)
    return fitting[-1] if fitting else joined[0] if len(joined) == 1 else f"{joined[0]}{CUT}"


def _reception(device: DiscoveredDevice) -> tuple[str, str, str]:
    """Return the RSSI, the number of packets, and the interval, as texts."""
    interval_s = device.interval_s
    return (
        "?" if device.rssi is None else f"{device.rssi:.0f}",
        str(device.packets),
        "" if interval_s is None else f"{interval_s:.1f} s",
    )


def _readings(sensor: DiscoveredDevice, rose: Measurement | None, *, is_configured: bool) -> Sequence[str]:
    if sensor.needs_key:
        return _WRONG_KEY if sensor.rejected == "wrong_key" and is_configured else _NEEDS_KEY
    first = sorted((name for name in sensor.measurements if name in _DECIMALS), key=list(_DECIMALS).index)
    rest = [name for name in sensor.measurements if name not in _DECIMALS]
    values = [_reading(name, sensor.measurements[name]) + (_ROSE if name == rose else "") for name in (*first, *rest)]
    return [*values, *(one_line(f"{name} {event}") for name, event in sensor.events.items())]


def _reading(name: Measurement, value: float) -> str:
    decimals = _DECIMALS.get(name)
    number = f"{value:g}" if decimals is None else f"{value:.{decimals}f}"
    unit = UNITS.get(name.name, "")
    # The names of temperature, humidity and voltage are omitted, because their units suffice to recognise them.
    words = [number, unit] if decimals is not None and name != "battery" else [name, number, unit]
    return " ".join(filter(None, words))
