"""The table of a search: senders to lines that fit into a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ble_exporter.cli.discover.discovered import MOST_OTHERS, MOST_SENSORS, Sender
from ble_exporter.cli.terminal import Style, columns, width
from ble_exporter.formats.registry import UNITS
from ble_exporter.utils import number_of, one_line

_LOCKED = ("encrypted: needs its bindkey", "needs bindkey")
_WRONG_KEY = ("encrypted: not with the configured bindkey", "wrong bindkey")
"""What stands in place of readings, and what does where that is too long."""

_DECIMALS: Mapping[str, int] = {"temperature": 1, "humidity": 1, "battery": 0, "voltage": 2}
"""What most sensors measure, in the order in which it is shown, and to how many places."""

# What stands before a sensor that is configured, and before one that just rose.
_CONFIGURED = "ok"
_ROSE = "*"

_HEADER = ("ADDRESS", "NAME", "FORMAT", "RSSI", "HEARD", "EVERY", "READINGS")
_RIGHT = frozenset({3, 4, 5})
_NAME = 1  # its index
_MARGIN = 5  # columns, for the marks and the numbers

_SHORTEST_NAME = 8
_LONGEST_NAME = 24
# The readings need as much: two of them.
_LEAST_READINGS = 15


@dataclass(frozen=True)
class Line:
    """
    A line of a table.

    Attributes:
        text: It, without control characters.
        style: How it is painted, where there are colours.
    """

    text: str
    style: Style | None = None


def sensor_lines(
    sensors: Sequence[Sender],
    configured: Mapping[str, str],
    width_there: int,
    rising: frozenset[str] = frozenset(),
    numbers: Mapping[str, int] | None = None,
) -> list[Line]:
    """
    Return the table of the sensors, with its header; nothing where there is none.

    Args:
        sensors: In the order in which they are shown.
        configured: Address to name of those that are configured.
        width_there: How many columns the terminal has; no line is longer.
        rising: Addresses of those that are marked, and with them the reading that rose.
        numbers: Address to the number by which a user chooses it.
    """
    if not sensors:
        return []
    rows: list[tuple[str, ...]] = [_HEADER[:-1]]
    readings: list[tuple[str, ...]] = [_HEADER[-1:]]
    margins = [" " * _MARGIN]
    styles: list[Style | None] = ["bold"]
    for sensor in sensors:
        is_configured, is_rising = sensor.address in configured, sensor.address in rising
        name = configured.get(sensor.address, sensor.name)
        rows.append((sensor.address, name, "+".join(sensor.formats), *_reception(sensor)))
        readings.append(_readings(sensor, sensor.rose if is_rising else "", is_configured=is_configured))
        mark = _CONFIGURED if is_configured else str((numbers or {}).get(sensor.address, ""))
        margins.append(f"{_ROSE if is_rising else ' '}{mark:>3} ")
        styles.append("yellow" if is_rising else "green" if is_configured else None)
    return [
        Line(cut(margin + line, width_there), style)
        for margin, line, style in zip(margins, _fitted(rows, readings, width_there - _MARGIN), styles, strict=True)
    ]


def other_lines(others: Sequence[Sender], width_there: int) -> list[Line]:
    """Return the table of those that send nothing that this program reads, with its header; see sensor_lines."""
    rows = [("ADDRESS", "NAME", "RSSI", "HEARD", "EVERY", "WHY NOT")]
    styles: list[Style | None] = ["bold"]
    for other in others:
        why = f"rejected: {other.rejected}" if other.rejected else "no known format"
        rows.append((other.address, cut(one_line(other.name), _LONGEST_NAME), *_reception(other), why))
        styles.append("dim")
    return [
        Line(cut(line, width_there), style)
        for line, style in zip(columns(rows, frozenset({2, 3, 4})), styles, strict=True)
    ]


def counted(sensors: int, others: int) -> str:
    """Return how many were heard, in words."""
    return f"{_number_of(sensors, MOST_SENSORS, 'sensor')}, {_number_of(others, MOST_OTHERS, 'other device')}"


def _number_of(count: int, most: int, thing: str) -> str:
    """Return how many there are; of more than are kept nobody knows."""
    return f"{count} or more {thing}s" if count >= most else number_of(count, thing)


def cut(line: str, width_there: int) -> str:
    """Return the beginning of a line that takes at most so many columns; without control characters."""
    taken = fitting = 0
    for end, char in enumerate(line, 1):
        taken += width(char)
        if taken > width_there:
            return f"{line[:fitting]}…" if width_there > 0 else ""
        if taken < width_there:
            fitting = end
    return line


def _fitted(rows: Sequence[Sequence[str]], readings: Sequence[Sequence[str]], width_there: int) -> list[str]:
    """Align the rows, with names as long, and with as many readings, as there is room for."""
    fixed = sum(max(width(row[index]) for row in rows) + 2 for index in range(len(rows[0])) if index != _NAME)
    left = width_there - fixed - 2
    names = [one_line(row[_NAME]) for row in rows]
    name_width = max(_SHORTEST_NAME, min(max(map(width, names)), _LONGEST_NAME, left - _LEAST_READINGS))
    cells = [
        (*row[:_NAME], cut(name, name_width), *row[_NAME + 1 :], _as_many_as_fit(said, left - name_width))
        for row, name, said in zip(rows, names, readings, strict=True)
    ]
    return columns(cells, _RIGHT)


def _as_many_as_fit(readings: Sequence[str], width_there: int) -> str:
    if readings in (_LOCKED, _WRONG_KEY):
        long, short = readings
        return long if width(long) <= width_there else short
    shown = readings[0] if readings else ""
    for reading in readings[1:]:
        if width(f"{shown}, {reading}") > width_there:
            break
        shown = f"{shown}, {reading}"
    return shown


def _reception(sender: Sender) -> tuple[str, str, str]:
    """Return RSSI, packets, and interval."""
    interval_s = sender.interval_s
    return (
        "?" if sender.rssi is None else f"{sender.rssi:.0f}",
        str(sender.packets),
        "" if interval_s is None else f"{interval_s:.1f} s",
    )


def _readings(sensor: Sender, rose: str, *, is_configured: bool) -> tuple[str, ...]:
    if sensor.needs_key:
        return _WRONG_KEY if sensor.rejected == "wrong_key" and is_configured else _LOCKED
    first = sorted((name for name in sensor.measurements if name in _DECIMALS), key=list(_DECIMALS).index)
    rest = [name for name in sensor.measurements if name not in _DECIMALS]
    said = {str(name): _reading(name, sensor.measurements[name]) for name in (*first, *rest)}
    if rose in said:
        said[rose] += _ROSE
    return tuple(said.values())


def _reading(name: str, value: float) -> str:
    decimals = _DECIMALS.get(name)
    number = f"{value:g}" if decimals is None else f"{value:.{decimals}f}"
    base, _, position = name.rpartition("_")
    unit = UNITS.get(base if position.isdecimal() else name, "")
    # Temperature, humidity and voltage are known by their units.
    words = [number, unit] if decimals is not None and name != "battery" else [name, number, unit]
    return " ".join(filter(None, words))
