"""The table of the page: readings, states, hostile texts, and a missing answer."""

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.page.conftest import OpenPage
from tests.page.home_page import HomePage
from tests.page.looking import let_it_ask, rows, wait_for_rows, words_of_the_line

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.page

Homes = Callable[..., HomePage]

HOSTILE = ("</th><script>alert(1)</script><img src=x onerror=alert(2)>\u202eעברית🌡️" + "x" * 200)[:200]


def test_a_device_that_was_not_heard_is_listed(homes: Homes, open_page: OpenPage, complaints: list[str]) -> None:
    """Every new installation starts in this state, and the browser must report no error."""
    page = open_page(homes("attic", "cellar"))

    assert [
        ["attic A4:C1:38:00:00:01", "– not heard yet", "–", "–", "–", "–", "", "–", "0"],
        ["cellar A4:C1:38:00:00:02", "– not heard yet", "–", "–", "–", "–", "", "–", "0"],
    ] == rows(page)
    assert [] == complaints


def test_what_is_heard_later_shows_without_a_reload(homes: Homes, open_page: OpenPage, complaints: list[str]) -> None:
    """Users leave the page open, and rely on it to show new values."""
    home = homes("attic")
    home.hear("attic", temperature=21.5)
    page = open_page(home)
    assert "21.5 °C" == rows(page)[0][3]

    home.now += 5
    home.hear("attic", temperature=22.25, humidity=40, battery=81, voltage=2.9)
    let_it_ask(page)

    found = wait_for_rows(page, lambda found: found[0][3] != "21.5 °C")
    assert ["22.25 °C 21.5 to 22.25", "40 %", "81 %", "voltage 2.9 V", "-60 dBm", "2"] == found[0][3:]
    assert [] == complaints


def test_the_raw_value_is_shown_beside_one_with_an_offset(homes: Homes, open_page: OpenPage) -> None:
    """The script must show the corrected and the raw value as the server rendered them, and update both."""
    home = homes("attic")
    home.calibrate("attic", temperature=-0.4, voltage=0.05)
    home.hear("attic", temperature=21.5, humidity=40, voltage=2.9)
    page = open_page(home)
    assert ["21.1 °C (raw 21.5 °C)", "40 %", "–", "voltage 2.95 V (raw 2.9 V)"] == rows(page)[0][3:7]

    home.now += 5
    home.hear("attic", temperature=22.25, humidity=40, voltage=2.9)
    let_it_ask(page)

    found = wait_for_rows(page, lambda found: "21.1 °C" not in found[0][3])
    assert ["21.85 °C (raw 22.25 °C) 21.1 to 21.85", "40 %"] == found[0][3:5]


def test_a_value_that_is_no_longer_exported_goes(homes: Homes, open_page: OpenPage) -> None:
    """An expired value must not look current; the line of the last hour still shows when it was heard."""
    home = homes("attic")
    home.hear("attic", temperature=21.5, voltage=2.9)
    home.now += 5
    home.hear("attic", temperature=21.5, voltage=2.9)
    page = open_page(home)

    home.now += 605
    let_it_ask(page)

    found = wait_for_rows(page, lambda found: "°C" not in found[0][3])
    words = "○ silent, usual interval 5 s Its packets stopped; it had a signal of -60 dBm."
    assert [words, "10 min", "–", "–", "–", ""] == found[0][1:7]
    assert "Last hour: 21.5 °C, heard in 1 of 60 minutes" == words_of_the_line(page)


def test_values_of_a_silent_device_look_different(homes: Homes, open_page: OpenPage) -> None:
    """A silent device's values stay for minutes, and its RSSI for ever: both must look old, even without colours."""
    home = homes("silent", "refused", "heard")
    for name in home.names:
        home.hear(name, {"text": "hello"}, temperature=21.5)
    home.now += 120
    home.hear("heard", {"text": "hello"}, temperature=21.5)
    home.refuse("refused", "wrong_key")
    page = open_page(home)

    styles = {}
    for name, row in zip(home.names, page.locator("tbody tr").all(), strict=True):
        shown = [*row.locator(".value").all(), *row.locator(".others bdi").all()]
        styles[name] = {element.evaluate("element => getComputedStyle(element).fontStyle") for element in shown}
    assert {"silent": {"italic"}, "refused": {"italic"}, "heard": {"normal"}} == styles


