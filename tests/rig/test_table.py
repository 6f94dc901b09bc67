"""Tests of the tables that the rig prints."""

from __future__ import annotations

from .guest.table import markdown


def test_a_table_is_aligned() -> None:
    """The tables are read in a terminal, and pasted into decision records."""
    table = markdown(["ear", "heard"], [["bluez", "3 %"], ["monitor", "100 %"]])

    expected = [
        "| ear     | heard |",
        "| ------- | ----: |",
        "| bluez   |   3 % |",
        "| monitor | 100 % |",
    ]
    assert expected == table.splitlines()
