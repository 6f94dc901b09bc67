"""Run every scenario of guest/scenarios.py, each in a new guest; see README.md."""

from __future__ import annotations

import pytest

from .conftest import RunScenario
from .guest.scenarios import SCENARIOS
from .recording import SCENARIO

pytestmark = pytest.mark.radio


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != SCENARIO])
def test_scenario(name: str, run_scenario: RunScenario) -> None:
    """Only the real Bluetooth stack shows that the exporter works; each scenario's docstring states its purpose."""
    run_scenario(name)
