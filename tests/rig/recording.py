"""
The terminal output of the scenario `first_five_minutes`, and its page docs/first-five-minutes.md.

The page is written by hand, except for its console blocks, one for each step in order, and the table of times.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .guest.scenarios_first_use import RECORDING, first_five_minutes

SCENARIO = first_five_minutes.__name__
LOG = RECORDING
PAGE = Path(__file__).resolve().parents[2] / "docs" / "first-five-minutes.md"
PROMISED_S = 300.0

MASKS = (
    ("time of the log", r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}\b", "TIME"),
    ("time of doctor", r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME"),
    ("time of a metric", r"(?<=\} )1\.\d+e\+09$", "TIME"),
    ("reception", r"(?<=advertisement_interval_seconds)(\{.*\}) .*|(?<=packets_received_total)(\{.*\}) .*", r"\1\2 N"),
    ("version", r"(?<=version )\d[\w.+-]*|(?<=ble-exporter )\d[\w.+-]*", "VERSION"),
    ("HEARD and EVERY", r"(?<= -\d\d) +\d+ +\d+\.\d s", " HEARD EVERY"),
    ("advertisements", r"(?<=heard )\d+(?= advertisements)", "COUNT"),
    ("first packet", r"heard \w+ \([\w:]+\) for the first time: .*", "FIRST"),
)
"""Output that differs between runs: a name, a regular expression, and the replacement for comparisons."""

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TIMES = re.compile(r"(?<=^\| step \| seconds \|\n\|---\|--:\|\n)(?:\|.*\n)+", re.MULTILINE)


class Step(NamedTuple):
    """A step: its name, its duration in seconds, and the terminal output."""

    name: str
    seconds: float
    shown: str


def steps_of(log: str) -> list[Step]:
    """Return the steps that the scenario recorded."""
    entries = [json.loads(line) for line in log.splitlines()]
    return [Step(entry["step"], entry["seconds"], entry["shown"]) for entry in entries]


def blocks_of(page: str) -> list[str]:
    """Return the page's console blocks, one for each step."""
    return [block.rstrip("\n") for block in _BLOCK.findall(page)]


def times_of(page: str) -> dict[str, float]:
    """Return the page's times in seconds by step; the last is the total."""
    (table,) = _TIMES.findall(page)
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()]
    return {name: float(seconds) for name, seconds in rows}


def masked(shown: str) -> str:
    """Return the terminal output with MASKS applied."""
    for _name, pattern, instead in MASKS:
        shown = re.sub(pattern, instead, shown, flags=re.MULTILINE)
    return shown


def rewritten(page: str, steps: Sequence[Step]) -> str:
    """Return the page with the output and the times of these steps."""
    assert len(blocks_of(page)) == len(steps), f"the page needs {len(steps)} blocks that begin with ```console"
    shown = iter(steps)
    page = _BLOCK.sub(lambda _: f"```console\n{next(shown).shown}\n```", page)
    rows = [(step.name, step.seconds) for step in steps]
    rows.append(("total", sum(step.seconds for step in steps)))
    return _TIMES.sub("".join(f"| {name} | {seconds:.1f} |\n" for name, seconds in rows), page)
