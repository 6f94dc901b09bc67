"""Tests of the helpers that the checks of `doctor` share."""

import sys

import pytest

from ble_exporter.cli.doctor.check import output_of


def test_the_output_of_a_program_is_returned() -> None:
    """The output is shown in a line of the report, so its line break is removed and invalid UTF-8 causes no error."""
    assert "5.66 \ufffd" == output_of("printf", r"5.66 \377\n")


@pytest.mark.parametrize("command", [("/nowhere/bluetoothd", "--version"), (sys.executable, "-c", "1/0"), ("\0",)])
def test_a_missing_or_failing_program_has_no_output(command: tuple[str, ...]) -> None:
    """A missing or failing program must not prevent the other checks."""
    assert output_of(*command) is None
