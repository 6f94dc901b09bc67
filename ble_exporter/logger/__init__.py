"""
The log.

`build` sets up the program's logger, with one of the `handlers`; `log_format` has the formats of a line.
"""

from ble_exporter.logger.build import NAME, STANDARD_ERROR, get_logger, log_losses
from ble_exporter.logger.handlers import BACKUPS, MAX_BYTES, LogFile, StandardErrorLog

__all__ = [
    "BACKUPS",
    "MAX_BYTES",
    "NAME",
    "STANDARD_ERROR",
    "LogFile",
    "StandardErrorLog",
    "get_logger",
    "log_losses",
]
