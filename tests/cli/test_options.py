"""Tests of the service's options."""

import re
from typing import get_args

import pytest

from ble_exporter.cli import COMMANDS, run
from ble_exporter.cli.options import LOG_FORMATS, LOG_LEVELS, parse
from ble_exporter.config.app_config import LogLevel
from ble_exporter.logger.log_format import LogFormat
from ble_exporter.system.port import Endpoint
from tests.conftest import HERE


def exit_and_output(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """Parse arguments that end the program; return the exit status and the combined output."""
    with pytest.raises(SystemExit) as caught:
        parse(arguments)
    return caught.value.code, "".join(capsys.readouterr())


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    """A new user learns the usage from the examples and exit statuses, which must fit on a terminal."""
    status, out = exit_and_output(["--help"], capsys)

    assert 0 == status
    assert "  ble-exporter --config config.yaml --config.check  check the configuration and exit\n" in out
    assert "  78   the configuration can't be used\n" in out
    assert [] == [line for line in out.splitlines() if len(line) > 120]


def test_the_ports_of_systemd_replace_all_others(capsys: pytest.CaptureFixture[str]) -> None:
    """If both options were accepted, one of them would have no effect."""
    status, out = exit_and_output(["--web.systemd-socket", "--web.listen-address", ":8000"], capsys)

    assert 2 == status
    assert "--web.systemd-socket replaces --web.listen-address: give one of them" in out


def test_help_lists_every_command_with_a_call(capsys: pytest.CaptureFixture[str]) -> None:
    """Users do not find a command that the help omits."""
    _, out = exit_and_output(["--help"], capsys)
    listed = re.findall(r"^  (\w+) .*  ble-exporter \1 ", out, re.MULTILINE)

    assert list(COMMANDS) == listed


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A user who found examples and exit statuses in the help of one command expects them in the help of each."""
    with pytest.raises(SystemExit) as caught:
        run(command, ["--help"])

    out = capsys.readouterr().out
    assert 0 == caught.value.code
    assert f"\nexamples:\n  ble-exporter {command} " in out
    assert "\nexit status:\n  0 " in out
    assert [] == [line for line in out.splitlines() if len(line) > 100]


def test_the_documentation_has_the_same_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    """Users rely on the help or on the page, so a change to one list must not leave the other wrong."""
    _, out = exit_and_output(["--help"], capsys)
    page = (HERE.parent / "docs/commands.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", page, re.MULTILINE)

    assert re.findall(r"^  (\d+) +(.*)$", out, re.MULTILINE) == rows


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mock-seed", "1"], "--mock-seed needs --mock"),
        (["--mock", "--replay-speed", "2"], "--replay-speed needs --replay"),
        (["--mock", "--replay", "x"], "not allowed with argument"),
        (["--mock", "--mock-loss", "2"], "2 is not a number between 0 and 0.99"),
        (["--mock", "--mock-loss", "half"], "half is not a number between 0 and 0.99"),
        (["--mock", "--mock-strangers", "-1"], "-1 is not a whole number between 0 and 10000"),
        (["--mock", "--mock-strangers", "many"], "many is not a whole number between 0 and 10000"),
        (["--mock", "--mock-order", "baba"], "invalid choice: 'baba'"),
        (["--web.listen-address", "8000"], "'8000' is not an address with a port, such as :8000"),
        (["--web.telemetry-path", "metrics"], "metrics can't be the path of the metrics; an example: /metrics"),
        (["--web.telemetry-path", "/-/reload"], "/-/reload can't be the path of the metrics; an example: /metrics"),
        (["--web.max-requests", "0"], "0 is not a whole number between 1 and 32"),
        (["--web.listen-address=:1", "--web.listen-address=:1"], "an address is listed twice"),
        (["--log.level", "loud"], "invalid choice: 'LOUD'"),
        (["--log.format", "xml"], "invalid choice: 'xml'"),
        (["--confg", "x"], "unknown option --confg; did you mean --config?"),
        (["--conf=x"], "unknown option --conf; did you mean --config?"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The user must learn which argument is wrong, and where the valid options are listed."""
    status, said = exit_and_output(arguments, capsys)

    assert 2 == status
    assert said.startswith("ble-exporter: error: ")
    assert message in said
    assert said.endswith("\n`ble-exporter --help` shows the options, with examples.\n")


def test_the_choices_are_those_of_the_modules_that_use_them() -> None:
    """The parser repeats the choices, because importing these modules would make --help slow."""
    assert (get_args(LogLevel), get_args(LogFormat)) == (LOG_LEVELS, LOG_FORMATS)


def test_options_of_prometheus_are_understood() -> None:
    """An operator tries the options of other exporters first."""
    options = parse(
        [
            "--config.file",
            "x.yaml",
            "--web.listen-address=:9265",
            "--web.listen-address",
            "[::1]:1",
            "--log.level=debug",
        ]
    )

    assert ("x.yaml", "DEBUG") == (options.config, options.log_level)
    assert [Endpoint(None, 9265), Endpoint("::1", 1)] == options.listen
