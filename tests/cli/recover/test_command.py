"""Tests of the options and the output of `recover`."""

from pathlib import Path

import pytest

from ble_exporter.cli.recover.command import main
from ble_exporter.scanner.reset_record import FILE_NAME, ResetRecord
from tests.program import PATIENCE_S, running


def test_without_a_request_nothing_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody may start the unit by hand, although no adapter needs a reset."""
    record = tmp_path / FILE_NAME

    assert 0 == main(["--record", str(record)])

    expected = f"nothing to do: {record} has no request for a reset; --adapter hci0 resets an adapter without one\n"
    assert expected == capsys.readouterr().out


def test_every_adapter_that_was_given_up_is_recovered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Adapters that were not given up are left alone. One that was given up may have been unplugged since, as here."""
    record = ResetRecord(tmp_path)
    record.of("hci4711").ask_root(0)
    record.of("hci4712")
    record.of("hci4713").ask_root(0)
    record.save()

    assert 0 == main(["--record", str(tmp_path / FILE_NAME)])

    gone = "left alone: the kernel does not have it"
    assert f"hci4711: {gone}\nhci4713: {gone}\n" == capsys.readouterr().out


@pytest.mark.parametrize("name", ["wlan0", "hci", "hci0/../hci1", "hci0\n", "hci12345", ""])
def test_only_an_adapter_is_accepted(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command runs as root, and must not touch anything but adapters."""
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