def test_ages_go_on_between_two_answers(homes: Homes, open_page: OpenPage) -> None:
    """If an age did not change for five seconds, the page would seem to hang."""
    home = homes("attic")
    home.hear("attic", {"button": "press", "firmware_version": "4.1.0.0"}, temperature=21.5)
    home.now += 60
    home.hear("attic", temperature=21.5)
    home.now += 2
    page = open_page(home)
    assert ["● heard", "2 s"] == rows(page)[0][1:3]

    page.clock.run_for(3_000)

    assert ["● heard", "5 s"] == rows(page)[0][1:3]
    assert "button press 65 s ago firmware version 4.1.0.0" == rows(page)[0][6]


def test_an_exporter_that_never_answered_is_gone_as_well(homes: Homes, open_page: OpenPage) -> None:
    """The table that came with the page was valid only at that time, so it must not stay green without an answer."""
    home = homes("attic")
    home.hear("attic", temperature=21.5)
    page = open_page(home, java_script_enabled=False)
    assert "● heard" == rows_without_script(page)[0][1]

    page = open_page_without(open_page, home, "**/status")

    page.locator("#answer:not(:empty)").wait_for()
    assert ["? not known", "–"] == rows(page)[0][1:3]


def rows_without_script(page: "Page") -> list[list[str]]:
    """Return the text of each cell of a page without JavaScript."""
    return [
        [" ".join((cell.inner_text()).split()) for cell in row.locator("th, td").all()]
        for row in page.locator("tbody tr").all()
    ]


def open_page_without(open_page: OpenPage, home: HomePage, pattern: str) -> "Page":
    """Open the page while requests that match a pattern fail."""
    page = open_page(home)
    page.route(pattern, lambda route: route.abort())
    page.reload(wait_until="networkidle")
    return page


def test_without_a_script_the_table_is_the_same(homes: Homes, open_page: OpenPage) -> None:
    """Without JavaScript, only the last hour may be missing, and the user must know that the page does not update."""
    home = homes("attic", "cellar", "balcony", "garden")
    home.hear("balcony", temperature=-3.5)
    home.now += 300
    home.hear("attic", {"text": "hello"}, temperature=21.5, humidity=40.25, voltage=2.848, door=1, speed=0.125)
    home.refuse("cellar", "wrong_key")
    home.now += 4

    with_script = open_page(home)
    without = open_page(home, java_script_enabled=False)

    with_script.evaluate("document.querySelectorAll('.hour').forEach(hour => hour.remove())")
    assert rows(with_script) == rows_without_script(without)
    assert "reload the page" in without.inner_text("main")
    assert "reload the page" not in with_script.inner_text("main")


def test_it_works_under_any_path(homes: Homes, open_page: OpenPage, complaints: list[str]) -> None:
    """Behind a reverse proxy, the page shares the host with other applications, to which no link may lead."""
    home = homes("attic", prefix="/home/ble")
    home.hear("attic", temperature=21.5)
    page = open_page(home)

    assert "Last hour: 21.5 °C, heard in 1 of 60 minutes" == words_of_the_line(page)
    links = [link.get_attribute("href") or "" for link in page.locator("nav a").all()]
    answers = [page.request.get(f"{home.url}{link}").status for link in links]
    assert [200, 200, 200, 200, 200] == answers
    assert [] == complaints


def test_a_hostile_name_is_text(homes: Homes, open_page: OpenPage, complaints: list[str]) -> None:
    """Anybody can send texts under a sensor's address; neither a text nor a name may be interpreted as HTML."""
    home = homes(HOSTILE, "attic")
    home.hear(HOSTILE, {"text": HOSTILE}, temperature=21.5)
    for options in ({}, {"java_script_enabled": False}):
        page = open_page(home, width=360, **options)

        assert HOSTILE == page.locator("tbody th bdi").first.text_content()
        assert f"text {HOSTILE}" == page.locator("tbody li bdi").first.text_content()
        assert 0 == page.locator("tbody script, tbody img").count()
    assert [] == complaints


def test_a_text_of_one_device_does_not_cover_another(homes: Homes, open_page: OpenPage) -> None:
    """A hundred accents above one letter would be drawn over the readings of the sensors above it."""
    seen = []
    for text in ("a", "a" + "\N{COMBINING ACUTE ACCENT}" * 100):
        home = homes("attic", "cellar")
        home.hear("attic", {"text": "hello"}, temperature=21.5)
        home.hear("cellar", {"text": text}, temperature=8.5)
        seen.append(open_page(home).locator("tbody tr").first.screenshot())

    assert seen[0] == seen[1]


def test_the_line_breaks_where_nothing_was_heard(homes: Homes, open_page: OpenPage) -> None:
    """A line across the quarter of an hour without packets would claim values that nobody has measured."""
    home = homes("attic")
    home.spend_an_hour("attic")
    page = open_page(home)

    path = page.locator("td svg path").first.get_attribute("d") or ""
    pieces = re.findall(r"M[^M]+", path)
    assert 2 == len(pieces)
    (first, second) = ([float(x) for x in re.findall(r"[ML](\d+) ", piece)] for piece in pieces)
    assert 2 * 14 <= second[0] - first[-1] <= 2 * 17  # two units a minute


