"""
Disks that are full or become read-only: readings and scrapes go on, a message reports the fault, and writing recovers.

The disk is a tmpfs of 256 kB, which only root can mount. The tests with a limit on the size of files, or with a removed
folder, need no root.
"""

import errno
import logging
import os
import re
import resource
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from ble_exporter.config.editor import NewDevice, add_devices
from ble_exporter.errors import ConfigError
from ble_exporter.formats.bthome import UUID
from ble_exporter.service.replay_state import FILE_NAME
from tests.formats.sealing import ADDRESS, KEY, seal_temperature
from tests.program import PATIENCE_S, running, write_config
from tests.replay_runs import ADDRESS as OF_RUN
from tests.replay_runs import Run
from tests.test_manual import need


class Disk:
    """A small file system that a test fills, or makes read-only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fail(self, fault: str) -> None:
        """Fill the disk, or make it read-only; while a file is open for writing, it can't become read-only."""
        if fault == "full":
            with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)
        else:
            self._mount("remount,ro")

    def recover(self) -> None:
        """Make the disk usable again."""
        self._mount("remount,rw")
        self._ballast.unlink(missing_ok=True)

    def _mount(self, option: str) -> None:
        subprocess.run(["mount", "-o", option, self.path], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A file system of 256 kB."""
    if os.geteuid():
        pytest.skip("only root can mount a small disk")
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "tmpfs", str(path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    need(done.returncode == 0, f"this root can't mount a tmpfs: {done.stderr.strip()}")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", path], check=True)


CAUSES = {"full": errno.ENOSPC, "read-only": errno.EROFS}


@pytest.mark.parametrize("fault", CAUSES)
def test_the_state_is_saved_as_soon_as_the_disk_can_be_written(
    disk: Disk, fault: str, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that was full for a night must not leave the sensors unprotected for the rest of the year."""
    run = Run(disk.path, log)
    run.hear(50_000)
    disk.fail(fault)
    run.state.save()
    run.state.save()
    failures, told = run.counts.state_write_failures, len(caplog.messages)
    if fault == "full":
        assert {"ballast"} == {path.name for path in disk.path.iterdir()}
    disk.recover()
    run.hear(50_001)
    run.state.save()

    assert (2, 2) == (failures, run.counts.state_write_failures)
    assert [logging.WARNING, logging.DEBUG] == [record.levelno for record in caplog.records][:told]
    assert os.strerror(CAUSES[fault]) in caplog.messages[0]
    assert [50_001] == [mark.last for mark in Run(disk.path, log).state.guard(OF_RUN, 0.0).marks(with_digests=False)]


@pytest.mark.parametrize("fault", CAUSES)
def test_a_device_is_added_as_a_whole_or_not(disk: Disk, fault: str) -> None:
    """The configuration must stay as it is if the new one can't be written, and nothing may be left behind."""
    path = write_config(disk.path, {})
    before = path.read_bytes()
    # Enough to need another page of memory.
    devices = [NewDevice(f"A4:C1:38:00:01:{number:02X}", f"sensor {number}") for number in range(200)]
    disk.fail(fault)
    with pytest.raises(ConfigError, match=re.escape(f"can't be written ({os.strerror(CAUSES[fault])})")):
        add_devices(str(path), devices)
    after, names = path.read_bytes(), {one.name for one in disk.path.iterdir()} - {"ballast"}
    disk.recover()
    add_devices(str(path), devices)

    assert (before, {"config.yaml"}) == (after, names)
    assert 202 == len(yaml.safe_load(path.read_text())["devices"])


class Program:
    """The running program, and requests to it."""

    def __init__(self, port: int) -> None:
        self._port = port

    def scrape(self) -> dict[str, float]:
        """Return the exporter's own samples without labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=PATIENCE_S) as answer:
            found = re.findall(r"^ble_exporter_(\w+) (\S+)$", answer.read().decode(), re.MULTILINE)
        return {name: float(value) for name, value in found}

    def reload(self) -> None:
        """Reload the configuration, which writes a line to the log."""
        urllib.request.urlopen(f"http://127.0.0.1:{self._port}/-/reload", data=b"", timeout=PATIENCE_S).close()

    def wait_for(self, name: str, least: float) -> None:
        """Scrape until a sample has at least this value."""
        while self.scrape()[name] < least:
            pass


@pytest.mark.night
@pytest.mark.program
@pytest.mark.parametrize("fault", [*CAUSES, "size limit", "folder removed"])
def test_readings_go_on_and_the_log_comes_back(fault: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A full disk may cost log lines, but no reading and no scrape; the log must come back without a restart."""
    disk = request.getfixturevalue("disk") if fault in CAUSES else None
    folder = disk.path if disk else tmp_path
    packets = [seal_temperature(20 + counter % 7, counter) for counter in range(50_000, 50_400)]
    air = tmp_path / "air.capture"
    air.write_text("".join(f"{at / 10} {ADDRESS} -60 {UUID} {one.hex()}\n" for at, one in enumerate(packets)))
    config = write_config(folder, {"devices": {ADDRESS: {"name": "cellar", "bindkey": KEY.hex()}}})
    port = yaml.safe_load(config.read_text())["listen_port"]
    options = ["--config", str(config), "--replay", str(air), "--web.enable-lifecycle"]
    state = folder / "state"
    state.mkdir()
    with running(*options, STATE_DIRECTORY=str(state)) as process:
        program = Program(port)
        while True:
            with suppress(OSError):
                program.wait_for("advertisements_decoded_total", 3)
                break
        if fault == "size limit":
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
        elif fault == "folder removed":
            shutil.rmtree(folder / "logs")
        elif disk:
            # The program closes a log that it can't write, and only then can the disk become read-only.
            disk.fail("full")
            while program.scrape()["log_lines_lost_total"] < 2:
                # There may be room for some lines in the last block of the file.
                program.reload()
            disk.fail(fault)
        program.reload()
        during = program.scrape()
        program.wait_for("advertisements_decoded_total", during["advertisements_decoded_total"] + 1)
        if fault == "size limit":
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        elif disk:
            disk.recover()
        program.reload()
        after = program.scrape()
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=PATIENCE_S)
    log = (folder / "logs" / "x.log").read_text()

    assert (0, 1) == (process.returncode, after["log_writable"])
    assert (folder / "state" / FILE_NAME).exists()
    assert "reloaded the configuration: 1 device" in log
    if fault != "folder removed":
        assert (0, after["log_lines_lost_total"]) == (during["log_writable"], during["log_lines_lost_total"])
        assert re.search(rf"could not be written .*: {during['log_lines_lost_total']:g} lines? lost", log)
        assert 1 == len(told.splitlines())
