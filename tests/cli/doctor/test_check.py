"""What the checks of `doctor` share."""

import sys

import pytest

from ble_exporter.cli.doctor.check import output_of


def test_what_a_program_prints() -> None:
    """Without the final line break, and even if it is not UTF-8."""
    assert "5.66 \ufffd" == output_of("printf", r"5.66 \377\n")


@pytest.mark.parametrize("command", [("/nowhere/bluetoothd", "--version"), (sys.executable, "-c", "1/0"), ("\0",)])
def test_a_program_that_is_not_there_or_fails_prints_nothing(command: tuple[str, ...]) -> None:
    """The checks go on."""
    assert output_of(*command) is None
