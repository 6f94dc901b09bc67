"""The table from the server, which is complete even in a browser without JavaScript."""

from html.parser import HTMLParser

import pytest

from ble_exporter.device.rhythm import fixed_limit
from ble_exporter.exporter.page.rows import render
from ble_exporter.exporter.page.sorting import Sort
from ble_exporter.status.device_status import DeviceStatus
from tests.data import named
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
        """Note the end of the table's body."""
        self._is_body = self._is_body and tag != "tbody"

    def handle_data(self, data: str) -> None:
        """Append a text to the current cell."""
        if self._is_body and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def home_of(*names: str) -> Home:
    """Return a home with sensors whose values are shown for ten minutes."""
    return Home(*names, limit=fixed_limit(600))


SENTENCE = "Its packets stopped; it had a signal of -60 dBm; 1 other sensor is heard."


def table(home: Home) -> Table:
    """Return the table at the home's current time."""
    return Table(page(home))


def page(home: Home, not_ready: str | None = None, sort: str = "") -> str:
    """Return the page at the home's current time."""
    states = DeviceStatus(home.devices.values(), home.clock).states()
    return "".join(render("1.0", states, scan_age_s=None, not_ready=not_ready, sort=Sort.parse(sort)))


def test_a_row_shows_all_data_of_a_device() -> None:
    """Users look for temperature, humidity and battery, which come first because nearly every sensor has them."""
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
        "● heard",
        "4 s",
        "21.5 °C",
        "40.25 %",
        "81 %",
        ";voltage 2.848 V;carbon dioxide 612 ppm;door open;text hello 4 s ago;firmware version 4.1.0.0",
        "-60 dBm",
        "1",
    ]
    assert [expected] == table(home).rows


def test_a_value_with_an_offset_is_followed_by_the_raw_value() -> None:
    """A user who calibrates a sensor compares the two values."""
    home = home_of("attic")
    home.devices["attic"].offsets = named({"temperature": -0.4, "voltage": 0.05, "humidity": 0})
    home.hear({"temperature": 21.37, "humidity": 40, "voltage": 2.9})

    (row,) = table(home).rows
    assert ["20.97 °C (raw 21.37 °C)", "40 %", "–", ";voltage 2.95 V (raw 2.9 V)"] == row[3:7]


def test_the_devices_are_in_the_configured_order() -> None:
    """A device that falls silent must keep its place in the table."""
    home = home_of("cellar", "attic", "balcony")
    home.hear({"temperature": 21.5})

    assert ["cellar", "attic", "balcony"] == [row[0].split()[0] for row in table(home).rows]


def test_each_state_has_a_word_and_a_symbol() -> None:
    """Users who can't distinguish or see the colours must be able to read the state."""
    home = home_of("silent", "heard", "refused", "never", "refused later")
    for name in ("silent", "refused later"):
        home.hear({"temperature": 21.5}, device=name)
    home.now += 180
    home.hear({"temperature": 21.5}, device="heard")
    for name in ("refused", "refused later"):
        home.devices[name].refuse("wrong_key", home.now)

    assert [
        [f"○ silent {SENTENCE}", "3 min"],
        ["● heard", "0 s"],
        ["✕ refused: wrong key", "–"],
        ["– not heard yet", "–"],
        [
            "✕ refused: wrong key Packets arrive under its address, the latest 0 s ago, but are refused: wrong key.",
            "3 min",
        ],
    ] == [row[1:3] for row in table(home).rows]


def test_a_device_past_its_usual_interval_is_late() -> None:
    """A green row promises that all is well, but this device may have sent its last packet."""
    home = home_of("attic")
    for _ in range(9):
        home.hear({"temperature": 21.5})
        home.now += 5
    home.now += 25

    found = table(home)
    assert [["◐ late, usual interval 5 s", "30 s"]] == [row[1:3] for row in found.rows]


