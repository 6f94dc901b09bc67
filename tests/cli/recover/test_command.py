"""Tests of the options and the output of `recover`."""

from pathlib import Path

import pytest

from ble_exporter.cli.recover.command import main
from tests.program import PATIENCE_S, running


def test_without_a_request_nothing_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An administrator may start the unit although the exporter needs no help."""
    request = tmp_path / "recover"

    assert 0 == main(["--request", str(request)])

    expected = f"nothing to do: {request} names no adapter; --adapter hci0 recovers one without a request\n"
    assert expected == capsys.readouterr().out


def test_an_adapter_that_does_not_exist_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The adapter may have been unplugged since the request."""
    request = tmp_path / "recover"
    request.write_text("hci4711\n")

    assert 0 == main(["--request", str(request)])

    assert "hci4711: left alone: the kernel does not have it\n" == capsys.readouterr().out


@pytest.mark.parametrize("name", ["wlan0", "hci", "hci0/../hci1", "hci0\n", "hci12345", ""])
def test_only_an_adapter_is_accepted(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command runs as root, and must not touch anything else."""
    with pytest.raises(SystemExit) as ended:
        main(["--adapter", name])

    assert 2 == ended.value.code
    assert "is not the name of an adapter, such as hci0" in capsys.readouterr().err


@pytest.mark.program
def test_the_command_is_a_command_of_the_program() -> None:
    """The systemd unit runs the command by this name."""
    with running("recover", "--adapter", "hci4711", "--dry-run") as process:
        said, _ = process.communicate(timeout=PATIENCE_S)

    assert (0, "hci4711: left alone: the kernel does not have it\n") == (process.returncode, said)
