"""A Chromium for the tests of the page, and a list of the errors that this browser reports."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.page.home_page import HomePage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Disable background activity and features of the browser that the tests do not need. As root, Chromium needs
# --no-sandbox.
_ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
LOADED_AT = 1_800_000_000
"""The time of the browser's clock when the page is loaded, in Unix time."""

OpenPage = Callable[..., "Page"]
"""
Opens a home's page in a new browser context.

`view` is the view that the user has chosen before, "table" or "cards", or None for no choice; `width` and `height` are
those of the window, in pixels. `url` replaces the address of the page. Other keywords are arguments of `new_context`.
"""
KEPT = "ble-exporter."
"""The prefix of the names under which the browser stores the user's choices."""


def _chromium() -> str:
    """Return the browser's path; skip the test without it, or fail under CI, where everything must be installed."""
    path = shutil.which("chromium")
    if path is None:
        reason = "chromium is missing: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return path


@contextmanager
def launch() -> Iterator["Browser"]:
    """Start a headless Chromium."""
    from playwright.sync_api import sync_playwright

    path = _chromium()
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=[*_ARGUMENTS, *sandbox])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """A headless Chromium."""
    with launch() as chromium:
        yield chromium


@pytest.fixture
def complaints() -> list[str]:
    """The browser's reports: errors of scripts, violations of the policy, resources that could not be loaded."""
    return []


@pytest.fixture
def open_page(browser: "Browser", complaints: list[str]) -> Iterator[OpenPage]:
    """Return a function that opens a page, and waits until its script has received the first answer."""
    contexts = []

    def opened(
        home: HomePage,
        *,
        url: str = "",
        view: str | None = "table",
        height: int = 800,
        width: int = 1280,
        **options: object,
    ) -> "Page":
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        if view is not None:
            page.add_init_script(f"localStorage.getItem('{KEPT}view') ?? localStorage.setItem('{KEPT}view', '{view}')")
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        # The page's clock stands still until the test advances it.
        page.clock.install(time=LOADED_AT - 1)
        page.clock.pause_at(LOADED_AT)
        page.goto(url or home.url, wait_until="networkidle")
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def homes() -> Iterator[Callable[..., HomePage]]:
    """Return a function that builds homes, which end with the test."""
    built: list[HomePage] = []

    def build(*names: str, prefix: str = "", is_ready: bool = True, web_config: Path | None = None) -> HomePage:
        built.append(HomePage(*names, prefix=prefix, is_ready=is_ready, web_config=web_config))
        return built[-1]

    yield build
    for home in built:
        home.end()
