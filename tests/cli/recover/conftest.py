"""Fixtures for the tests of `recover`."""

from pathlib import Path

import pytest

from tests.cli.recover.machine import USB


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the root of a machine with two adapters: hci0 is a USB dongle, and hci1 has no hardware."""
    interface = tmp_path / USB / "1-1:1.0"
    (interface / "bluetooth/hci0").mkdir(parents=True)
    (interface / "bInterfaceClass").write_text("e0\n")
    (tmp_path / USB / "authorized").write_text("1")
    (tmp_path / "sys/devices/virtual/bluetooth/hci1").mkdir(parents=True)
    names = tmp_path / "sys/class/bluetooth"
    names.mkdir(parents=True)
    (names / "hci0").symlink_to(interface / "bluetooth/hci0")
    (names / "hci1").symlink_to(tmp_path / "sys/devices/virtual/bluetooth/hci1")
    (interface / "bluetooth/hci0/device").symlink_to(interface)
    return tmp_path
