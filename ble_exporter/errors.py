"""
Every error that this program raises on purpose.

A user can fix the cause of an ExporterError: its text is one line that names the place (file and line, key, adapter,
device) and the remedy, and `main` turns it into an exit status. Any other exception is a bug and keeps its traceback.
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
    """
    The configuration, or what it asks of this machine, can't be used.

    Its text is one line: "path:line: devices: device: key: problem; hint", without the parts that are empty.

    Attributes:
        hint: The remedy; empty if the problem implies it.
        path: The file; may be empty.
        line: The line of that file, from 1; None for the file as a whole.
        key: The setting, such as "listen_port" or "bindkey_file"; may be empty.
        device: The address of the configured device; may be empty.
    """

    def __init__(
        self, problem: str, hint: str = "", *, path: str = "", line: int | None = None, key: str = "", device: str = ""
    ) -> None:
        place = path if line is None else f"{path}:{line}"
        parts = (place, f"devices: {device}" if device else "", key, problem)
        super().__init__(": ".join(filter(None, parts)) + (f"; {hint}" if hint else ""))
        self.problem = problem
        self.hint = hint
        self.path = path
        self.line = line
        self.key = key
        self.device = device


class ScannerError(ExporterError):
    """
    Bluetooth is not available, or stopped working.

    Attributes:
        hint: The remedy in words; may be empty.
        command: The shell command that is most likely to help; may be empty.
        adapter: The name of the adapter ("hci0"); empty if the problem concerns no single one.
    """

    def __init__(self, problem: str, hint: str = "", command: str = "", *, adapter: str = "") -> None:
        whose = f"adapter {adapter}: " if adapter else ""
        super().__init__(f"{whose}{problem}{': ' if hint else ''}{hint}")
        self.problem = problem
        self.hint = hint
        self.command = command
        self.adapter = adapter


class DecodeError(ExporterError, ValueError):
    """
    An advertisement that can't be turned into values.

    Its text never shows decrypted content, which is a secret: errors end up in logs.

    Args:
        reason: By which it is counted.
        detail: What is wrong, in words.
        offset: Of the first byte that is wrong.
        size: How many bytes are wrong; 0 where no byte is.
        in_plaintext: Whether the offset is one of the decrypted content; then `detail` is not part of the text.
        payload: The whole payload, which the text then ends with.
    """

    def __init__(
        self,
        reason: RejectReason,
        detail: str,
        offset: int = 0,
        size: int = 0,
        *,
        in_plaintext: bool = False,
        payload: bytes = b"",
    ) -> None:
        text = f"the decrypted content is rejected as {reason}" if in_plaintext else detail
        super().__init__(f"{text}: {payload.hex()}" if payload else text)
        self.reason: RejectReason = reason
        self.detail = detail
        self.offset = offset
        self.size = size
        self.in_plaintext = in_plaintext
