"""
Screenshots of the page in typical and extreme states, for developers: `make screenshots`.

The pictures are written to the folder that the command names.
"""

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.page.conftest import LOADED_AT, launch
from tests.page.home_page import HomePage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = ("</h3><script>alert(1)</script><img src=x onerror=alert(2)>\u202eעברית🌡️" + "x" * 200)[:200]
_ROOMS = ("Living room", "Kitchen", "Bedroom", "Bathroom", "Cellar", "Attic", "Balcony", "Office")


def spend_hours(home: HomePage, *names: str) -> None:
    """Advance the clock by an hour and a quarter in which each device sends smooth values twice a minute."""
    for step in range(150):
        home.now += 30
        for number, name in enumerate(names):
            wave = math.sin(step / 25 + 2 * number)
            home.hear(
                name,
                temperature=round(19 + number % 7 + wave, 2),
                humidity=round(38 + 9 * (number % 5) - 3 * wave, 1),
                battery=93 - 7 * (number % 12),
                voltage=2.9,
            )


def empty() -> HomePage:
    """Return a home without devices."""
    home = HomePage("removed")
    home.remove("removed")
    return home


def three() -> HomePage:
    """Return a home with three sensors, each in its room."""
    home = HomePage("living_room", "bedroom", "balcony")
    for name, room in zip(home.names, ("Living room", "Bedroom", "Outside"), strict=True):
        home.label(name, room=room)
    spend_hours(home, *home.names)
    return home


def house() -> HomePage:
    """Return a home with floors, and sensors in different states."""
    home = HomePage("Living room", "Bathroom", "Cellar", "Balcony", "Garage door", "Freezer", "Office", "Attic", "CO2")
    for name in home.names[:-1]:
        is_outside, is_upstairs = name in ("Balcony", "Garage door"), name in ("Office", "Attic")
        home.label(name, floor="Outside" if is_outside else "Upstairs" if is_upstairs else "Ground floor")
    spend_hours(home, "Cellar", "Office")
    home.now += 400
    for step in range(118):
        home.now += 30
        wave = math.sin(step / 30)
        home.hear("Living room", temperature=21 + wave, humidity=55 - wave, battery=73, voltage=2.9)
        home.hear("Bathroom", temperature=22.4 + wave, humidity=70 + 4 * wave, battery=8)
        home.hear("Balcony", temperature=6 - wave, humidity=88, battery=61)
        home.hear("Freezer", temperature=-18.4 + wave / 4, humidity=60, battery=55)
        home.hear(
            "CO2", carbon_dioxide=700 + 30 * step, temperature=23.2, humidity=22, pressure=1013.25, illuminance=120
        )
        home.hear("Garage door", {"button": "press"}, opening=40 < step < 50, battery=97)
        if step < 110:
            home.hear("Attic", temperature=14.2, humidity=62, battery=40)
    home.refuse("Office", "wrong_key")
    return home


def many(count: int) -> HomePage:
    """Return a home with this many sensors in a few rooms."""
    home = HomePage(*(f"sensor {number}" for number in range(count)))
    for number, name in enumerate(home.names):
        home.label(name, room=_ROOMS[number % len(_ROOMS)], floor=str(number % 3))
    spend_hours(home, *home.names)
    return home


def hostile() -> HomePage:
    """Return a home whose names and texts try to break the page."""
    home = HomePage(HOSTILE, "attic", "a" + "\N{COMBINING ACUTE ACCENT}" * 100)
    home.label(HOSTILE, room=HOSTILE[:100])
    spend_hours(home, *home.names)
    home.hear(HOSTILE, {"text": HOSTILE}, temperature=21.5)
    home.hear("attic", {"text": "w" * 200}, temperature=-40.25, humidity=1, count=4294967295)
    return home


@contextmanager
def opened(browser: "Browser", home: HomePage, width: int, settings: dict[str, str], scheme: str) -> Iterator["Page"]:
    """Open the page of a home as a user who has made these choices before."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    for name, value in settings.items():
        page.add_init_script(f"localStorage.setItem('ble-exporter.{name}', '{value}')")
    page.clock.install(time=LOADED_AT)
    page.goto(home.url, wait_until="networkidle")
    # Outside the window, a card is not drawn, so a picture of the whole page would show it empty.
    page.evaluate("document.styleSheets[0].insertRule('article { content-visibility: visible !important }', 0) && 0")
    yield page
    context.close()


_SHOTS: tuple[tuple[str, Callable[[], HomePage], int, dict[str, str], str], ...] = (
    ("empty", empty, 1280, {}, "light"),
    ("three", three, 1280, {}, "light"),
    ("three-dark", three, 1280, {"unit": "F"}, "dark"),
    ("three-phone", three, 360, {}, "dark"),
    ("house", house, 1280, {}, "light"),
    ("house-dark", house, 1280, {}, "dark"),
    ("house-tablet", house, 800, {}, "light"),
    ("house-phone", house, 360, {}, "light"),
    ("house-table", house, 1280, {"view": "table"}, "light"),
    ("many", lambda: many(200), 1280, {}, "light"),
    ("many-cards", lambda: many(200), 1280, {"view": "cards"}, "dark"),
    ("hostile", hostile, 1280, {}, "light"),
    ("hostile-phone", hostile, 360, {}, "light"),
    ("opened", house, 1280, {}, "light"),
    ("opened-dark", house, 1280, {"unit": "F"}, "dark"),
    ("opened-phone", house, 360, {}, "light"),
    ("hostile-opened", hostile, 360, {}, "dark"),
)


def main(folder: Path, wanted: list[str]) -> None:
    """Take the screenshots whose names contain one of the wanted texts, or all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    with launch() as browser:
        for name, build, width, settings, scheme in _SHOTS:
            if wanted and not any(text in name for text in wanted):
                continue
            home = build()
            with opened(browser, home, width, settings, scheme) as page:
                if "opened" in name:
                    page.get_by_role("link").first.click()
                    page.locator("dialog canvas").wait_for()
                is_long = "many" in name or "opened" in name
                page.screenshot(path=folder / f"{name}.png", full_page=not is_long)
            home.end()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
