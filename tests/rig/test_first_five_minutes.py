"""Tests that docs/first-five-minutes.md shows the real terminal output."""

from __future__ import annotations

import os
import re

import pytest

from .conftest import RunScenario
from .recording import LOG, MASKS, PAGE, PROMISED_S, SCENARIO, blocks_of, masked, rewritten, steps_of, times_of


@pytest.mark.radio
def test_the_page_shows_what_the_terminal_shows(run_scenario: RunScenario) -> None:
    """A user who follows the page must see the same output, in time. With RIG_RECORD=1 the page is rewritten."""
    steps = steps_of(run_scenario(SCENARIO).logs[LOG])
    if os.environ.get("RIG_RECORD"):
        PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8"), steps), encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")

    assert list(map(masked, blocks_of(page))) == [masked(step.shown) for step in steps]
    assert [*times_of(page)] == [*(step.name for step in steps), "total"]
    assert sum(step.seconds for step in steps) < PROMISED_S


def test_the_times_on_the_page_are_below_five_minutes() -> None:
    """The page's title promises five minutes."""
    *seconds, total = times_of(PAGE.read_text(encoding="utf-8")).values()

    assert round(sum(seconds), 1) == total
    assert total < PROMISED_S


@pytest.mark.parametrize(("name", "pattern"), [mask[:2] for mask in MASKS], ids=[mask[0] for mask in MASKS])
def test_every_mask_matches_the_page(name: str, pattern: str) -> None:
    """A mask that matches nothing is obsolete, and could later hide a fault."""
    shown = "\n".join(blocks_of(PAGE.read_text(encoding="utf-8")))

    assert re.search(pattern, shown, re.MULTILINE), name


def test_a_wrong_value_is_not_masked() -> None:
    """If the masks hid values, a page with wrong values would pass."""
    (metrics,) = [block for block in blocks_of(PAGE.read_text(encoding="utf-8")) if "_temperature_celsius" in block]

    assert masked(metrics) != masked(metrics.replace(" -7.35", " -7.36"))


def test_a_recording_is_written_into_the_page() -> None:
    """A new recording must replace the blocks and the times, and keep the text written by hand."""
    page = PAGE.read_text(encoding="utf-8")
    log = "".join(f'{{"step": "s{i}", "seconds": {i}, "shown": "$ {i}\\\\n1"}}\n' for i in range(len(blocks_of(page))))
    steps = steps_of(log)
    again = rewritten(page, steps)
    titles = [re.findall("^#+ .*", text, re.MULTILINE) for text in (page, again)]

    assert [step.shown for step in steps] == blocks_of(again)
    assert {**{step.name: step.seconds for step in steps}, "total": sum(range(len(steps)))} == times_of(again)
    assert titles[0] == titles[1]
