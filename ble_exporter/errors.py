"""
Every error that this program raises on purpose.

An ExporterError is something that its reader can mend: its text is one line that names the thing
(the file and line, the key, the adapter, the device) and the way out. `main` turns it into an exit
code; nothing else does. Whatever is not an ExporterError is a bug and keeps its traceback.
"""

from typing import Literal, get_args

RejectReason = Literal[
    "encrypted",
    "impossible_value",
    "no_known_format",
    "no_service_data",
    "not_encrypted",
    "replayed",
    "reserved_bit",
    "too_long",
    "truncated",
    "wrong_address",
    "wrong_key",
    "wrong_version",
]
"""Why an advertisement of a configured device gave no reading: a small fixed set, a metric label."""

REJECT_REASONS: tuple[RejectReason, ...] = get_args(RejectReason)


class ExporterError(Exception):
    """The base of every error of this program."""


class ConfigError(ExporterError, ValueError):
    """The configuration, or what it asks of this machine, can't be used."""


class ScannerError(ExporterError):
    """Bluetooth is not available, or stopped working."""


class DecodeError(ExporterError, ValueError):
    """
    An advertisement that can't be turned into values.

    Attributes:
        reason: One of REJECT_REASONS, by which it is counted.
    """

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.reason: RejectReason = reason
