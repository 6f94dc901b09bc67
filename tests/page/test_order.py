"""The order of the rows, which the links of the table's header change."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.page.conftest import OpenPage
from tests.page.home_page import HomePage
from tests.page.looking import let_it_ask, rows, wait_for_rows

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.page

Homes = Callable[..., HomePage]


@pytest.fixture
def home(homes: Homes) -> HomePage:
    """A home with four rooms; one sensor was never heard."""
    built = homes("room 10", "Attic", "room 2", "never heard")
    built.hear("Attic", temperature=30.5)
    built.now += 40
    built.hear("room 2", temperature=-2.5)
    built.now += 10
    built.hear("room 10", temperature=21.5)
    built.now += 2
    return built


def names(page: "Page") -> list[str]:
    """Return the devices' names, from the first row to the last."""
    return [row[0].split(" A4:")[0] for row in rows(page)]


@pytest.mark.parametrize("has_script", [True, False], ids=["with a script", "without"])
@pytest.mark.parametrize(
    ("column", "upwards"),
    [
        ("Device", ["Attic", "never heard", "room 2", "room 10"]),
        ("Age", ["room 10", "room 2", "Attic", "never heard"]),
        ("Temperature", ["room 2", "room 10", "Attic", "never heard"]),
    ],
)
def test_a_click_sorts_the_rows(
    home: HomePage, open_page: OpenPage, column: str, upwards: list[str], has_script: bool
) -> None:
    """Users look for the highest or lowest value, or the configured order. A screen reader must announce the order."""
    page = open_page(home, java_script_enabled=has_script)
    found = []
    for _ in range(3):
        page.locator("thead").get_by_role("link", name=column).click()
        page.wait_for_load_state("networkidle")
        header = page.get_by_role("columnheader", name=column)
        shown = [row.locator("th bdi").inner_text() for row in page.locator("tbody tr").all()]
        found.append((header.get_attribute("aria-sort"), shown))

    # A device without a value comes last in both directions; one that was never heard has the greatest age.
    downwards = (
        ["room 10", "room 2", "never heard", "Attic"] if column == "Device" else [*upwards[-2::-1], "never heard"]
    )
    downwards = ["never heard", "Attic", "room 2", "room 10"] if column == "Age" else downwards
    configured = ["room 10", "Attic", "room 2", "never heard"]
    assert [("ascending", upwards), ("descending", downwards), (None, configured)] == found


def test_the_order_follows_the_values(home: HomePage, open_page: OpenPage, complaints: list[str]) -> None:
    """A table that is sorted only once shows a wrong order a minute later."""
    page = open_page(home)
    page.locator("thead").get_by_role("link", name="Temperature").click()
    assert ["room 2", "room 10", "Attic", "never heard"] == names(page)

    home.hear("room 2", temperature=25)
    let_it_ask(page)
    wait_for_rows(page, lambda found: "25 °C" in " ".join(map(" ".join, found)))

    assert ["room 10", "room 2", "Attic", "never heard"] == names(page)
    assert [] == complaints


def test_rows_do_not_jump_while_their_ages_change(home: HomePage, open_page: OpenPage) -> None:
    """Each packet resets an age, and nobody can read a table whose rows change places every five seconds."""
    page = open_page(home)
    page.locator("thead").get_by_role("link", name="Age").click()
    before = names(page)
    assert ["room 10", "room 2", "Attic", "never heard"] == before

    home.hear("Attic", temperature=30.75)
    let_it_ask(page)
    wait_for_rows(page, lambda found: "30.75 °C" in " ".join(map(" ".join, found)))
    assert before == names(page)

    home.now += 65
    home.hear("room 2", temperature=1.25)
    let_it_ask(page)
    wait_for_rows(page, lambda found: "1.25 °C" in " ".join(map(" ".join, found)))
    assert "room 2" == names(page)[0]


def test_the_address_keeps_the_order(home: HomePage, open_page: OpenPage) -> None:
    """A bookmark, a reload, and the reload after an update of the exporter must show the chosen order."""
    page = open_page(home)
    link = page.locator("thead").get_by_role("link", name="Age")
    link.click()
    link.click()

    page.reload(wait_until="networkidle")

    assert page.url.endswith("?sort=-age")
    assert ["never heard", "Attic", "room 2", "room 10"] == names(page)
