"""The table from the server, which is complete even in a browser without JavaScript."""

from html.parser import HTMLParser

import pytest

from ble_exporter.device.rhythm import fixed_limit
from ble_exporter.exporter.page.rows import render
from ble_exporter.status.device_status import DeviceStatus
from tests.home import Home

HOSTILE = "</th><script>alert(1)</script><img src=x onerror='alert(2)'>\"&\u202e"


class Table(HTMLParser):
    """The elements of a page's table, and the text of each cell."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.rows: list[list[str]] = []
        self._is_body = False
        self.feed(page)
        self.rows = [[" ".join(cell.split()) for cell in row] for row in self.rows]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the signature of HTMLParser
        """Begin a row or a cell."""
        self._is_body = self._is_body or tag == "tbody"
        if not self._is_body:
            return
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
        elif tag == "li":
            self.rows[-1][-1] += ";"

    def handle_endtag(self, tag: str) -> None:
        """Note the end of the table."""
        self._is_body = self._is_body and tag != "tbody"

    def handle_data(self, data: str) -> None:
        """Append a text to the current cell."""
        if self._is_body and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def home_of(*names: str) -> Home:
    """Return a home with sensors whose values show for ten minutes."""
    return Home(*names, limit=fixed_limit(600))


def table(home: Home) -> Table:
    """Return the table at the home's current time."""
    return Table("".join(render("1.0", "", DeviceStatus(home.devices.values(), home.clock).states())))


def test_a_row_shows_all_data_of_a_device() -> None:
    """Temperature, humidity and battery are first: nearly every sensor has them."""
    home = home_of("attic")
    measurements = {
        "voltage": 2.848,
        "temperature": 21.5,
        "humidity": 40.25,
        "battery": 81,
        "carbon_dioxide": 612,
        "door": 1,
    }
    home.hear(measurements, others={"text": "hello", "firmware_version": "4.1.0.0"})
    home.now += 4

    expected = [
        "attic A4:C1:38:00:00:01",
        "● heard 4 s ago",
        "4 s",
        "21.5 °C",
        "40.25 %",
        "81 %",
        ";voltage 2.848 V;carbon dioxide 612 ppm;door open;text hello 4 s ago;firmware version 4.1.0.0",
        "-60 dBm",
        "1",
    ]
    assert [expected] == table(home).rows


def test_the_devices_are_in_the_configured_order() -> None:
    """A device that falls silent must keep its place in the table."""
    home = home_of("cellar", "attic", "balcony")
    home.hear({"temperature": 21.5})

    assert ["cellar", "attic", "balcony"] == [row[0].split()[0] for row in table(home).rows]


def test_each_state_has_a_word_and_a_symbol() -> None:
    """Users who can't distinguish or see the colours can read the state."""
    home = home_of("silent", "heard", "refused", "never", "refused later")
    for name in ("silent", "refused later"):
        home.hear({"temperature": 21.5}, device=name)
    home.now += 180
    home.hear({"temperature": 21.5}, device="heard")
    for name in ("refused", "refused later"):
        home.devices[name].refuse("wrong_key", home.now)

    assert [
        ["○ silent for 3 min", "3 min"],
        ["● heard 0 s ago", "0 s"],
        ["✕ refused: wrong key", "–"],
        ["– not heard yet", "–"],
        ["✕ refused: wrong key", "3 min"],
    ] == [row[1:3] for row in table(home).rows]


def test_a_device_that_was_never_heard_has_dashes() -> None:
    """An empty cell could look like an error of the page."""
    assert ["–", "–", "–", "–", "", "–", "0"] == table(home_of("attic")).rows[0][2:]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(21.5, "21.5"), (-0.35, "-0.35"), (0.0, "0"), (4294967.295, "4294967.295"), (1e-6, "1e-06"), (2 / 3, "0.667")],
)
def test_a_number_has_only_significant_digits(value: float, shown: str) -> None:
    """A pound is 0.45359237 kg, but no scale is that precise."""
    home = home_of("attic")
    home.hear({"count": value})

    assert f";count {shown}" == table(home).rows[0][6]


def test_names_and_texts_are_escaped() -> None:
    """The owner chooses a name, but anybody can send a text."""
    home = home_of(HOSTILE)
    home.hear(device=HOSTILE, others={"text": HOSTILE})

    found = table(home)
    assert {"tbody", "tr", "th", "td", "bdi", "small", "span", "ul", "li"} == found.tags
    assert (f"{HOSTILE} A4:C1:38:00:00:01", f";text {HOSTILE} 0 s ago") == (found.rows[0][0], found.rows[0][6])


def test_nobody_can_make_the_page_endless() -> None:
    """Anybody can send hundreds of names under a sensor's address."""
    home = home_of("attic")
    home.hear({f"count_{position}": position for position in range(2, 202)})

    others = table(home).rows[0][6].split(";")
    assert (34, "count 2 2", "and 168 more") == (len(others), others[1], others[-1])
