"""The lines of the last hour, and the numbers below them."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.page.conftest import LOADED_AT, OpenPage
from tests.page.home_page import HomePage
from tests.page.looking import let_it_ask, rows, wait_for_rows

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.page

Homes = Callable[..., HomePage]


def height(page: "Page") -> float:
    """Return the height of the first line, as a fraction of the chart's height."""
    path = page.locator("td svg path").first.get_attribute("d") or ""
    ys = [float(y) for y in re.findall(r"[ML]\d+ ([\d.]+)", path)]
    return (max(ys) - min(ys)) / 24


def shows(temperature: str) -> Callable[[list[list[str]]], bool]:
    """Return a condition that holds when the table shows this temperature for the first device."""
    return lambda found: found[0][3].startswith(temperature)


@pytest.mark.parametrize(
    ("name", "usual", "noise"),
    [
        ("temperature", 21.5, 0.1),
        ("humidity", 45.0, 1.0),
        ("voltage", 2.9, 0.015),
        ("battery", 80.0, 1.0),
        ("pressure", 1013.0, 0.2),
        ("carbon_dioxide", 600.0, 20.0),
        ("illuminance", 5.0, 1.0),
        ("dew_point", 9.5, 0.1),
    ],
)
def test_noise_is_flat_and_an_event_is_not(
    homes: Homes, open_page: OpenPage, name: str, usual: float, noise: float
) -> None:
    """A line that fills the chart with a battery's jitter teaches the user to ignore lines."""
    found = []
    for change in (noise, 20 * noise):
        home = homes("attic")
        for minute in range(20):
            home.now += 60
            home.hear("attic", None, **{name: usual + change * (minute % 2)})
        found.append(height(open_page(home)))

    assert found == pytest.approx([0.05, 1.0], abs=0.01)


def test_each_step_of_a_meter_is_visible(homes: Homes, open_page: OpenPage) -> None:
    """A meter has no noise, so even its smallest step is a real change, which the user wants to see."""
    home = homes("attic")
    for minute in range(20):
        home.now += 60
        home.hear("attic", energy=1234.5 + 0.001 * minute)

    assert height(open_page(home)) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("width", [360, 1280])
def test_the_minimum_and_the_maximum_are_shown(homes: Homes, open_page: OpenPage, width: int) -> None:
    """A line without numbers has no scale, and a phone has no mouse to hover over a line."""
    home = homes("attic")
    for minute in range(20):
        home.now += 60
        home.hear("attic", temperature=-2.5 + minute % 4, voltage=2.9 + minute % 3 / 100, door=minute % 2, battery=81)
    page = open_page(home, width=width)

    temperature, _, battery, others = rows(page)[0][3:7]
    assert ("0.5 °C -2.5 to 0.5", "81 %") == (temperature[-18:], battery[-4:])
    assert "voltage 2.91 V 2.9 to 2.92 door open" == others
    sizes = page.evaluate(
        "[...document.querySelectorAll('.range')].map(one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(sizes) >= 12


def test_a_value_that_is_no_longer_shown_keeps_its_scale(homes: Homes, open_page: OpenPage) -> None:
    """The page does not know the unit of an expired value, but the value's noise must look as flat as before."""
    home = homes("attic")
    for minute in range(20):
        home.now += 60
        home.hear("attic", humidity=45 + minute % 2)
    home.now += 700

    assert height(open_page(home)) == pytest.approx(0.05, abs=0.01)


def test_the_lines_of_an_hour_take_no_more_elements_than_before(homes: Homes, open_page: OpenPage) -> None:
    """The page stays open for weeks: an answer must change the existing elements, and add none."""
    home = homes("attic", "cellar")
    home.spend_an_hour("attic")
    page = open_page(home)
    count = page.evaluate("document.querySelectorAll('*').length")

    for minute in range(5):
        home.now += 60
        home.hear("attic", temperature=20 + minute, humidity=40, battery=81)
        page.clock.set_system_time(LOADED_AT + 61 * (minute + 1))
        let_it_ask(page)
        wait_for_rows(page, shows(f"{20 + minute} °C"))

    assert count == page.evaluate("document.querySelectorAll('*').length")


def test_a_row_far_from_the_window_catches_up_when_it_comes_near(homes: Homes, open_page: OpenPage) -> None:
    """If the page updated a thousand lines and ages that nobody sees, it would become too slow."""
    from playwright.sync_api import expect

    names = [f"room {number}" for number in range(100)]
    home = homes(*names)
    for _ in range(3):
        home.now += 60
        for name in names:
            home.hear(name, temperature=20, battery=81)
    page = open_page(home)
    near, far = (page.locator("tbody tr").nth(place) for place in (0, -1))
    line = far.locator("svg path").first.get_attribute("d")
    page.clock.set_system_time(LOADED_AT + 61)
    home.now += 60
    for name in names:
        home.hear(name, temperature=25, battery=81)
    let_it_ask(page)
    page.clock.run_for(2000)

    expect(near.locator("[data-label=Age] .value")).not_to_have_text("0 s")
    assert ("0 s", "25 °C", line) == (
        far.locator("[data-label=Age] .value").text_content(),
        (far.locator("[data-label=Temperature] .value").text_content() or "").replace("\N{NO-BREAK SPACE}", " "),
        far.locator("svg path").first.get_attribute("d"),
    )
    far.scroll_into_view_if_needed()
    expect(far.locator("[data-label=Age] .value")).not_to_have_text("0 s")
    expect(far.locator("svg path").first).not_to_have_attribute("d", line or "")
