"""The formats of a log line: text for people, logfmt and JSON for programs."""

import json
import logging
import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from ble_exporter.errors import ExporterError
from ble_exporter.utils import one_line

LogFormat = Literal["text", "logfmt", "json"]

FIELDS = ("device", "address", "adapter", "reason")
"""The fields of a line in logfmt and JSON, besides time, level and message; log calls pass them in `extra`."""

_WORD = re.compile(r"[\w.:+/-]+", re.ASCII)
_quoted = json.JSONEncoder(ensure_ascii=False).encode


class _LineFormatter(logging.Formatter):
    """
    Formats a record as its time (ISO 8601 with the offset from UTC), level and message.

    Line breaks are escaped, so that no message can forge a log line.
    """

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging's signature
        return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(record.created))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = record.message.replace("\r", "\\r").replace("\n", "\\n")
        return super().formatMessage(record)

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        """Return the record's fields: time, level, message (named as in slog), those in `extra`, and any traceback."""
        time_s = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")
        fields: dict[str, object] = {"time": time_s, "level": record.levelname, "msg": record.getMessage()}
        fields |= {name: str(value) for name in FIELDS if (value := getattr(record, name, None))}
        return fields | ({"error": self.formatException(record.exc_info)} if record.exc_info else {})


class _JsonFormatter(_LineFormatter):
    """Formats a record as a JSON object with its fields."""

    def format(self, record: logging.LogRecord) -> str:
        return _quoted(self.fields(record))


class _LogfmtFormatter(_LineFormatter):
    """Formats a record as logfmt: `name=value` for each field; values other than plain words are quoted as in JSON."""

    def format(self, record: logging.LogRecord) -> str:
        texts = ((name, str(value)) for name, value in self.fields(record).items())
        return " ".join(f"{name}={text if _WORD.fullmatch(text) else _quoted(text)}" for name, text in texts)


_FORMATTERS: Mapping[LogFormat, type[_LineFormatter]] = {
    "text": _LineFormatter,
    "logfmt": _LogfmtFormatter,
    "json": _JsonFormatter,
}


def formatter_of(log_format: LogFormat) -> logging.Formatter:
    """Return the formatter for a log format."""
    return _FORMATTERS[log_format]("%(asctime)s %(levelname)s %(message)s")


def fields_of(error: ExporterError) -> dict[str, str]:
    """Return the fields of a line about an error."""
    return {"adapter": getattr(error, "adapter", ""), "address": getattr(error, "device", "")}


def error_line(log_format: LogFormat, error: ExporterError) -> str:
    """Return a line for standard error about an error; see line_of."""
    return line_of(log_format, logging.ERROR, one_line(error), fields_of(error))


def line_of(log_format: LogFormat, level: int, text: str, fields: Mapping[str, str] | None = None) -> str:
    """
    Return a line for standard error, for a message that can't be logged: the log is not open, or not writable.

    If the log is in logfmt or JSON, a program probably reads standard error, too, so the line has the same format.
    """
    if log_format == "text":
        return f"ble-exporter: {logging.getLevelName(level).lower()}: {text}"
    record = logging.makeLogRecord({"levelno": level, "levelname": logging.getLevelName(level), "msg": text})
    record.__dict__.update(fields or {})
    return formatter_of(log_format).format(record)
