"""Every scenario, by name; a new file of them needs its name here."""

from . import (
    scenarios_cost,
    scenarios_discover,
    scenarios_doctor,
    scenarios_failures,
    scenarios_formats,
    scenarios_modes,
    scenarios_newcomer,
    scenarios_readings,
    scenarios_soak,
    scenarios_startup,
    scenarios_truth,
)
from .registry import SCENARIOS

__all__ = [
    "SCENARIOS",
    "scenarios_cost",
    "scenarios_discover",
    "scenarios_doctor",
    "scenarios_failures",
    "scenarios_formats",
    "scenarios_modes",
    "scenarios_newcomer",
    "scenarios_readings",
    "scenarios_soak",
    "scenarios_startup",
    "scenarios_truth",
]
