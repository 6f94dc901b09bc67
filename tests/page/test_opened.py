"""An opened device: its last hour as a chart, with a cursor that shows values."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.page.conftest import OpenPage
from tests.page.home_page import HomePage
from tests.page.looking import let_it_ask

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.page

Homes = Callable[..., HomePage]

HOSTILE = ("</h2><script>alert(1)</script><img src=x onerror=alert(2)>\u202eעברית🌡️" + "x" * 200)[:200]
ADDRESS = "A4:C1:38:00:00:01"


@pytest.fixture
def home(homes: Homes) -> HomePage:
    """A home with a sensor that was heard for an hour, except in the third quarter."""
    built = homes("attic", "cellar")
    built.spend_an_hour("attic")
    return built


def opened(page: "Page") -> "Page":
    """Open the first device, and wait until its chart is drawn."""
    page.get_by_role("link", name="attic").click()
    page.locator("dialog canvas").wait_for()
    return page


def readout(page: "Page") -> str:
    """Return the value at the cursor."""
    text: str = page.locator(".readout b").inner_text()
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("view", ["cards", "table"])
def test_a_device_opens_to_its_last_hour(home: HomePage, open_page: OpenPage, complaints: list[str], view: str) -> None:
    """Only a chart with axes shows how warm it was, and when. The security policy must permit the library's styles."""
    page = opened(open_page(home, view=view))

    assert "attic" == page.get_by_role("dialog").get_by_role("heading").inner_text()
    stats = page.locator(".stats").inner_text().replace("\N{NO-BREAK SPACE}", " ")
    assert stats.startswith("Minimum 20.1 °C at ")
    assert "· maximum 21.9 °C at " in stats
    assert "Temperature. Last hour: 20.05 to 21.95" in (page.locator(".chart").get_attribute("aria-label") or "")
    assert (page.locator(".u-over").bounding_box() or {})["width"] > 300
    assert [] == complaints


def test_the_library_is_loaded_only_for_an_opened_device(home: HomePage, open_page: OpenPage) -> None:
    """The chart's library is large, and most visitors never need it."""
    page = open_page(home, view=None)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(home.url)))
    page.reload(wait_until="networkidle")
    before = [path for path in asked if "uplot" in path or "detail" in path]
    opened(page)

    assert [] == before
    assert {"detail.js", "chart.js", "vendor/uplot-1.6.32.js", "vendor/uplot-1.6.32.css"} <= set(asked)


def test_the_keyboard_reads_values(home: HomePage, open_page: OpenPage) -> None:
    """Users without a mouse read the hour minute by minute; a screen reader says the time and the value."""
    page = open_page(home, view=None)
    page.get_by_role("link", name="attic").focus()
    page.keyboard.press("Enter")
    page.locator("dialog canvas").wait_for()
    slider = page.get_by_role("slider", name="Cursor")
    slider.focus()
    latest = readout(page)
    page.keyboard.press("Home")
    first = readout(page)
    said = slider.get_attribute("aria-valuetext") or ""
    page.keyboard.press("Escape")

    assert "21.9 °C" == latest
    assert first != latest
    assert said.replace("\N{NO-BREAK SPACE}", " ").endswith(f": {first}")
    assert not page.get_by_role("dialog").is_visible()
    assert "attic" == page.evaluate("document.activeElement.textContent")


def test_the_mouse_reads_values(home: HomePage, open_page: OpenPage) -> None:
    """The value at the cursor must be that at the position of the mouse; in a gap, nobody has measured one."""
    page = opened(open_page(home, view=None))
    box = page.locator(".u-over").bounding_box() or {}
    found = []
    for share in (0.25, 0.62, 0.9):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 50)
        found.append(readout(page))

    assert [True, False, True] == ["°C" in one for one in found]
    assert "nothing heard" == found[1]


