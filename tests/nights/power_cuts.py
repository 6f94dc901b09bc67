"""
Writers that are killed at random moments, as by a power cut: `python -m tests.nights.power_cuts WRITER COUNT FOLDER`.

A process is forked for each cut, writes without a pause, and is killed; then the files are read as the next start of
the program reads them. The result is printed as JSON: the numbers of cuts, of writes and of restored backups, and the
faults.
"""

import json
import logging
import os
import random
import re
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from mmap import mmap
from pathlib import Path

from ble_exporter.config.app_config import load_config
from ble_exporter.config.in_place import write_in_place
from ble_exporter.errors import ConfigError
from ble_exporter.logger import LogFile
from tests.replay_runs import ADDRESS, Run

SEED = 1
LONGEST_S = 0.02
"""The longest time for which a writer writes, in seconds: several writes of each kind."""
FIRST_COUNTER = 50_000
LINE = 300
LOG_BYTES = 3000
"""The size at which the log is rotated here, so that a writer rotates it several times."""

_NUMBER = 8  # bytes


class Writer(ABC):
    """
    The writer of one file, which it writes again and again.

    Attributes:
        restored: The number of times that the content was read from a backup.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.restored = 0
        self._shared = mmap(-1, 2 * _NUMBER)

    @property
    def begun(self) -> int:
        """The number of the latest write that was begun."""
        return int.from_bytes(self._shared[:_NUMBER], "little")

    @property
    def done(self) -> int:
        """The number of the latest write that was finished."""
        return int.from_bytes(self._shared[_NUMBER:], "little")

    def write_on(self, started: int) -> None:
        """Write until killed; close the descriptor `started` before the first write."""
        self.open()
        number = self.begun
        os.close(started)
        while True:
            number += 1
            # Each number is copied at once: struct.pack_into would first write zeros, and a kill could leave them.
            self._shared[:_NUMBER] = number.to_bytes(_NUMBER, "little")
            self.write(number)
            self.hold(number)

    def expected(self) -> set[int]:
        """Return the numbers of the writes whose content the file may have."""
        return {self.begun, self.done}

    def hold(self, number: int) -> None:
        """Note that the file has this content; a killed writer may have written it without noting that in `done`."""
        self._shared[_NUMBER:] = number.to_bytes(_NUMBER, "little")

    @abstractmethod
    def open(self) -> None:
        """Prepare for writing, as a start of the program does."""

    @abstractmethod
    def write(self, number: int) -> None:
        """Write the content with this number."""

    @abstractmethod
    def fault(self) -> str:
        """Return the fault of the files after a cut, or an empty string."""


class State(Writer):
    """The state of the replay guards; its content is a counter."""

    def open(self) -> None:
        """Start the program."""
        self._run = Run(self.folder, logging.getLogger("state"))

    def write(self, number: int) -> None:
        """Hear the next counter, and save the state."""
        assert [True] == self._run.hear(FIRST_COUNTER + number)
        self._run.state.save()

    def fault(self) -> str:
        """Read the file as a start of the program does; a log line that the file can't be used is a fault."""
        said: list[str] = []
        log = logging.Logger("restart")
        log.addHandler(_Collected(said))
        run = Run(self.folder, log)
        marks = run.state.guard(ADDRESS, 0.0).marks(with_digests=False)
        counter = marks[0].last - FIRST_COUNTER if marks else 0
        if said or counter not in self.expected():
            return "; ".join([*said, f"{counter}, not {self.expected()}"])
        self.hold(counter)
        return ""


