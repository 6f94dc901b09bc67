"""Tests of the hints and shell commands for Bluetooth failures."""

import errno
import shlex

import pytest

from ble_exporter.errors import ScannerError
from ble_exporter.scanner import hints

PROBLEMS = [
    *(value for value in vars(hints).values() if isinstance(value, hints.Problem)),
    *hints._DBUS_ERRORS.values(),
    hints.no_dbus(OSError("gone")),
    hints.no_dbus(OSError(errno.EMFILE, "Too many open files")),
    hints.missing(["hci0"]),
    hints.refused_passive_scan("no reason given"),
    hints.not_in_time("start", 20.0),
    hints.failed_scan(OSError("gone")),
    hints.silent(90, only_thermometers=False),
]


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.text)
def test_a_command_can_be_typed_as_it_is(problem: hints.Problem) -> None:
    """Users copy the command from `doctor`, so it must have neither backticks nor placeholders."""
    words = shlex.split(problem.command)

    assert "`" not in problem.command
    assert not [word for word in words if word.isalpha() and word.isupper()]


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.text)
def test_an_error_has_adapter_problem_and_hint(problem: hints.Problem) -> None:
    """The service logs the error as one line; `doctor` shows its parts separately."""
    error = ScannerError(*problem, adapter="hci0")

    assert f"adapter hci0: {problem}" == str(error)
    assert (problem.text, problem.hint, problem.command, "hci0") == (
        error.problem,
        error.hint,
        error.command,
        error.adapter,
    )


def test_an_unknown_d_bus_error_is_shown_as_it_is() -> None:
    """Without a hint, the error's own text is the user's only clue."""
    assert hints.Problem("org.bluez.Error.Failed: no room") == hints.dbus_error("org.bluez.Error.Failed", "no room")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_without_descriptors_dbus_is_not_blamed(number: int) -> None:
    """D-Bus runs: a hint to start it would lead the user in the wrong direction."""
    assert "no file descriptor is left for a connection to D-Bus" == hints.no_dbus(OSError(number, "x")).text
