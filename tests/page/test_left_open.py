"""A page that stays open for days, while the exporter stops and restarts, and the tab is hidden for hours."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from ble_exporter import __version__
from tests.page.conftest import LOADED_AT, OpenPage
from tests.page.home_page import HomePage
from tests.page.looking import ASKS_MS, let_it_ask, rows, wait_for_rows, words_of_the_line

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.page

Homes = Callable[..., HomePage]


def test_a_missing_exporter_is_reported(homes: Homes, open_page: OpenPage) -> None:
    """Old values must not look current: the page shows the time of the last answer, unknown states and growing ages."""
    home = homes("attic", "cellar")
    home.hear("attic", temperature=21.5)
    home.now += 2
    page = open_page(home)
    home.close()

    page.clock.run_for(ASKS_MS)
    page.locator("#answer:not(:empty)").wait_for()
    page.clock.run_for(60_000)

    message = page.locator("#answer").text_content() or ""
    assert re.fullmatch(r"No answer since \d+ \w+, \d\d:\d\d:\d\d\. The page shows the last known values\.", message)
    found = rows(page)
    assert ["? not known", "? not known"] == [row[1] for row in found]
    assert re.fullmatch(r"6\d s", found[0][2])
    assert "heard" not in page.inner_text("header")


def test_an_exporter_that_is_back_is_believed_again(homes: Homes, open_page: OpenPage) -> None:
    """After an update of the exporter, users must not have to reload the page."""
    home = homes("attic")
    page = open_page(home)
    home.close()
    page.clock.run_for(ASKS_MS)
    page.locator("#answer:not(:empty)").wait_for()

    home.open()
    home.hear("attic", temperature=21.5)
    let_it_ask(page)

    found = wait_for_rows(page, lambda found: "?" not in found[0][1])
    assert "● heard" == found[0][1]
    assert "" == page.locator("#answer").text_content()


def test_another_version_brings_its_own_page(homes: Homes, open_page: OpenPage, complaints: list[str]) -> None:
    """The old page might misunderstand the new exporter's answers, and would go on showing the old version."""
    page = open_page(homes("attic"))
    page.route("**/status", lambda route: route.fulfill(json={"version": "99.0"}), times=1)

    with page.expect_navigation(wait_until="networkidle"):
        page.clock.run_for(ASKS_MS)

    assert "– not heard yet" == rows(page)[0][1]
    assert f"Version {__version__}" in page.inner_text("nav")
    assert [] == complaints


def hide(page: "Page", is_hidden: bool) -> None:
    """Hide the tab behind another, or show it again."""
    page.evaluate("value => Object.defineProperty(document, 'hidden', { value, configurable: true }) && 0", is_hidden)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange')) && 0")


def test_a_tab_that_was_hidden_for_long_shows_no_old_state(homes: Homes, open_page: OpenPage) -> None:
    """A user who opens a laptop without a network must not mistake the old state for the current one."""
    home = homes("attic")
    home.hear("attic", temperature=21.5)
    page = open_page(home)
    hide(page, True)
    page.clock.run_for(600_000)
    page.route("**/*", lambda _route: None)

    hide(page, False)

    assert ["? not known", "10 min", "21.5 °C"] == rows(page)[0][1:4]
    assert "heard" not in page.inner_text("header")


def test_a_hidden_tab_sends_no_requests(homes: Homes, open_page: OpenPage) -> None:
    """A tab may stay open for weeks; when it is shown again, it must send a request immediately."""
    page = open_page(homes("attic"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    hide(page, True)
    page.clock.run_for(600_000)
    assert [] == asked

    with page.expect_request("**/status"):
        hide(page, False)


def test_the_lines_continue_when_the_clock_is_set_back(homes: Homes, open_page: OpenPage) -> None:
    """When the browser's machine sets its clock back by an hour, the lines must not stop for an hour."""
    home = homes("attic")
    home.hear("attic", temperature=21.5)
    page = open_page(home)
    page.clock.set_system_time(LOADED_AT - 3600)
    home.now += 60
    home.hear("attic", temperature=22.5)

    let_it_ask(page)

    wait_for_rows(page, lambda found: found[0][3] == "22.5 °C 21.5 to 22.5")
    assert "Last hour: 21.5 to 22.5 °C, heard in 2 of 60 minutes" == words_of_the_line(page)
