"""Every scenario of guest/scenarios, each on a machine of its own; see README.md."""

from __future__ import annotations

import pytest

from .conftest import RunScenario
from .guest.scenarios import SCENARIOS
from .recording import SCENARIO

pytestmark = pytest.mark.radio


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != SCENARIO])
def test_scenario(name: str, run_scenario: RunScenario) -> None:
    """The scenario passes in the guest."""
    run_scenario(name)