def test_no_age_is_shown_twice() -> None:
    """If an age were shown in two columns, the reader would look for a difference."""
    home = home_of("attic", "cellar")
    home.hear({"temperature": 21.5}, others={"button": "press"}, device="cellar")
    home.now += 47
    home.hear({"temperature": 21.5})
    home.now += 31

    assert [1, 1] == [" ".join(row).count(age) for row, age in zip(table(home).rows, ("31 s", "78 s ago"), strict=True)]


def test_the_pins_of_a_plain_thermometer_are_left_out() -> None:
    """The words "opening open" would alarm the owner of a thermometer in a drawer."""
    home = home_of("attic")
    home.hear({"temperature": 21.5, "battery": 81})
    home.hear({"voltage": 2.848, "power_on": 0, "opening": 1})

    assert ";voltage 2.848 V" == table(home).rows[0][6]


def test_a_header_is_a_link_to_the_next_order() -> None:
    """The links work without JavaScript; `aria-sort` tells a screen reader the order."""
    found = page(home_of("attic"), sort="age")

    assert '<th role="columnheader" scope="col" class="number" aria-sort="ascending"><a href="?sort=-age"' in found
    assert 1 == found.count("aria-sort")
    assert '<a href="?sort=device" data-column="device">Device</a>' in found


def test_the_reason_is_shown_while_the_exporter_is_not_ready() -> None:
    """The values may be out of date, and the user must learn what to repair."""
    home = home_of("attic")

    assert "<p>Reason: hci0 &lt;hangs&gt;.</p>" in page(home, "hci0 <hangs>").replace(' id="reason"', "")
    assert '<p id="answer" role="status"></p>\n<p id="reason"></p>' in page(home)


def test_without_a_device_the_page_says_how_to_find_one() -> None:
    """An empty table looks like an error of the page."""
    found = "".join(render("1.0", [], scan_age_s=4, not_ready=None, sort=Sort()))

    assert "ble-exporter discover" in Table(found).rows[0][0]
    assert "0 of 0 devices heard" in found
    assert "The last scan ended 4 s ago." in found


def test_a_device_that_was_never_heard_has_dashes() -> None:
    """An empty cell could look like an error of the page."""
    assert ["–", "–", "–", "–", "", "–", "0"] == table(home_of("attic")).rows[0][2:]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(21.5, "21.5"), (-0.35, "-0.35"), (0.0, "0"), (4294967.295, "4294967.295"), (1e-6, "1e-06"), (2 / 3, "0.667")],
)
def test_a_number_has_only_significant_digits(value: float, shown: str) -> None:
    """A pound is 0.45359237 kg, but no scale is that precise, and the digits would mislead the reader."""
    home = home_of("attic")
    home.hear({"count": value})

    assert f";count {shown}" == table(home).rows[0][6]


def test_names_and_texts_are_escaped() -> None:
    """Anybody can send a text, which must not run as a script in the owner's browser."""
    home = home_of(HOSTILE)
    home.hear(device=HOSTILE, others={"text": HOSTILE})

    found = table(home)
    assert {"tbody", "tr", "th", "td", "bdi", "small", "span", "ul", "li"} == found.tags
    assert (f"{HOSTILE} A4:C1:38:00:00:01", f";text {HOSTILE} 0 s ago") == (found.rows[0][0], found.rows[0][6])


def test_nobody_can_make_the_page_endless() -> None:
    """Anybody can send hundreds of measurements under a sensor's address."""
    home = home_of("attic")
    home.hear({f"count_{position}": position for position in range(2, 202)})

    others = table(home).rows[0][6].split(";")
    assert (34, "count 2 2", "and 32 more") == (len(others), others[1], others[-1])


def test_the_share_of_the_measurements_that_were_heard_is_shown() -> None:
    """The share tells an owner whether the sensor is too far away."""
    home = home_of("attic")
    for number in range(20):
        home.hear({"temperature": 21.5}, packet_id=number)
        home.now += 10

    assert "20, 100\N{NO-BREAK SPACE}% heard" in page(home)
