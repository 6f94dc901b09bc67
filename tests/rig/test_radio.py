"""Every scenario of guest/scenarios, each on a machine of its own; see README.md."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from .boot import boot
from .guest.scenarios import SCENARIOS

TESTS = Path(__file__).resolve().parent.parent
REPOSITORY = TESTS.parent

STACKS_DUMP_S = 10.0
"""How much longer than its limit a scenario gets: then it says where it is stuck."""

pytestmark = pytest.mark.radio


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str, missing_parts: list[str], request: pytest.FixtureRequest) -> None:
    """The scenario passes in the guest."""
    if missing_parts:
        reason = f"{name} needs: {'; '.join(missing_parts)}"
        # A user may lack these; where every change is checked, nothing may go unchecked in silence.
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    kernel: Path = request.getfixturevalue("kernel")
    settings = {key: value for key, value in os.environ.items() if key.startswith("RIG_")}
    run = boot(
        kernel,
        [sys.executable, "-m", "rig.guest.run", name],
        folder=REPOSITORY,
        environment={"PYTHONPATH": f"{REPOSITORY}:{TESTS}", "PYTHONUNBUFFERED": "1", **settings},
        time_limit_s=SCENARIOS[name].limit_s + STACKS_DUMP_S,
        live=sys.stdout if request.config.getoption("capture") == "no" else None,
    )
    if run.status:
        pytest.fail(run.account(), pytrace=False)
    # Shown by `pytest -rP`.
    request.node.add_report_section("call", "guest", run.account())
