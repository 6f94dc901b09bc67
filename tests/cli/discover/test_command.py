"""Tests of the command line of `ble-exporter discover`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ble_exporter import main as program
from ble_exporter.cli.discover.choice import DeviceRequest
from ble_exporter.cli.discover.command import parse
from tests.conftest import HERE, PACKET_A

ROOT = HERE.parent
PATIENCE_S = 30


def test_without_options_it_listens_for_half_a_minute() -> None:
    """New users try the command without options, which must not write a file or add a sensor."""
    options = parse([])

    assert (30.0, None, []) == (options.seconds, options.write, options.add)


def test_several_sensors_may_be_added() -> None:
    """Scripts pass addresses in upper or lower case, with or without a name, and a name may contain an equals sign."""
    options = parse(["--write", "x", "--add", "a4:c1:38:00:00:0a=a = b", "--add", "A4:C1:38:00:00:02"])

    assert [DeviceRequest("A4:C1:38:00:00:0A", "a = b"), DeviceRequest("A4:C1:38:00:00:02", "")] == options.add


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--add", "A4:C1:38:00:00:01"], "--add needs --write, which names the file to add to"),
        (
            ["--write", "x", "--add", "bedroom"],
            "bedroom is not a Bluetooth address; an example: A4:C1:38:00:00:01=bedroom",
        ),
        (["--write", "x", "--config", "y"], "--config and --write name different files"),
        (["--seconds", "0"], "0 is not a number between 1 and 3600"),
        (["--seconds", "soon"], "soon is not a number between 1 and 3600"),
        (["--seconds", "nan"], "nan is not a number between 1 and 3600"),
        (["--mock-seed", "1"], "--mock-seed needs --mock"),
        (["--mock-strangers", "1"], "--mock-strangers needs --mock"),
        (["--mock", "--mock-strangers", "-1"], "-1 is not a whole number between 0 and 10000"),
        (["--mock", "--mock-strangers", "x"], "x is not a whole number between 0 and 10000"),
        (["--mock", "--replay", "x"], "not allowed with"),
        (["--writ", "x"], "did you mean --write?"),
    ],
)
def test_invalid_options_are_wrong_usage(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The user must learn of a mistake before the program listens for half a minute, not after."""
    with pytest.raises(SystemExit) as ending:
        parse(arguments)

    assert 2 == ending.value.code
    assert words in capsys.readouterr().err


def test_write_and_config_may_name_the_same_file() -> None:
    """Users type --config out of habit, even if --write names the same file."""
    assert "x" == parse(["--write", "x", "--config", "x"]).write


def test_it_is_a_command_of_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    """A configuration error must end this command as it ends the service: with a message and exit status 78."""
    assert 78 == program.main(["discover", "--config", "nowhere.yaml"])
    assert capsys.readouterr().err.startswith("ble-exporter: error: nowhere.yaml: can't be read")


def test_a_closed_pipe_causes_no_traceback(tmp_path: Path) -> None:
    """Users run `ble-exporter discover | head -1`, which closes the pipe early."""
    (tmp_path / "x.capture").write_text(f"0 A4:C1:38:00:00:01 -61 fcd2 {PACKET_A.hex()}\n")
    command = [sys.executable, "-m", "ble_exporter", "discover", "--replay", str(tmp_path / "x.capture")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None

        assert b"listening for 30 s\n" == process.stderr.read()
        assert 0 == process.wait(PATIENCE_S)
