"""
What a terminal showed in the scenario `first_five_minutes`, and the page that has it, docs/first-five-minutes.md.

The page is written by people, but for the blocks of a console, one for each step in the order of the steps, and for the
table of their times.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .guest.scenarios_newcomer import RECORDING, first_five_minutes

SCENARIO = first_five_minutes.__name__
LOG = RECORDING
PAGE = Path(__file__).resolve().parents[2] / "docs" / "first-five-minutes.md"
PROMISED_S = 300.0

MASKS = (
    ("time of the log", r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}\b", "TIME"),
    ("time of doctor", r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME"),
    ("time of a metric", r"(?<=\} )1\.\d+e\+09$", "TIME"),
    ("version", r"(?<=version )\d[\w.+-]*|(?<=ble-exporter )\d[\w.+-]*", "VERSION"),
    ("HEARD and EVERY", r"(?<= -\d\d) +\d+ +\d+\.\d s", " HEARD EVERY"),
    ("advertisements", r"(?<=heard )\d+(?= advertisements)", "COUNT"),
    ("first packet", r"heard \w+ \([\w:]+\) for the first time: .*", "FIRST"),
)
"""What differs from run to run, as regular expressions, and what stands for it where recordings are compared."""

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TIMES = re.compile(r"(?<=^\| step \| seconds \|\n\|---\|--:\|\n)(?:\|.*\n)+", re.MULTILINE)


class Step(NamedTuple):
    """A step: its name, how long it took, and what the terminal showed of it."""

    name: str
    seconds: float
    shown: str


def steps_of(log: str) -> list[Step]:
    """The steps that the scenario wrote down."""
    entries = [json.loads(line) for line in log.splitlines()]
    return [Step(entry["step"], entry["seconds"], entry["shown"]) for entry in entries]


def blocks_of(page: str) -> list[str]:
    """What the page has of the terminal, step by step."""
    return [block.rstrip("\n") for block in _BLOCK.findall(page)]


def times_of(page: str) -> dict[str, float]:
    """The page's times in seconds, by step; the last is of all."""
    (table,) = _TIMES.findall(page)
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()]
    return {name: float(seconds) for name, seconds in rows}


def masked(shown: str) -> str:
    """What the terminal showed, without what differs from run to run."""
    for _name, pattern, instead in MASKS:
        shown = re.sub(pattern, instead, shown, flags=re.MULTILINE)
    return shown


def rewritten(page: str, steps: Sequence[Step]) -> str:
    """The page, with what the terminal showed now, and the times that it took."""
    assert len(blocks_of(page)) == len(steps), f"the page needs {len(steps)} blocks that begin with ```console"
    shown = iter(steps)
    page = _BLOCK.sub(lambda _: f"```console\n{next(shown).shown}\n```", page)
    rows = [(step.name, step.seconds) for step in steps]
    rows.append(("all", sum(step.seconds for step in steps)))
    return _TIMES.sub("".join(f"| {name} | {seconds:.1f} |\n" for name, seconds in rows), page)
