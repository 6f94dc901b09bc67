"""The page is accessible: on a phone, in dark mode, without colours, with the keyboard, with a screen reader."""

from collections.abc import Callable

import pytest

from tests.page.conftest import OpenPage
from tests.page.home_page import HomePage

pytestmark = pytest.mark.page

Homes = Callable[..., HomePage]


@pytest.fixture
def home(homes: Homes) -> HomePage:
    """A home with a device in each state, and one with a long name and many readings."""
    built = homes("heard", "silent", "refused", "never heard", "x" * 200)
    built.hear("silent", temperature=20.5)
    built.now += 300
    built.spend_an_hour("heard")
    built.hear("heard", {"text": "w" * 200}, pressure=1013.25, carbon_dioxide=612, temperature_2=5.5)
    built.hear("x" * 200, temperature=-40.25, timestamp=1.7e9)
    built.refuse("refused", "wrong_key")
    return built


@pytest.mark.parametrize("view", ["cards", "table"])
@pytest.mark.parametrize("width", [320, 360, 768, 960, 1280])
def test_nothing_overflows(home: HomePage, open_page: OpenPage, width: int, view: str) -> None:
    """On a phone, nobody should have to scroll sideways, and a tablet must not cut off the table."""
    page = open_page(home, width=width, view=view)

    assert width >= page.evaluate("document.documentElement.scrollWidth")
    if view == "table" and width <= 960:
        assert page.evaluate("(box => box.scrollWidth <= box.clientWidth)(document.querySelector('.scroll'))")


@pytest.mark.parametrize("view", ["cards", "table"])
@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("kind", ["phone", "wide", "gone"])
def test_axe_finds_nothing(home: HomePage, open_page: OpenPage, colors: str, kind: str, view: str) -> None:
    """Users with impaired sight rely on what axe-core checks, such as contrast, even when the exporter is gone."""
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(home, width=360 if kind == "phone" else 1280, color_scheme=colors, view=view)
    if kind == "gone":
        home.close()
        page.clock.run_for(5_100)
        page.locator("#answer:not(:empty)").wait_for()

    page.clock.resume()  # axe waits now and then
    found = Axe().run(page).response["violations"]

    assert [] == [(rule["id"], node["html"][:100]) for rule in found for node in rule["nodes"]]


def test_it_is_a_table_on_a_phone_too(home: HomePage, open_page: OpenPage) -> None:
    """On a phone, the rows are cards, which a screen reader reads as a table only if the markup declares one."""
    page = open_page(home, width=360)

    assert (
        5
        == page.get_by_role("table", name="Devices, and the last hour of each value: its course, minimum and maximum")
        .get_by_role("rowheader")
        .count()
    )
    assert 9 == page.get_by_role("columnheader").count()
    assert 5 * 8 == page.get_by_role("cell").count()


def test_a_line_chart_has_a_description(home: HomePage, open_page: OpenPage) -> None:
    """A text describes the line to users who can't see it."""
    page = open_page(home)

    line = page.get_by_role("row").nth(1).get_by_role("img").first
    words = "Last hour: 20.05 to 21.95\N{NO-BREAK SPACE}°C, heard in 45 of 60 minutes"
    assert words == line.locator("title").text_content()


def test_only_what_matters_is_read_aloud(home: HomePage, open_page: OpenPage) -> None:
    """A screen reader that reads every age every second would be unusable: only a missing answer may be announced."""
    page = open_page(home)

    live = page.locator("[role=status], [role=alert], [role=log], [role=timer], [aria-live]")
    assert ["answer"] == [element.get_attribute("id") for element in live.all()]


def test_a_screen_reader_knows_the_announcement_before_there_is_one(home: HomePage, open_page: OpenPage) -> None:
    """Screen readers often miss a change in a hidden element, so the element must be visible, but take up no space."""
    page = open_page(home)

    announced = page.get_by_role("status")
    assert 1 == announced.count()
    assert 0 == (announced.bounding_box() or {})["height"]


def test_the_keyboard_reaches_everything(home: HomePage, open_page: OpenPage) -> None:
    """The keyboard must reach each link, and the table, to scroll it in a narrow window; the focus must be visible."""
    page = open_page(home)
    reached = []
    name = "(one => one.name || one.className || one.textContent)(document.activeElement)"
    focused = "document.activeElement.closest('label') ?? document.activeElement"
    for _ in range(21):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(name))
        assert "solid" == page.evaluate(f"getComputedStyle({focused}).outlineStyle")

    columns = ["Device", "State", "Age", "Temperature", "Humidity", "Battery", "RSSI", "Packets"]
    assert [
        "view",
        "unit",
        "scroll",
        *columns,
        *home.names,
        "/metrics",
        "/status",
        "/history",
        "/healthz",
        "/readyz",
    ] == reached


def test_nothing_moves(home: HomePage, open_page: OpenPage) -> None:
    """Motion makes some users feel sick, so the page must have no animations."""
    page = open_page(home)
    home.hear("heard", temperature=30.0)
    page.clock.run_for(5_100)

    assert 0 == page.evaluate("document.getAnimations().length")
