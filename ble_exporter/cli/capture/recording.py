"""Writes the file of `capture`: selects the events, and limits the size of the file."""

import os
import stat
from collections.abc import Collection

from ble_exporter.errors import ConfigError
from ble_exporter.formats.advertising_reports import advertising_reports
from ble_exporter.scanner.btsnoop import EVENT, Record, header, new_index, record_bytes
from ble_exporter.scanner.report_events import single_reports

MOST_SENDERS = 10_000
"""The number of senders that are counted: anybody can send from any number of addresses."""

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Recording:
    """
    A btsnoop file that is being written.

    Whenever the program ends, the file consists of whole records.

    Args:
        path: The file, which must not exist.
        max_bytes: The size that the file must not exceed.
        only: The addresses (upper case) of the senders that are recorded; None for all.
        overwrites: Whether the file may exist.

    Attributes:
        packets: The number of recorded advertising reports.
        left_out: The number of reports of other senders.
        senders: The addresses of the recorded senders, at most MOST_SENDERS.
        size: The size of the file in bytes.
        end: Why nothing more is recorded: "full", or the reason why the file can't be written; empty while recording.

    Raises:
        ConfigError: The file can't be created.
    """

    def __init__(
        self, path: str, max_bytes: int, only: Collection[str] | None = None, *, overwrites: bool = False
    ) -> None:
        self.packets = self.left_out = self.size = 0
        self.senders: set[str] = set()
        self.end = ""
        self._path = path
        self._max_bytes = max_bytes
        self._only = only
        self._announced: set[int] = set()
        self._file = _create(path, overwrites=overwrites)
        self._write(header())

    def add(self, event: bytes, at_us: int, controller: int) -> None:
        """Record the wanted reports of a controller's event, which was received at `at_us`, in Unix microseconds."""
        reports = advertising_reports(event)[0]
        if self._only is None:
            kept = [event]
        else:
            singles = [(report, one) for report, one in single_reports(event) if report.address in self._only]
            self.left_out += len(reports) - len(singles)
            reports, kept = [report for report, _one in singles], [one for _report, one in singles]
        if not kept or self.end:
            return
        records = [] if controller in self._announced else [new_index(at_us, controller)]
        records += [Record(at_us, controller, EVENT, one) for one in kept]
        if self._write(b"".join(map(record_bytes, records))):
            self._announced.add(controller)
            self.packets += len(reports)
            if len(self.senders) < MOST_SENDERS:
                self.senders.update(report.address for report in reports)

    def close(self) -> None:
        """Close the file; remove it if nothing was recorded."""
        os.close(self._file)
        if not self.packets:
            os.unlink(self._path)  # noqa: PTH108 - it was opened by its name in the same way

    def _write(self, data: bytes) -> bool:
        """Write all of the data or nothing; return whether it was written."""
        if self.size + len(data) > self._max_bytes:
            self.end = "full"
            return False
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            # A full disk may have taken a part.
            os.ftruncate(self._file, self.size)
            self.end = error.strerror or str(error)
            return False
        self.size += len(data)
        return True


def _create(path: str, *, overwrites: bool) -> int:
    """Create a file that only its user can read; return its descriptor. Raises ConfigError."""
    try:
        file = os.open(path, _FLAGS | (0 if overwrites else os.O_EXCL), 0o600)
    except FileExistsError as error:
        raise ConfigError("the file exists", "choose another name, or overwrite it with --force", path=path) from error
    except OSError as error:
        raise ConfigError(f"the file can't be written ({error.strerror})", path=path) from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ConfigError("this is no regular file", "choose another name", path=path)
    os.ftruncate(file, 0)
    return file
