"""Helpers that read the page's text and advance its clock."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

# After this many milliseconds, the page has sent its next request.
ASKS_MS = 5_100


def rows(page: "Page") -> list[list[str]]:
    """Return the visible text of each cell of the table's body."""
    script = "[...document.querySelectorAll('tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))"
    found: list[list[str]] = page.evaluate(script)
    return [[" ".join(cell.split()) for cell in row] for row in found]


def words_of_the_line(page: "Page") -> str:
    """Return the text that a screen reader reads for the first line chart of the table."""
    return (page.locator("td svg title").first.text_content() or "").replace("\N{NO-BREAK SPACE}", " ")


def let_it_ask(page: "Page") -> None:
    """Advance the page's clock until the page sends its next request, and wait for the answer."""
    with page.expect_event("requestfinished", lambda request: request.url.endswith("/status")):
        page.clock.run_for(ASKS_MS)


def wait_for_rows(page: "Page", is_so: Callable[[list[list[str]]], bool]) -> list[list[str]]:
    """Poll the table until the condition holds, and return it; fail after a timeout."""
    deadline = time.monotonic() + 10
    while not is_so(found := rows(page)):
        assert time.monotonic() < deadline, found
    return found