class Log(Writer):
    """The log, which is rotated every nine lines; its content is numbered lines."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._path = folder / "x.log"
        self._unsure: set[int] = set()

    def open(self) -> None:
        """Open the log."""
        handler = LogFile(str(self._path), sys.exit)
        handler.maxBytes = LOG_BYTES
        self._log = logging.Logger("log")
        self._log.addHandler(handler)

    def write(self, number: int) -> None:
        """Log a line."""
        self._log.info(str(number).ljust(LINE, "."))

    def fault(self) -> str:
        """Return the incomplete lines, and the missing numbers between the first and the last, or an empty string."""
        files = [self._path.with_name(f"x.log.{number}") for number in (3, 2, 1, 0)] + [self._path]
        lines = [line for file in files if file.exists() for line in file.read_text().split("\n") if line]
        found = [int(match[1]) for line in lines if (match := re.fullmatch(r"(\d+)\.+", line))]
        self._unsure |= {self.begun} - {self.done}
        missing = set(range(found[0] if found else 1, self.done + 1)) - set(found) - self._unsure
        broken = [line for line in lines if not re.fullmatch(rf"[\d.]{{{LINE}}}", line)]
        return f"missing {sorted(missing)}, broken {broken}" if missing or broken or found != sorted(found) else ""


class Configuration(Writer):
    """A configuration of varying size, written as by `discover --write`; its content is the name of a sensor."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._path = folder / "config.yaml"

    def open(self) -> None:
        """Copy a backup back if the file is incomplete, and remove the backup; now and then, begin without a file."""
        for backup in self.folder.glob("config.yaml.*"):
            if self._path.read_bytes() not in map(_configuration, self.expected()):
                backup.replace(self._path)
            backup.unlink(missing_ok=True)
        if self.begun % 9 == 0:
            self._path.unlink(missing_ok=True)

    def write(self, number: int) -> None:
        """Write a configuration."""
        old = self._path.read_bytes() if self._path.exists() else b""
        write_in_place(str(self._path), old, _configuration(number), holds_key=True)

    def fault(self) -> str:
        """If the file is incomplete, read the configuration as a start of the program does; return the fault."""
        content = self._path.read_bytes() if self._path.exists() else _configuration(self.done)
        if content in map(_configuration, self.expected()):
            self.hold(next(number for number in self.expected() if _configuration(number) == content))
            return ""
        try:
            config = load_config(str(self._path))
        except ConfigError as error:
            return str(error)
        self.restored += bool(config.backup)
        number = int(next(iter(config.devices.values())).split()[1])
        return "" if config.backup and number in self.expected() else f"{number}, not {self.expected()}"


def _configuration(number: int) -> bytes:
    """Return a configuration of one to three pages of memory, in which a sensor's name has this number."""
    comment = "#" * (number * 997 % 9000)
    return (
        f"# {comment}\nscan_interval_seconds: 30\nscan_duration_seconds: 30\nlisten_port: 8000\n"
        f'devices:\n  "{ADDRESS}": "sensor {number}"\n'
    ).encode()


class _Collected(logging.Handler):
    def __init__(self, texts: list[str]) -> None:
        super().__init__()
        self._texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(record.getMessage())


WRITERS: Mapping[str, Callable[[Path], Writer]] = {"state": State, "log": Log, "configuration": Configuration}


def cut(writer: Writer, seconds: float) -> None:
    """Let a process write for this time, and kill it."""
    is_started, started = os.pipe()
    child = os.fork()
    if not child:
        try:
            writer.write_on(started)
        finally:
            os._exit(3)
    os.close(started)
    os.read(is_started, 1)
    os.close(is_started)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert signal.SIGKILL == os.WTERMSIG(status), f"the writer ended by itself: {status}"


def main(name: str, count: int, folder: Path) -> None:
    """Cut the power `count` times, and print the result."""
    writer = WRITERS[name](folder)
    moments = random.Random(SEED)
    faults = []
    for number in range(count):
        cut(writer, moments.uniform(0, LONGEST_S))
        if fault := writer.fault():
            faults.append(f"cut {number}: {fault}")
    print(json.dumps({"cuts": count, "writes": writer.done, "restored": writer.restored, "faults": faults}))  # noqa: T201 - the result


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
