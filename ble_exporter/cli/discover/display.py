"""The output of `discover` while it listens: a table redrawn in place or, in a pipe, a line for each new sensor."""

import os
import shutil
from collections.abc import Callable, Sequence
from typing import TextIO

from ble_exporter.cli.discover.discovered import ConfiguredNames, DiscoveredDevice, Discovery
from ble_exporter.cli.discover.table import Line, counted, cut, sensor_lines
from ble_exporter.cli.terminal import Painter, width, write
from ble_exporter.utils import one_line

LEGEND = "* just rose. To identify a sensor, breathe on it: its line gets marked."

_MAX_LINE_WIDTH = 160


class Display:
    """Shows the devices during `listen`. This base class shows nothing."""

    def show(self, discovery: Discovery, left_s: float, adapter: str) -> None:
        """Show the devices heard so far, and the seconds left. Called a few times a second; `adapter` may be empty."""

    def end(self) -> None:
        """Erase the display from the terminal."""


class NewSensorLines(Display):
    """Prints a line for each new sensor."""

    def __init__(self, stream: TextIO, configured: ConfiguredNames) -> None:
        self._stream = stream
        self._configured = configured
        self._shown: set[str] = set()

    def show(self, discovery: Discovery, left_s: float, adapter: str) -> None:  # noqa: ARG002 - Display's
        """See Display."""
        for sensor in discovery.sensors():
            if sensor.address not in self._shown:
                self._shown.add(sensor.address)
                name = self._configured.get(sensor.address, sensor.name)
                words = [f"heard {sensor.address}", *([name] if name else []), "+".join(sensor.formats)]
                write(self._stream, cut(one_line(", ".join(words)), _MAX_LINE_WIDTH) + "\n")


class LiveTable(Display):
    """Redraws the table of sensors in place. The terminal's modes are unchanged, so nothing needs to be restored."""

    def __init__(
        self,
        stream: TextIO,
        configured: ConfiguredNames,
        size: Callable[[], os.terminal_size] = shutil.get_terminal_size,
    ) -> None:
        self._stream = stream
        self._configured = configured
        self._size = size
        self._paint = Painter(stream)
        self._drawn: list[str] = []

    def show(self, discovery: Discovery, left_s: float, adapter: str) -> None:
        """See Display."""
        size = self._size()
        sensors = discovery.sensors()
        on = f" on {adapter}" if adapter else ""
        counts = counted(len(sensors), len(discovery.others()))
        status = f"Listening{on}: {left_s:.0f} s left.  {counts}.  Ctrl-C: stop."
        now = discovery.clock()
        rising = frozenset(sensor.address for sensor in sensors if sensor.just_rose(now))
        # Five lines are reserved: the status, the legend, two blank lines, and a line for the cursor, where an echo
        # such as ^C overwrites nothing.
        room = max(size.lines - 5, 1)
        # Format only the visible rows: no packet is handled meanwhile, and there may be hundreds of fake sensors.
        visible = sensors if len(sensors) < room else _most_relevant(sensors, rising, max(room - 2, 0))
        rows = sensor_lines(visible, self._configured, size.columns, rising)
        if len(visible) < len(sensors):
            rows.append(Line(cut(f"… and {len(sensors) - len(visible)} more", size.columns), "dim"))
        legend = [Line(""), Line(cut(LEGEND, size.columns), "dim"), Line("")] if rows else []
        self._draw([Line(cut(status, size.columns), "bold"), Line(""), *rows, *legend], size.columns)

    def end(self) -> None:
        """See Display."""
        write(self._stream, f"{self._move_to_top(self._size().columns)}\x1b[J")
        self._drawn = []

    def _draw(self, lines: list[Line], columns: int) -> None:
        # To avoid flicker, each line erases only the rest of the old line; the last one also erases all lines below.
        painted = [self._paint(line.text, line.style) for line in lines]
        # After a line of full width, the cursor is still on the last character, which \x1b[K would erase.
        ends = ["\n" if width(line.text) >= columns else "\x1b[K\n" for line in lines[:-1]]
        text = "".join(line + end for line, end in zip(painted, [*ends, ""], strict=True))
        write(self._stream, f"{self._move_to_top(columns)}{text}\x1b[J")
        self._drawn = [line.text for line in lines]

    def _move_to_top(self, columns: int) -> str:
        """Return the escape sequence that moves the cursor to the start of the table."""
        # If the terminal became narrower, it has wrapped the lines that are too long.
        rows = sum(max(1, -(-width(text) // max(columns, 1))) for text in self._drawn)
        return f"\r\x1b[{rows - 1}A" if rows > 1 else "\r"


def _most_relevant(sensors: Sequence[DiscoveredDevice], rising: frozenset[str], count: int) -> list[DiscoveredDevice]:
    """Return `count` sensors in the given order: prefer those in `rising`, then those with the strongest signal."""
    relevant = sorted(range(len(sensors)), key=lambda index: sensors[index].address not in rising)[:count]
    return [sensors[index] for index in sorted(relevant)]