def test_two_hundred_devices_are_no_burden(homes: Homes, open_page: OpenPage, complaints: list[str]) -> None:
    """The page must stay fast: it must change only what an answer or the time has changed, and add no elements."""
    home = homes(*(f"device_{number}" for number in range(200)))
    for name in home.names:
        home.now = 1_000_000.0
        home.spend_an_hour(name)
    began = time.monotonic()
    page = open_page(home)
    assert time.monotonic() - began < 10
    assert (200, 600) == (page.locator("tbody tr").count(), page.locator("tbody svg").count())
    elements = page.evaluate("document.querySelectorAll('*').length")
    page.evaluate(
        "window.changes = 0; new MutationObserver(all => { changes += all.length; })"
        ".observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true }); 0"
    )

    home.hear("device_7", temperature=25.0)
    let_it_ask(page)

    wait_for_rows(page, lambda found: found[7][3].startswith("25 °C"))
    assert elements == page.evaluate("document.querySelectorAll('*').length")
    # Once a second, the ages of the rows near the window change; one device's other cells change with the answer.
    assert page.evaluate("window.changes") <= 200 * 3 * 7
    assert [] == complaints


def test_the_page_says_whether_the_exporter_is_ready(homes: Homes, open_page: OpenPage) -> None:
    """The page must not look fine while /readyz answers 503, or show the reason after the cause has gone."""
    home = homes("attic", is_ready=False)
    page = open_page(home)
    found = [page.locator("#banner").inner_text()]
    home.end_scan()
    let_it_ask(page)
    page.locator("#answer:empty").wait_for(state="attached")
    found.append(page.locator("#banner").inner_text())

    not_ready = "Not ready: values may be missing or out of date.\nReason: the first scan has not ended yet."
    assert [not_ready, ""] == [text.replace("\n\n", "\n").strip() for text in found]


def test_a_late_device_is_not_green(homes: Homes, open_page: OpenPage) -> None:
    """Green means that the values are current, which is doubtful if a packet is overdue."""
    home = homes("late", "heard")
    for _ in range(9):
        home.now += 5
        home.hear("late", temperature=21.5)
    home.now += 30
    home.hear("heard", temperature=21.5)
    page = open_page(home)

    assert [["◐ late, usual interval 5 s", "30 s"], ["● heard", "0 s"]] == [row[1:3] for row in rows(page)]
    script = "[...document.querySelectorAll('.symbol')].map(one => getComputedStyle(one).color)"
    late, heard = page.evaluate(script)
    assert late != heard


def test_a_silent_device_has_a_sentence(homes: Homes, open_page: OpenPage) -> None:
    """The user must see why a sensor is silent, and must see no reason for a sensor that is heard."""
    home = homes("attic", "cellar")
    home.hear("attic", temperature=21.5, battery=4)
    home.now += 300
    home.hear("cellar", temperature=8.5)
    page = open_page(home)
    found = [[row[1] for row in rows(page)]]
    home.hear("attic", temperature=21.5, battery=100)
    let_it_ask(page)
    wait_for_rows(page, lambda shown: shown[0][1] == "● heard")
    found.append([row[1] for row in rows(page)])

    assert [["○ silent Its battery was at 4 %.", "● heard"], ["● heard", "● heard"]] == found


def test_the_reason_of_a_silence_is_hidden_when_nothing_is_known(homes: Homes, open_page: OpenPage) -> None:
    """Without an answer, the page does not know whether the sensor is still silent."""
    home = homes("attic")
    home.hear("attic", temperature=21.5, battery=4)
    home.now += 300
    page = open_page(home)
    home.close()
    page.clock.run_for(5_100)
    page.locator("#answer:not(:empty)").wait_for()

    assert "? not known" == rows(page)[0][1]


def test_the_pins_of_a_plain_thermometer_are_left_out(homes: Homes, open_page: OpenPage) -> None:
    """The firmware sends the levels of pins to which nothing is connected; only a switch that moves is of interest."""
    home = homes("plain", "with a switch")
    for opening in (1, 0):
        for name in home.names:
            home.now += 5
            home.hear(name, temperature=21.5, battery=81, voltage=2.9, power_on=0, opening=opening or name == "plain")
    page = open_page(home)

    assert ["voltage 2.9 V", "voltage 2.9 V opening closed"] == [row[6] for row in rows(page)]
