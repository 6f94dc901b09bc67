"""The log: one line per event (time, level, message), in a rotating file or on standard error."""

import errno
import logging
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

from ble_exporter.config.app_config import AppConfig
from ble_exporter.errors import ConfigError

NAME = "ble_exporter"
STANDARD_ERROR = "-"

# A scan every 30 s logs about 0.4 MB a day, so four files hold ten days and take little space on the SD card.
MAX_BYTES = 1_000_000
BACKUPS = 3


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


def get_logger(app_config: AppConfig) -> logging.Logger:
    """
    Return the program's logger with one handler, which writes to the configured log file or to standard error.

    Creates the folder of the log file. Another call replaces the handler. Raises a ConfigError if the log file can't be
    written.
    """
    logger = logging.getLogger(NAME)
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    new_handler = _handler(app_config.log_file)
    new_handler.setFormatter(_LineFormatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(new_handler)
    logger.setLevel(app_config.log_level)
    logger.propagate = False
    return logger


def _handler(log_file: str) -> logging.Handler:
    if log_file == STANDARD_ERROR:
        return logging.StreamHandler()
    path = Path(log_file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8")
    except OSError as error:
        is_read_only = error.errno == errno.EROFS
        hint = "in a systemd unit, add its folder to ReadWritePaths=" if is_read_only else "give this user write access"
        problem = f"{path.absolute()} can't be written ({error.strerror})"
        hint += ', set log_file to another path, or to "-" for standard error'
        raise ConfigError(problem, hint, key="log_file") from error
