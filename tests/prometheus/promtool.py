"""A function that runs promtool or amtool, and the paths of the files in contrib/ that they check."""

import subprocess
from pathlib import Path
from typing import NamedTuple

CONTRIB = Path(__file__).parents[2] / "contrib" / "prometheus"
FLEET = CONTRIB.parent / "fleet"
RULES = (CONTRIB / "ble_recording.rules.yml", CONTRIB / "ble_alerts.rules.yml")


class Verdict(NamedTuple):
    """The exit status and the output of a checker."""

    status: int
    output: str


def check(program: Path, *arguments: str | Path, given: str = "") -> Verdict:
    """Run promtool or amtool, with the text that it reads from its standard input; return its verdict."""
    run = subprocess.run(
        [program, *arguments],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return Verdict(run.returncode, run.stdout)
