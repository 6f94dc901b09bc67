"""Tests of the display while `discover` listens."""

import io
import os

import pytest

from ble_exporter.cli.discover.discovered import DiscoveredDevice, Discovery
from ble_exporter.cli.discover.display import LEGEND, LiveTable, NewSensorLines
from ble_exporter.cli.terminal import write
from ble_exporter.formats import bthome
from ble_exporter.model import Advertisement
from tests.cli.test_terminal import Terminal
from tests.conftest import PACKET_A

ADDRESS = "A4:C1:38:00:00:01"
BREATH = PACKET_A[:-2] + (9900).to_bytes(2, "little")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable colours, whatever environment the tests run in."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")


class Screen:
    """A terminal that understands only the control sequences that LiveTable writes."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self.size = os.terminal_size((columns, lines))
        self.stream = Terminal()
        self.rows = [""]
        self.row = self.column = 0
        self._read = 0

    def look(self) -> list[str]:
        """Interpret the new output; return the lines on the screen."""
        text = self.stream.getvalue()[self._read :]
        self._read += len(text)
        while text:
            text = self._take(text)
        return [row.rstrip() for row in self.rows]

    def _take(self, text: str) -> str:
        if text[0] == "\r":
            self.column = 0
        elif text[0] == "\n":
            self.row, self.column = self.row + 1, 0
            self.rows += [""] * (self.row + 1 - len(self.rows))
        elif text.startswith("\x1b["):
            number = text[2:].rstrip() and "".join(char for char in text[2:5] if char.isdigit())
            command = text[2 + len(number)]
            if command == "A":
                self.row -= int(number)
                assert self.row >= 0, "above the first line"
            elif command in "JK":
                # After a write to the last column, the cursor stays on that column.
                self.rows[self.row] = self.rows[self.row][: min(self.column, self.size.columns - 1)]
                if command == "J":
                    del self.rows[self.row + 1 :]
            else:
                raise AssertionError(f"unknown control sequence {command}")
            return text[3 + len(number) :]
        else:
            before = self.rows[self.row][: self.column].ljust(self.column)
            self.rows[self.row] = before + text[0] + self.rows[self.row][self.column + 1 :]
            self.column += 1
        return text[1:]


def discovery_of(*payloads: bytes, sensors: int = 1) -> Discovery:
    """Return a discovery that received these payloads from each of several sensors."""
    discovery = Discovery(lambda: 0.0)
    for number in range(1, sensors + 1):
        for payload in payloads:
            discovery.handle(Advertisement(f"A4:C1:38:00:00:{number:02X}", {bthome.UUID: payload}, -50 - number))
    return discovery


def test_the_table_changes_in_place() -> None:
    """A hundred tables, one below the other, would be unreadable."""
    screen = Screen()
    live = LiveTable(screen.stream, {}, lambda: screen.size)

    live.show(Discovery(lambda: 0.0), 30.0, "")
    first = screen.look()
    live.show(discovery_of(PACKET_A, sensors=3), 29.6, "hci0")
    second = screen.look()
    live.show(discovery_of(PACKET_A), 7.2, "hci0")

    assert ["Listening: 30 s left.  0 sensors, 0 other devices.  Ctrl-C: stop.", ""] == first
    assert "Listening on hci0: 30 s left.  3 sensors, 0 other devices.  Ctrl-C: stop." == second[0]
    assert screen.look() == [
        "Listening on hci0: 7 s left.  1 sensor, 0 other devices.  Ctrl-C: stop.",
        "",
        "     ADDRESS            NAME  FORMAT  RSSI  HEARD  EVERY  READINGS",
        "     A4:C1:38:00:00:01        BTHome   -51      1         27.0 °C, 44.9 %…",
        "",
        LEGEND,
        "",
    ]


def test_the_table_is_erased_at_the_end() -> None:
    """The final report contains the table, which must not appear twice."""
    screen = Screen()
    live = LiveTable(screen.stream, {}, lambda: screen.size)
    write(screen.stream, "$ discover\n")

    live.show(discovery_of(PACKET_A, sensors=3), 7.0, "")
    live.end()

    assert ["$ discover", ""] == screen.look()


def test_an_echo_of_the_terminal_is_erased() -> None:
    """The terminal echoes Ctrl-C as ^C at the cursor, and the ^C must not remain on the screen."""
    screen = Screen()
    live = LiveTable(screen.stream, {}, lambda: screen.size)

    live.show(discovery_of(PACKET_A), 7.0, "")
    write(screen.stream, "^C")
    live.end()

    assert [""] == screen.look()


def test_a_short_terminal_shows_the_strongest_sensors() -> None:
    """The table must fit, because lines scrolled off the screen can't be redrawn."""
    screen = Screen(lines=9)

    LiveTable(screen.stream, {}, lambda: screen.size).show(discovery_of(PACKET_A, sensors=9), 7.0, "")

    lines = screen.look()
    assert 9 == len(lines)
    assert "A4:C1:38:00:00:02" in lines[4]
    assert "… and 7 more" == lines[5]


