"""The cards: one for each device, in groups by a label."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.page.conftest import OpenPage
from tests.page.home_page import HomePage
from tests.page.looking import let_it_ask, rows

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.page

Homes = Callable[..., HomePage]

HOSTILE = ("</h3><script>alert(1)</script><img src=x onerror=alert(2)>\u202eעברית🌡️" + "x" * 200)[:200]


def card(page: "Page", name: str) -> list[str]:
    """Return the visible lines of a device's card."""
    element = page.locator("article").filter(has=page.get_by_role("heading", name=name, exact=False))
    # A card has no text before the browser has drawn it.
    element.get_by_role("heading").first.wait_for()
    return [line for line in element.inner_text().replace("\N{NO-BREAK SPACE}", " ").splitlines() if line]


def groups(page: "Page") -> list[tuple[str, list[str]]]:
    """Return the title of each group, and the names of its devices."""
    return [
        (section.locator("h2").text_content() or "", section.locator("h3 bdi").all_text_contents())
        for section in page.locator("#cards section").all()
    ]


def test_a_card_shows_what_a_glance_looks_for(homes: Homes, open_page: OpenPage, complaints: list[str]) -> None:
    """Somebody who passes by wants to know how warm a room is, whether it is comfortable, and how old the data is."""
    home = homes("attic")
    home.hear("attic", temperature=20.96, humidity=55.4, battery=73, voltage=2.9, carbon_dioxide=612)
    home.now += 61
    home.hear("attic", temperature=21.57, humidity=55.4, battery=73, voltage=2.9, carbon_dioxide=612)
    home.now += 4
    page = open_page(home, view=None)

    assert ["attic", "comfortable", "21.6 °C", "55 %", "60 min: 21.0 – 21.6 °C", "dew point 12.3 °C"] == card(
        page, "attic"
    )[:6]
    assert ["carbon dioxide 612 ppm", "4 s ago", "battery 73 %", "\N{MINUS SIGN}60 dBm"] == card(page, "attic")[6:]
    words = "Last hour: 20.96 to 21.57\N{NO-BREAK SPACE}°C, heard in 2 of 60 minutes"
    assert words == page.locator("article title").text_content()
    assert [] == complaints


def test_a_card_follows_the_readings(homes: Homes, open_page: OpenPage) -> None:
    """Nobody reloads the page on a tablet on the wall, so the cards must update by themselves."""
    home = homes("attic")
    home.hear("attic", temperature=21.5)
    page = open_page(home, view=None)
    home.now += 5
    home.hear("attic", temperature=-3.25, battery=4)
    let_it_ask(page)

    page.get_by_text("\N{MINUS SIGN}3.3 °C", exact=True).wait_for()
    assert ["battery low, 4 %"] == [line for line in card(page, "attic") if line.startswith("battery")]


def test_a_silent_device_says_why_and_is_dimmed(homes: Homes, open_page: OpenPage) -> None:
    """An old value must not look like a current one."""
    home = homes("attic", "cellar")
    for name in home.names:
        home.hear(name, temperature=21.5, battery=4)
    home.now += 300
    home.hear("cellar", temperature=21.5, battery=4)
    page = open_page(home, view=None)

    assert {"silent for 5 min", "Its battery was at 4 %."} <= set(card(page, "attic"))
    colors = [page.locator("article b").nth(at).evaluate("one => getComputedStyle(one).color") for at in (0, 1)]
    assert colors[0] != colors[1]


