"""What a search shows while it listens: a table that changes in place, or in a pipe a line for each new sensor."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TextIO

from ble_exporter.cli.discover.discovered import Sender, Survey
from ble_exporter.cli.discover.table import Line, counted, cut, sensor_lines
from ble_exporter.cli.terminal import Painter, width, write
from ble_exporter.utils import one_line

LEGEND = "* just rose. Which one is it? Breathe on it, and see which line gets marked."

_LONGEST_LINE = 160
_ENOUGH = "Ctrl-C: enough"


class Display(Protocol):
    """What is told while a search listens."""

    def show(self, survey: Survey, left_s: float, where: str) -> None:
        """
        Show what was heard so far; called a few times a second.

        Args:
            survey: It.
            left_s: How many seconds it goes on listening.
            where: Name of the adapter; empty where there is none.
        """

    def end(self) -> None:
        """Leave the terminal as it was."""


class Silence:
    """Shows nothing: standard output is for a program."""

    def show(self, survey: Survey, left_s: float, where: str) -> None:
        """See Display."""

    def end(self) -> None:
        """See Display."""


class Announcements:
    """
    A line for each new sensor.

    Args:
        stream: Where they are written.
        configured: Address to name of those that are configured.
    """

    def __init__(self, stream: TextIO, configured: Mapping[str, str]) -> None:
        self._stream = stream
        self._configured = configured
        self._told: set[str] = set()

    def show(self, survey: Survey, left_s: float, where: str) -> None:  # noqa: ARG002 - Display's
        """See Display."""
        for sensor in survey.sensors():
            if sensor.address not in self._told:
                self._told.add(sensor.address)
                name = self._configured.get(sensor.address, sensor.name)
                said = [f"heard {sensor.address}", *([name] if name else []), "+".join(sensor.formats)]
                write(self._stream, cut(one_line(", ".join(said)), _LONGEST_LINE) + "\n")

    def end(self) -> None:
        """See Display."""


class LiveTable:
    """
    The table, which changes in place.

    Nothing of the terminal is switched over, so that nothing has to be switched back, however the program ends.

    Args:
        stream: The terminal.
        configured: Address to name of those that are configured.
        size: Returns the terminal's size; it may change.
    """

    def __init__(
        self,
        stream: TextIO,
        configured: Mapping[str, str],
        size: Callable[[], os.terminal_size] = shutil.get_terminal_size,
    ) -> None:
        self._stream = stream
        self._configured = configured
        self._size = size
        self._paint = Painter(stream)
        self._shown: list[str] = []

    def show(self, survey: Survey, left_s: float, where: str) -> None:
        """See Display."""
        size = self._size()
        sensors = survey.sensors()
        on = f" on {where}" if where else ""
        status = f"Listening{on}: {left_s:.0f} s left.  {counted(len(sensors), len(survey.others()))}.  {_ENOUGH}."
        now = survey.clock()
        rising = frozenset(sensor.address for sensor in sensors if sensor.just_rose(now))
        # The status, the legend, and an empty line each above and below the table, and for the cursor: what the
        # terminal echoes there, ^C for example, breaks no line. The table has a header.
        room = max(size.lines - 5, 1)
        # Only what is shown is made: strangers can pose as hundreds of sensors, and the radio waits meanwhile.
        shown = sensors if len(sensors) < room else _foremost(sensors, rising, max(room - 2, 0))
        rows = sensor_lines(shown, self._configured, size.columns, rising)
        if len(shown) < len(sensors):
            rows.append(Line(cut(f"… and {len(sensors) - len(shown)} more", size.columns), "dim"))
        legend = [Line(""), Line(cut(LEGEND, size.columns), "dim"), Line("")] if rows else []
        self._draw([Line(cut(status, size.columns), "bold"), Line(""), *rows, *legend], size.columns)

    def end(self) -> None:
        """See Display."""
        write(self._stream, f"{self._to_the_top(self._size().columns)}\x1b[J")
        self._shown = []

    def _draw(self, lines: list[Line], columns: int) -> None:
        # Each line erases its own rest, and the last one what is below: nothing flickers.
        painted = [self._paint(line.text, line.style) if line.style else line.text for line in lines]
        # A full line has no rest: the cursor stands on its last character until another one comes, and would erase it.
        ends = ["\n" if width(line.text) >= columns else "\x1b[K\n" for line in lines[:-1]]
        text = "".join(line + end for line, end in zip(painted, [*ends, ""], strict=True))
        write(self._stream, f"{self._to_the_top(columns)}{text}\x1b[J")
        self._shown = [line.text for line in lines]

    def _to_the_top(self, columns: int) -> str:
        """Return how the cursor gets from the end of what is shown to its beginning."""
        # A terminal that became narrower has broken the lines that were too long.
        rows = sum(max(1, -(-width(text) // max(columns, 1))) for text in self._shown)
        return f"\r\x1b[{rows - 1}A" if rows > 1 else "\r"


def _foremost(sensors: Sequence[Sender], rising: frozenset[str], most: int) -> list[Sender]:
    """Return those that just rose, whom their user is waiting for, and the strongest of the rest; in the old order."""
    foremost = sorted(sensors, key=lambda sensor: sensor.address not in rising)[:most]
    addresses = {sensor.address for sensor in foremost}
    return [sensor for sensor in sensors if sensor.address in addresses]
