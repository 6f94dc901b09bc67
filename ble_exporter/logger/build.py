"""The program's logger: one line per event (time, level, message), in a rotating file or on standard error."""

import io
import logging
import sys

from ble_exporter.config.app_config import AppConfig
from ble_exporter.logger.handlers import LogFile, LogHandler, StandardErrorLog
from ble_exporter.logger.log_format import LogFormat, formatter_of, line_of
from ble_exporter.system.streams import Losses

NAME = "ble_exporter"
STANDARD_ERROR = "-"


def get_logger(app_config: AppConfig, log_format: LogFormat = "text") -> logging.Logger:
    """
    Return the program's logger with one handler, which writes to the configured log file or to standard error.

    Creates the folder of the log file. A further call replaces the handler. If the log file can't be written, a warning
    on standard error says so, and the handler keeps trying.
    """
    logger = logging.getLogger(NAME)
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    new_handler = _handler(app_config.log_file, log_format)
    new_handler.setFormatter(formatter_of(log_format))
    logger.addHandler(new_handler)
    logger.setLevel(app_config.log_level)
    logger.propagate = False
    return logger


def log_losses(logger: logging.Logger) -> Losses:
    """Return the losses of the logger's handler, which keeps updating them; without a LogHandler, they stay empty."""
    return next((handler.losses for handler in logger.handlers if isinstance(handler, LogHandler)), Losses())


def _handler(log_file: str, log_format: LogFormat) -> logging.Handler:
    if log_file != STANDARD_ERROR:
        return LogFile(log_file, lambda text: sys.stderr.write(f"{line_of(log_format, logging.WARNING, text)}\n"))
    try:
        return StandardErrorLog(sys.stderr.fileno())
    except io.UnsupportedOperation:
        # The stream exists only in this process, as in a test.
        return logging.StreamHandler()
