"""
Writes the log records of libraries, and the messages that Python itself prints, to the program's log.

By default, these records and messages go to standard error, often with a traceback, and would fill systemd's journal.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ble_exporter.exporter.http_errors import describe
from ble_exporter.exporter.log_limit import LogLimit
from ble_exporter.utils import one_line


class _Forwarder(logging.Handler):
    """Forwards each record as one line, but only one of each kind (logger, level, exception type) in ten minutes."""

    def __init__(self, log: logging.Logger, limit: LogLimit) -> None:
        super().__init__()
        self._log = log
        self._limit = limit

    def emit(self, record: logging.LogRecord) -> None:
        # If the program's own log propagates its records, forwarding them would start an endless loop.
        if record.name.partition(".")[0] == self._log.name:
            return
        error = record.exc_info[1] if record.exc_info else None
        kind = f"{record.name} {record.levelname} {type(error).__name__}"
        text = f"{record.name}: {one_line(record.getMessage())}"
        self.forward(record.levelno, kind, text, error)

    def forward(self, level: int, kind: str, text: str, error: BaseException | None) -> None:
        line = self._limit.line(kind, text if error is None else f"{text} ({describe(error)})")
        if line is not None:
            self._log.log(level, "%s", line)

    def unraisable(self, unraisable: "sys.UnraisableHookArgs") -> None:
        """Serve as sys.unraisablehook, which receives exceptions that no caller can catch, such as a destructor's."""
        text = one_line(f"Python: {unraisable.err_msg or 'exception ignored'}")
        self.forward(logging.ERROR, f"Python {unraisable.exc_type.__name__}", text, unraisable.exc_value)


@contextmanager
def forwarded(log: logging.Logger, limit: LogLimit | None = None) -> Iterator[None]:
    """During the block, write foreign warnings and errors to `log`."""
    forwarder = _Forwarder(log, limit or LogLimit())
    root, hook = logging.getLogger(), sys.unraisablehook
    root.addHandler(forwarder)
    logging.captureWarnings(True)
    sys.unraisablehook = forwarder.unraisable
    try:
        yield
    finally:
        sys.unraisablehook = hook
        logging.captureWarnings(False)
        root.removeHandler(forwarder)
