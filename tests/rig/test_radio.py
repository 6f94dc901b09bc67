"""Every scenario of guest/scenarios, each on a machine of its own; see README.md."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from .boot import boot
from .guest.run import STACKS_AFTER_S
from .guest.scenarios import SCENARIOS

TESTS = Path(__file__).resolve().parent.parent
REPOSITORY = TESTS.parent

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
    run = boot(
        kernel,
        [sys.executable, "-m", "rig.guest.run", name],
        folder=REPOSITORY,
        environment={"PYTHONPATH": f"{REPOSITORY}:{TESTS}", "PYTHONUNBUFFERED": "1"},
        time_limit_s=STACKS_AFTER_S + 10,
    )
    if run.status:
        pytest.fail(run.account(), pytrace=False)
    # Shown by `pytest -rP`.
    request.node.add_report_section("call", "guest", run.account())
