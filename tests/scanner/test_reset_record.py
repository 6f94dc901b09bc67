"""The file that keeps resets across restarts of the program, and the request for help."""

import os
from pathlib import Path

import pytest

from ble_exporter.scanner.reset_policy import Resets
from ble_exporter.scanner.reset_record import (
    FILE_NAME,
    REQUEST_NAME,
    ResetRecord,
    requested_adapter,
    runtime_folder,
)


def test_the_next_program_knows_the_resets(tmp_path: Path) -> None:
    """A program that is restarted again and again must not reset the adapter again and again."""
    record = ResetRecord(tmp_path)
    record.of("hci0").begin(100.0)
    record.save()

    assert Resets([100.0], fruitless=1) == ResetRecord(tmp_path).of("hci0")


def test_it_names_the_adapters_that_are_off(tmp_path: Path) -> None:
    """An adapter that the configuration does not name must not be touched."""
    record = ResetRecord(tmp_path)
    record.of("hci0").is_off = record.of("hci1").is_off = True
    record.of("hci2")
    record.save()

    after = ResetRecord(tmp_path)
    assert (["hci0", "hci1"], ["hci1"], []) == (after.left_off(None), after.left_off("hci1"), after.left_off("hci2"))


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"{", b"[]", b"[" * 9000, b'{"hci0": 5, "../x": {"is_off": true}}', b" " * 20_000]
)
def test_a_damaged_file_is_ignored(tmp_path: Path, content: bytes) -> None:
    """The radio must work without this file."""
    (tmp_path / FILE_NAME).write_bytes(content)

    record = ResetRecord(tmp_path)

    assert (Resets(), []) == (record.of("hci0"), record.left_off(None))


def test_a_folder_that_cannot_be_written_is_only_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A reset that may help is more important than its record."""
    record = ResetRecord(tmp_path / "missing")
    record.save()
    record.request("hci0")
    record.withdraw()

    assert 2 == len([one for one in caplog.records if "can't be written (No such file or directory)" in one.message])


def test_without_a_folder_nothing_is_written() -> None:
    """Outside of systemd there is no such folder."""
    record = ResetRecord()
    record.of("hci0").begin(1.0)
    record.save()
    record.request("hci0")
    record.withdraw()

    assert 1 == record.of("hci0").fruitless


def test_a_request_names_the_adapter_until_it_is_withdrawn(tmp_path: Path) -> None:
    """`recover` must help only while the exporter needs help, and with no other adapter."""
    record = ResetRecord(tmp_path)
    record.request("hci3")
    before = requested_adapter(tmp_path / REQUEST_NAME)
    record.withdraw()
    record.withdraw()

    assert ("hci3", "") == (before, requested_adapter(tmp_path / REQUEST_NAME))


@pytest.mark.parametrize(
    "content", [b"", b"hci", b"hci0; reboot", b"../hci0", b"wlan0", b"hci0\nhci1", b"\xff", b"hci99999", b"hci\xd9\xa1"]
)
def test_a_request_for_anything_else_is_refused(tmp_path: Path, content: bytes) -> None:
    """An unprivileged user writes the request that root obeys, so it may contain only the name of an adapter."""
    (tmp_path / REQUEST_NAME).write_bytes(content)

    assert "" == requested_adapter(tmp_path / REQUEST_NAME)


def test_a_request_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """Opening a pipe would make root's `recover` wait."""
    os.mkfifo(tmp_path / REQUEST_NAME)

    assert "" == requested_adapter(tmp_path / REQUEST_NAME)


@pytest.mark.parametrize(
    ("value", "expected"), [("/run/a", Path("/run/a")), ("/run/a:/run/b", Path("/run/a")), ("", None), ("a", None)]
)
def test_the_folder_is_that_of_systemd(value: str, expected: Path | None) -> None:
    """The unit may have several folders, and other programs may set the variable to anything."""
    assert expected == runtime_folder({"RUNTIME_DIRECTORY": value})
    assert runtime_folder({}) is None