def test_a_short_terminal_shows_a_marked_sensor() -> None:
    """The user may breathe on the weakest of many sensors, and must see its mark."""
    screen = Screen(lines=9)
    discovery = discovery_of(PACKET_A, sensors=9)
    discovery.handle(Advertisement("A4:C1:38:00:00:09", {bthome.UUID: BREATH}, -59))

    LiveTable(screen.stream, {}, lambda: screen.size).show(discovery, 7.0, "")

    lines = screen.look()
    assert "A4:C1:38:00:00:01" in lines[3]
    assert lines[4].startswith("*    A4:C1:38:00:00:09")
    assert "… and 7 more" == lines[5]


class FormattedDevice(DiscoveredDevice):
    """A device that counts how often it is formatted as a row."""

    formatted = 0

    @property
    def interval_s(self) -> float | None:
        """See DiscoveredDevice; formatting a row reads this property once."""
        self.formatted += 1
        return None


class Crowd(Discovery):
    """A discovery of 200 sensors."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0)
        self.devices = [FormattedDevice(f"A4:C1:38:00:00:{number:02X}", formats=["BTHome"]) for number in range(200)]

    def sensors(self) -> list[DiscoveredDevice]:
        """See Discovery."""
        return list(self.devices)


def test_only_the_visible_rows_of_hundreds_are_formatted() -> None:
    """The table is drawn four times a second, and drawing delays the handling of packets."""
    screen, crowd = Screen(), Crowd()

    LiveTable(screen.stream, {}, lambda: screen.size).show(crowd, 7.0, "")

    assert 17 == sum(device.formatted for device in crowd.devices)
    assert "… and 183 more" == screen.look()[20]


def test_a_shortened_line_keeps_its_ellipsis_on_the_terminal() -> None:
    """Erasing to the end of a line that fills the terminal would also erase its last character."""
    screen = Screen(columns=40)

    LiveTable(screen.stream, {}, lambda: screen.size).show(discovery_of(PACKET_A), 7.0, "")

    lines = screen.look()
    assert ["…"] * 4 == [line[39] for line in lines if line]


def test_a_terminal_that_became_narrower_is_redrawn() -> None:
    """The terminal wraps the lines that no longer fit, so more rows must be erased than were written."""
    screen = Screen(columns=80)
    live = LiveTable(screen.stream, {}, lambda: screen.size)
    live.show(discovery_of(PACKET_A), 7.0, "")
    screen.look()
    written = len(screen.stream.getvalue())

    screen.size = os.terminal_size((40, 24))
    live.end()

    # Four of the seven lines are longer than 40 columns, so the table takes eleven rows.
    assert "\r\x1b[10A\x1b[J" == screen.stream.getvalue()[written:]


def test_a_breath_is_marked_immediately() -> None:
    """Users breathe on a sensor to find its row in the table."""
    screen = Screen()
    discovery = discovery_of(PACKET_A, BREATH)

    LiveTable(screen.stream, {}, lambda: screen.size).show(discovery, 7.0, "")

    assert screen.look()[3].startswith("*    A4:C1:38:00:00:01")


def test_colours_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without NO_COLOR, a configured sensor is green, so that a new one stands out."""
    monkeypatch.delenv("NO_COLOR")
    stream = Terminal()

    LiveTable(stream, {ADDRESS: "x"}, lambda: os.terminal_size((80, 24))).show(discovery_of(PACKET_A), 7.0, "")

    assert "\x1b[32m  ok A4:C1:38:00:00:01" in stream.getvalue()


def test_a_pipe_gets_a_line_for_each_new_sensor() -> None:
    """A script reads one line per sensor, so no sensor may appear twice and no name may break a line."""
    stream = io.StringIO()
    discovery = discovery_of(PACKET_A, sensors=2)
    announcements = NewSensorLines(stream, {ADDRESS: "living\nroom\x1b[2J"})

    for _ in range(2):
        announcements.show(discovery, 7.0, "")
    announcements.end()

    assert (
        "heard A4:C1:38:00:00:01, living room\\x1b[2J, BTHome\nheard A4:C1:38:00:00:02, BTHome\n"
    ) == stream.getvalue()


def test_a_character_that_the_terminal_does_not_have_is_no_error() -> None:
    """Names can contain any character, and some terminals do not support Unicode."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")

    write(stream, "27 °C 🌡")

    assert b"27 ?C ?" == raw.getvalue()