def test_a_door_is_open_or_closed(homes: Homes, open_page: OpenPage) -> None:
    """The card of a sensor without a thermometer must show the sensor's main value, not its battery."""
    home = homes("door", "meter", "new")
    home.hear("door", battery=97, opening=1)
    home.hear("meter", voltage=2.9, pressure=1013.25)
    page = open_page(home, view=None)

    assert ["open", "opening"] == card(page, "door")[1:3]
    assert ["1013.25 hPa", "pressure"] == card(page, "meter")[1:3]
    assert ["not heard yet", "–"] == card(page, "new")[1:3]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, [("Devices", ["a", "b", "c"])]),
        ({"a": {"room": "Kitchen"}}, [("Kitchen", ["a"]), ("Without room", ["b", "c"])]),
        (
            {"a": {"floor": "1"}, "b": {"floor": "1", "owner": "Ann"}, "c": {"owner": "Ann", "floor": "0"}},
            [("Floor 1", ["a", "b"]), ("Floor 0", ["c"])],
        ),
        (
            {"a": {"floor": "1"}, "b": {"floor": "1", "room": "Attic"}, "c": {"floor": "0"}},
            [("Attic", ["b"]), ("Without room", ["a", "c"])],
        ),
    ],
    ids=["none", "room", "most frequent", "room before the most frequent"],
)
def test_devices_are_grouped_by_a_label(
    homes: Homes, open_page: OpenPage, labels: dict[str, dict[str, str]], expected: list[tuple[str, list[str]]]
) -> None:
    """People look for a room; a device without a label must not be lost."""
    home = homes("a", "b", "c")
    for name, of_device in labels.items():
        home.label(name, **of_device)

    assert expected == groups(open_page(home, view=None))


def test_another_label_can_be_chosen_and_is_remembered(homes: Homes, open_page: OpenPage) -> None:
    """A janitor looks for a floor, a resident for a room; neither wants to choose again every day."""
    home = homes("a", "b")
    home.label("a", room="Kitchen", floor="Ground floor")
    home.label("b", room="Attic", floor="Upstairs")
    page = open_page(home, view=None)
    page.get_by_label("Group by").select_option(label="Floor")
    found = [groups(page)]
    page.reload(wait_until="networkidle")
    found.append(groups(page))
    page.get_by_label("Group by").select_option(label="Nothing")
    found.append(groups(page))

    floors = [("Ground floor", ["a"]), ("Upstairs", ["b"])]
    assert [floors, floors, [("Devices", ["a", "b"])]] == found


def test_the_table_is_one_click_away_and_is_remembered(homes: Homes, open_page: OpenPage) -> None:
    """Many devices are easier to survey in a table; a reload must keep the choice."""
    home = homes("attic")
    home.hear("attic", temperature=21.5)
    page = open_page(home, view=None)
    assert not page.get_by_role("table").is_visible()

    page.get_by_text("Table", exact=True).click()
    assert "21.5 °C" == rows(page)[0][3]
    assert 0 == page.locator("article").count()

    page.reload(wait_until="networkidle")
    assert page.get_by_role("table").is_visible()
    page.get_by_text("Cards", exact=True).click()
    assert not page.get_by_role("table").is_visible()
    assert "21.5 °C" in card(page, "attic")


def test_many_devices_begin_as_a_table(homes: Homes, open_page: OpenPage) -> None:
    """The cards of more than 60 devices would fill many screens."""
    assert open_page(homes(*map(str, range(61))), view=None).get_by_role("table").is_visible()
    assert not open_page(homes(*map(str, range(60))), view=None).get_by_role("table").is_visible()


def test_cards_are_sorted_within_their_groups(homes: Homes, open_page: OpenPage) -> None:
    """Users must find the coldest room or the weakest battery easily; the page's address must keep the order."""
    home = homes("a", "b", "c")
    for name, temperature in (("a", 20), ("b", 15), ("c", 25)):
        home.hear(name, temperature=temperature)
    page = open_page(home, view=None)
    page.get_by_label("Sort by").select_option(label="Temperature")
    found = [groups(page)[0][1]]
    page.get_by_role("button", name="Ascending order").click()
    found.append(groups(page)[0][1])

    assert [["b", "a", "c"], ["c", "a", "b"]] == found
    assert page.url.endswith("?sort=-temperature")


