"""Imports every module with scenarios, which registers them; a new module must be added here."""

from . import (
    scenarios_address_types,
    scenarios_cost,
    scenarios_delivery,
    scenarios_discover,
    scenarios_doctor,
    scenarios_failures,
    scenarios_first_use,
    scenarios_formats,
    scenarios_healing,
    scenarios_modes,
    scenarios_monitor,
    scenarios_other_clients,
    scenarios_readings,
    scenarios_reception,
    scenarios_soak,
    scenarios_startup,
    scenarios_truth,
)
from .registry import SCENARIOS

__all__ = [
    "SCENARIOS",
    "scenarios_address_types",
    "scenarios_cost",
    "scenarios_delivery",
    "scenarios_discover",
    "scenarios_doctor",
    "scenarios_failures",
    "scenarios_first_use",
    "scenarios_formats",
    "scenarios_healing",
    "scenarios_modes",
    "scenarios_monitor",
    "scenarios_other_clients",
    "scenarios_readings",
    "scenarios_reception",
    "scenarios_soak",
    "scenarios_startup",
    "scenarios_truth",
]
