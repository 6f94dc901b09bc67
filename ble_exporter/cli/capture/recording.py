"""Writes the file of `capture`: selects the events, and limits the size of the file."""

import os
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from ble_exporter.errors import ConfigError
from ble_exporter.formats.advertising_reports import advertising_reports
from ble_exporter.scanner.btsnoop import EVENT, Record, header, new_index, record_bytes
from ble_exporter.scanner.report_events import senders_and_rest, single_reports

MOST_SENDERS = 10_000
"""The maximum number of senders that are counted, because anybody can send from any number of addresses."""

_BYTES_OF_AN_ADDRESS = 6


class Recording:
    """
    A btsnoop file that is being written.

    Whenever the program ends, the file consists of whole records. An existing file is replaced only when the new one is
    complete; a part, recorded until a failure, is kept beside it.

    Args:
        path: The file; it must not exist, unless `overwrites` is true.
        max_bytes: The size that the file must not exceed.
        only: The addresses (upper case) of the senders that are recorded; None for all.
        overwrites: Whether to replace an existing file.

    Attributes:
        packets: The number of recorded advertising reports; a damaged event counts as at least one.
        left_out: The number of reports of other senders.
        damaged: The number of events that were left out, wholly or in part, because their senders are uncertain.
        senders: The addresses of the recorded senders; none are added once there are MOST_SENDERS.
        size: The size of the file in bytes.
        end: Why nothing more is recorded: "full", or the reason why the file can't be written; empty while recording.
        kept_as: The name of the file once it is closed; empty before, or if the file was removed.

    Raises:
        ConfigError: The file can't be created.
    """

    def __init__(
        self, path: str, max_bytes: int, only: Collection[str] | None = None, *, overwrites: bool = False
    ) -> None:
        self.packets = self.left_out = self.damaged = self.size = 0
        self.senders: set[str] = set()
        self.end = ""
        self.kept_as = ""
        self._max_bytes = max_bytes
        self._only = only
        self._announced: set[int] = set()
        self._path = path
        self._file, self._written, self._target = _create(path, overwrites=overwrites)
        self._write(header())

    def add(self, event: bytes, at_us: int, controller: int) -> None:
        """Record the wanted reports of a controller's event, which was received at `at_us`, in Unix microseconds."""
        reports, fault = advertising_reports(event)
        packets = max(len(reports), bool(fault))
        senders = {report.address for report in reports}
        if self._only is None or (fault and self._names_only_wanted(event)):
            kept = [event]
        else:
            self.damaged += bool(fault)
            singles = [(report, one) for report, one in single_reports(event) if report.address in self._only]
            self.left_out += len(reports) - len(singles)
            packets, senders = len(singles), {report.address for report, _one in singles}
            kept = [one for _report, one in singles]
        if not kept or self.end:
            return
        records = [] if controller in self._announced else [new_index(at_us, controller)]
        records += [Record(at_us, controller, EVENT, one) for one in kept]
        if self._write(b"".join(map(record_bytes, records))):
            self._announced.add(controller)
            self.packets += packets
            if len(self.senders) < MOST_SENDERS:
                self.senders.update(senders)

    def close(self, *, keeps: bool = True, is_whole: bool = True) -> None:
        """Close the file; remove it if nothing was recorded, or if `keeps` is false. A partial one replaces no file."""
        try:
            if keeps and self.packets:
                is_beside = self._written != self._target
                self.kept_as = str(self._written) if is_beside else self._path
                os.fsync(self._file)
                if is_beside and ((is_whole and self.end in ("", "full")) or not self._target.exists()):
                    self._written.replace(self._target)
                    self.kept_as = self._path
        except OSError as error:
            self.end = error.strerror or str(error)
        finally:
            with suppress(OSError):
                os.close(self._file)
            if not self.kept_as:
                self._written.unlink(missing_ok=True)

    def _names_only_wanted(self, event: bytes) -> bool:
        """Return whether a damaged event can be kept unchanged, because it names only wanted senders."""
        senders, rest = senders_and_rest(event)
        return bool(senders) and senders <= set(self._only or ()) and len(rest) < _BYTES_OF_AN_ADDRESS

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
            # If the disk is full, a part of the data may have been written.
            with suppress(OSError):
                os.ftruncate(self._file, self.size)
            self.end = error.strerror or str(error)
            return False
        self.size += len(data)
        return True


def _create(path: str, *, overwrites: bool) -> tuple[int, Path, Path]:
    """
    Create a file that only its user can read; return its descriptor, its current name and its final name.

    With `overwrites`, the file is created beside the one to be replaced, under a similar name. Raises ConfigError.
    """
    try:
        if not overwrites:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            return os.open(path, flags, 0o600), Path(path), Path(path)
        # A symbolic link stays; the file that it points to is replaced.
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            raise ConfigError("this is not a regular file", "choose another name", path=path)
        file, temporary = tempfile.mkstemp(prefix=f"{target.name}.part-", dir=target.parent)
    except FileExistsError as error:
        raise ConfigError("the file exists", "choose another name, or overwrite it with --force", path=path) from error
    except OSError as error:
        raise ConfigError(f"the file can't be written ({error.strerror})", path=path) from error
    return file, Path(temporary), target
