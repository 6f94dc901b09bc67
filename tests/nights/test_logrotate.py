"""Logrotate itself rotates the log, in both of its styles; tests/logger/test_handlers.py imitates its system calls."""

import logging
import shutil
import subprocess
from pathlib import Path

import pytest

from ble_exporter.logger import LogFile

ROTATIONS = 3


@pytest.mark.skipif(not shutil.which("logrotate"), reason="logrotate is not installed")
@pytest.mark.parametrize("style", ["create", "copytruncate"])
def test_no_line_is_lost_between_rotations(style: str, tmp_path: Path) -> None:
    """The logs may be the only record of years, and the exporter must open the new file without a signal."""
    path = tmp_path / "x.log"
    config = tmp_path / "logrotate.conf"
    config.write_text(f"{path} {{\n rotate {ROTATIONS}\n {style}\n}}\n")
    handler = LogFile(str(path), print)
    log = logging.Logger("log")
    log.addHandler(handler)
    for number in range(ROTATIONS):
        log.info("%s", number)
        command = ["logrotate", "--force", "--state", str(tmp_path / "state"), str(config)]
        subprocess.run(command, check=True, capture_output=True)
    log.info("%s", ROTATIONS)
    handler.close()

    files = [path, *(tmp_path / f"x.log.{number}" for number in range(1, ROTATIONS + 1))]
    assert [f"{number}\n" for number in range(ROTATIONS, -1, -1)] == [file.read_text() for file in files]