def test_a_finger_reads_values(home: HomePage, open_page: OpenPage) -> None:
    """A phone has neither mouse nor keyboard, so a touch must move the cursor."""
    page = opened(open_page(home, view=None, width=360, has_touch=True, is_mobile=True))
    box = page.locator(".u-over").bounding_box() or {}
    page.touchscreen.tap(box["x"] + 0.62 * box["width"], box["y"] + 50)

    assert "nothing heard" == readout(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("(one => one.scrollWidth <= one.clientWidth)(document.querySelector('dialog'))")


def test_another_value_can_be_chosen(home: HomePage, open_page: OpenPage) -> None:
    """A device measures more than a temperature, and its chart must show any of its values."""
    page = opened(open_page(home, view=None))
    page.get_by_role("radio", name="Humidity").check()

    assert "51.9 %" == readout(page)
    assert "Humidity" in (page.locator(".chart").get_attribute("aria-label") or "")
    assert 1 == page.locator("dialog canvas").count()


def test_it_follows_new_readings(home: HomePage, open_page: OpenPage) -> None:
    """An opened device must show new readings, too."""
    page = opened(open_page(home, view=None))
    home.hear("attic", temperature=-5.25, door=1)
    let_it_ask(page)

    page.locator(".readout b", has_text="\N{MINUS SIGN}5.3").wait_for()
    page.get_by_role("radio", name="Door").check()
    page.locator(".readout b", has_text="open").wait_for()


def test_the_address_names_the_opened_device(home: HomePage, open_page: OpenPage, complaints: list[str]) -> None:
    """The "back" button of a phone closes the device, a reload keeps it open, and a bookmark opens it."""
    page = opened(open_page(home, view=None))
    assert page.url.endswith(f"#{ADDRESS}")
    page.reload(wait_until="networkidle")
    page.locator("dialog canvas").wait_for()
    page.go_back()
    page.get_by_role("dialog").wait_for(state="hidden")
    page.go_forward()
    page.locator("dialog canvas").wait_for()
    page.get_by_role("button", name="Close").click()
    page.wait_for_url(lambda url: "#" not in url)

    assert not page.get_by_role("dialog").is_visible()
    assert [] == complaints


def test_a_device_that_a_reload_removes_closes(home: HomePage, open_page: OpenPage, complaints: list[str]) -> None:
    """A dialog about a device that no longer exists would otherwise stay open for ever."""
    page = opened(open_page(home, view=None))
    home.remove("attic")
    let_it_ask(page)

    page.get_by_role("dialog").wait_for(state="hidden")
    assert [] == complaints


def test_without_the_library_the_values_are_there(home: HomePage, open_page: OpenPage) -> None:
    """A proxy or a content blocker may block the library, and the values must be shown nevertheless."""
    page = open_page(home, view=None)
    page.route("**/vendor/*.js", lambda route: route.abort())
    page.get_by_role("link", name="attic").click()

    page.get_by_text("The chart could not be loaded.").wait_for()
    assert "21.9 °C" == readout(page)


@pytest.mark.parametrize("name", ["detail.js", "detail.css", "vendor/*.js", "vendor/*.css"])
def test_a_blocked_file_is_asked_for_again(home: HomePage, open_page: OpenPage, name: str) -> None:
    """A device may stay open for months: the page must try again, and failed requests must leave nothing behind."""
    page = open_page(home, view=None)
    page.route(f"**/{name}", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.get_by_role("link", name="attic").click()
    for _ in range(5):
        with page.expect_event("requestfailed"):
            let_it_ask(page)
    page.unroute_all()
    let_it_ask(page)
    page.locator("dialog canvas").wait_for()

    needed = ["detail.css", "vendor/uplot-1.6.32.css", "vendor/uplot-1.6.32.js"]
    loaded = page.locator("head link, head script").evaluate_all("all => all.map(one => one.href || one.src)")
    assert needed == sorted(one.removeprefix(home.url) for one in loaded if "detail" in one or "vendor" in one)


def test_a_device_without_an_hour_opens(home: HomePage, open_page: OpenPage, complaints: list[str]) -> None:
    """Even a device that was never heard has an address and a state to show."""
    page = open_page(home, view=None)
    page.get_by_role("link", name="cellar").click()

    page.get_by_text("Nothing was heard in the last hour.").wait_for()
    assert 0 == page.locator("dialog canvas").count()
    assert [] == complaints


def test_a_hostile_device_opens_as_text(homes: Homes, open_page: OpenPage, complaints: list[str]) -> None:
    """The dialog shows texts that anybody can send, and names and labels that may come from a shared file."""
    home = homes(HOSTILE)
    home.label(HOSTILE, room=HOSTILE)
    home.hear(HOSTILE, {"text": HOSTILE}, temperature=21.5)
    page = open_page(home, view=None, width=360)
    page.get_by_role("link").first.click()
    page.locator("dialog canvas").wait_for()

    assert HOSTILE == page.locator("dialog h2 bdi").text_content()
    assert [HOSTILE, HOSTILE] == [
        text.removesuffix(", 0 s ago") for text in page.locator("dialog dd bdi").all_text_contents() if "script" in text
    ]
    assert 0 == page.locator("dialog img, dialog script").count()
    assert [] == complaints


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_axe_finds_nothing_in_an_opened_device(home: HomePage, open_page: OpenPage, colors: str) -> None:
    """The dialog must be as accessible as the page."""
    from axe_playwright_python.sync_playwright import Axe

    page = opened(open_page(home, view=None, color_scheme=colors))
    page.clock.resume()
    found = Axe().run(page).response["violations"]

    assert [] == [(rule["id"], node["html"][:100]) for rule in found for node in rule["nodes"]]


def test_it_works_under_any_path(homes: Homes, open_page: OpenPage, complaints: list[str]) -> None:
    """Behind a reverse proxy, the page must find the library below its own path."""
    home = homes("attic", prefix="/home/ble")
    home.hear("attic", temperature=21.5)
    opened(open_page(home, view=None))

    assert [] == complaints