def test_temperatures_can_be_in_fahrenheit(homes: Homes, open_page: OpenPage) -> None:
    """Some users think in °F; their choice must apply to both views, and be remembered."""
    home = homes("attic")
    home.hear("attic", temperature=21.5, humidity=50)
    home.now += 61
    home.hear("attic", temperature=-40, humidity=50)
    page = open_page(home, view=None)
    page.get_by_text("°F", exact=True).click()
    found = card(page, "attic")
    page.reload(wait_until="networkidle")
    page.get_by_text("Table", exact=True).click()

    assert ["\N{MINUS SIGN}40.0 °F", "50 %", "60 min: \N{MINUS SIGN}40.0 – 70.7 °F"] == found[1:4]
    assert "-40 °F -40 to 70.7" == rows(page)[0][3]


def test_a_hostile_name_or_label_is_text(homes: Homes, open_page: OpenPage, complaints: list[str]) -> None:
    """Anybody can send texts under a sensor's address, and names may come from a shared file."""
    home = homes(HOSTILE, "attic")
    home.label(HOSTILE, room=HOSTILE, __proto__="polluted", constructor="x")
    home.hear(HOSTILE, {"text": HOSTILE}, temperature=21.5)
    page = open_page(home, view=None, width=360)

    assert [(HOSTILE, [HOSTILE]), ("Without room", ["attic"])] == groups(page)
    assert f"text {HOSTILE}" == page.locator("article li bdi").first.text_content()
    assert 0 == page.locator("main script, main img").count()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert [] == complaints


def test_swapped_names_keep_their_own_lines(homes: Homes, open_page: OpenPage) -> None:
    """A new configuration can swap two names; each card must show the last hour of the sensor that now has its name."""
    home = homes("attic", "cellar")
    home.hear("attic", temperature=30)
    home.hear("cellar", temperature=10)
    page = open_page(home, view=None)
    home.rename(attic="cellar", cellar="attic")
    let_it_ask(page)
    page.locator("article").first.get_by_role("heading", name="cellar").wait_for()

    assert "60 min: 30.0 °C" in card(page, "cellar")
    assert "60 min: 10.0 °C" in card(page, "attic")


def test_a_page_that_may_not_keep_anything_works(homes: Homes, open_page: OpenPage, complaints: list[str]) -> None:
    """A browser in which the user has blocked cookies refuses to keep the choices; the page must work without them."""
    home = homes("attic")
    home.hear("attic", temperature=21.5)
    page = open_page(home, view=None)
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('blocked'); } })")
    page.reload(wait_until="networkidle")
    page.get_by_text("°F", exact=True).click()

    assert "70.7 °F" in card(page, "attic")
    assert [] == complaints


def test_the_dew_point_is_that_of_the_published_table(homes: Homes, open_page: OpenPage) -> None:
    """A user who trusted a wrong dew point could take a damp wall for a dry one."""
    page = open_page(homes("attic"), view=None)
    script = "values => import('./comfort.js').then(({ dewPoint }) => values.map(([t, h]) => dewPoint(t, h)))"

    # Tables of dew points have these values.
    known = {(20, 100): 20.0, (20, 50): 9.3, (25, 60): 16.7, (30, 80): 26.2, (0, 50): -9.2, (-10, 90): -11.3}
    found = page.evaluate(script, [list(pair) for pair in known])
    assert list(known.values()) == [pytest.approx(value, abs=0.1) for value in found]
    assert [None, None, None] == page.evaluate(script, [[20, 0], [20, 101], [-300, 50]])


def test_comfort_is_said_by_the_stated_limits(homes: Homes, open_page: OpenPage) -> None:
    """The word must follow the limits in docs/http.md, and a freezer must have none."""
    words = {
        (21, 45): "comfortable",
        (21, 29.9): "dry",
        (21, 60): "comfortable",
        (21, 60.1): "humid",
        (26, 55): "humid",  # its dew point is 16.3 °C
        (12, 81): "humid",
        (30, 40): "",
        (12, 50): "",
        (5, 88): "",
        (-18, 20): "",
    }
    home = homes(*map(str, words))
    for temperature, humidity in words:
        home.hear(str((temperature, humidity)), temperature=temperature, humidity=humidity)

    page = open_page(home, view=None)
    assert list(words.values()) == page.locator("article .pill").all_text_contents()
