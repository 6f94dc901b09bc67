"""
The errors that this program raises on purpose.

The text of an ExporterError is for the user: one line (ConfigErrors: one for each error) that names the place (file and
line, key, adapter, device) and, where possible, gives a hint. `main` turns the error into an exit status. Any other
exception that ends the program is a bug, and is reported with its traceback.
"""

from collections.abc import Sequence
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
    "wrong_address_type",
    "wrong_key",
    "wrong_version",
]
"""Why an advertisement of a configured device was rejected. The reasons are few, because each is a label value."""

REJECT_REASONS: tuple[RejectReason, ...] = get_args(RejectReason)

UNRELATED: frozenset[RejectReason] = frozenset({"no_service_data", "wrong_address_type"})
"""Reasons that say nothing about a sensor's readings: the packet has no service data, or comes from another sender."""

HttpErrorKind = Literal[
    "answer_timeout",
    "bad_request",
    "foreign_host",
    "internal",
    "request_timeout",
    "too_large",
    "tls",
    "too_many_answers",
    "too_many_connections",
    "too_many_passwords",
    "unauthorized",
]
"""Why a request or a connection failed. The kinds are few, because each is a label value."""

HTTP_ERROR_KINDS: tuple[HttpErrorKind, ...] = get_args(HttpErrorKind)

LossReason = Literal["buffer_full", "invalid"]
"""Why a Bluetooth event was lost: the kernel's buffer was full, or the controller sent an invalid event."""

LOSS_REASONS: tuple[LossReason, ...] = get_args(LossReason)

ResetOutcome = Literal["heard", "silent", "failed"]
"""The outcome of an adapter's reset: something was heard again, nothing was heard, or the power cycle failed."""

RESET_OUTCOMES: tuple[ResetOutcome, ...] = get_args(ResetOutcome)

Symptom = Literal["", "silent", "rejected", "not_stopped", "left_off", "blocked"]
"""
The sign that the adapter itself is the cause of a Bluetooth failure; empty if there is none.

The signs are that nothing was heard for too long, that a scan was rejected or could not be stopped, that a reset has
left the adapter off, or that rfkill blocks the adapter.
"""


class ExporterError(Exception):
    """The base class of this program's errors."""


class ConfigError(ExporterError, ValueError):
    """
    The configuration is invalid, or can't be applied on this machine.

    The text is one line: "path:line: devices: device: key: problem; hint", without the empty parts.

    Attributes:
        problem: The fault, in words.
        hint: What the user can do about the problem; empty if that is obvious.
        path: The file that contains the error; may be empty.
        line: The line in that file, from 1; None for the file as a whole.
        column: The column in that line, from 1; 0 if unknown. It is not part of the text.
        key: The setting, such as "listen_port" or "bindkey_file"; may be empty.
        device: The address of the configured device; may be empty.
    """

    def __init__(
        self,
        problem: str,
        hint: str = "",
        *,
        path: str = "",
        line: int | None = None,
        column: int = 0,
        key: str = "",
        device: str = "",
    ) -> None:
        place = path if line is None else f"{path}:{line}"
        parts = (place, f"devices: {device}" if device else "", key, problem)
        super().__init__(": ".join(filter(None, parts)) + (f"; {hint}" if hint else ""))
        self.problem = problem
        self.hint = hint
        self.path = path
        self.line = line
        self.column = column
        self.key = key
        self.device = device

    @property
    def parts(self) -> "tuple[ConfigError, ...]":
        """The individual errors; a ConfigError has only itself, ConfigErrors has several."""
        return (self,)


class ConfigErrors(ConfigError):  # noqa: N818 - the plural is intended
    """
    Several errors in one file, in the order of the file. The text has one line for each error.

    `problem`, `hint`, `line` and so on are those of the first error.
    """

    def __init__(self, parts: Sequence[ConfigError]) -> None:
        first = parts[0]
        super().__init__(
            first.problem,
            first.hint,
            path=first.path,
            line=first.line,
            column=first.column,
            key=first.key,
            device=first.device,
        )
        self.args = ("\n".join(map(str, parts)),)
        self._parts = tuple(parts)

    @property
    def parts(self) -> tuple[ConfigError, ...]:
        """The individual errors."""
        return self._parts


class PortError(ConfigError):
    """The HTTP server can't listen on its address and port now, but may be able to later."""


class ScannerError(ExporterError):
    """
    Bluetooth is not available, or has stopped working.

    Attributes:
        problem: The failure, in words.
        hint: What the user can do about the problem; may be empty.
        command: The shell command that is most likely to help; may be empty.
        symptom: The sign that the adapter is the cause of the failure; empty if there is none.
        adapter: The name of the adapter ("hci0"); empty if the problem is not limited to one adapter.
    """

    def __init__(
        self, problem: str, hint: str = "", command: str = "", symptom: Symptom = "", *, adapter: str = ""
    ) -> None:
        whose = f"adapter {adapter}: " if adapter else ""
        super().__init__(f"{whose}{problem}{': ' if hint else ''}{hint}")
        self.problem = problem
        self.hint = hint
        self.command = command
        self.symptom: Symptom = symptom
        self.adapter = adapter


class StreamError(ExporterError):
    """
    Standard input or output is closed or has failed, or standard input is too long.

    The text names the stream and the fault.
    """


class DecodeError(ExporterError, ValueError):
    """
    An advertisement can't be decoded, or is not accepted.

    Errors are logged, so the text never contains decrypted content, which is secret.

    Args:
        reason: The reason under which the error is counted.
        detail: The fault, in words.
        offset: Offset of the first wrong byte.
        size: Number of wrong bytes; 0 if no byte is wrong.
        in_plaintext: Whether the offset is in the decrypted content; if so, the text does not contain `detail`.
        payload: The whole payload; the text ends with its hex digits.
        cause: Distinguishes the causes of one reason, each of which is logged once; may be empty.
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
        cause: str = "",
    ) -> None:
        text = f"the decrypted content is rejected as {reason}" if in_plaintext else detail
        super().__init__(f"{text}: {payload.hex()}" if payload else text)
        self.reason: RejectReason = reason
        self.detail = detail
        self.offset = offset
        self.size = size
        self.in_plaintext = in_plaintext
        self.cause = cause
