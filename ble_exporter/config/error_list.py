"""Collects the errors of one configuration file, so that the user can correct all of them at once."""

import re

from ble_exporter.errors import ConfigError, ConfigErrors
from ble_exporter.utils import number_of, one_line

MAX_ERRORS_SHOWN = 20

# Errors are sorted by line before the first ones are shown, so more are kept than shown.
_MAX_ERRORS = 1000

# Matches a bindkey or a part of a bindkey, which no message shows. A Bluetooth address is too short to match.
_SECRET = re.compile(r"[0-9A-Fa-f]{8,}|(?:[0-9A-Fa-f]{2,}[ :.-]){7,}[0-9A-Fa-f]{2,}")
# A value may be megabytes long.
_MAX_LENGTH = 1000


class MissingError(ConfigError):
    """A required part is missing, unless it is in a line that could not be read."""


class ErrorList:
    """
    The errors of one file, without repetitions. After very many errors, the list is full, and reading ends.

    As a context manager, the list collects a ConfigError raised in the block, and the rest of the file can be read.

    Attributes:
        has_gaps: Whether parts of the file could not be read. Errors about missing things are then not added, because
            the missing things may be in these parts.
        unreadable: Line, device and key of the values that could not be read. Other errors about them are not added.
    """

    def __init__(self) -> None:
        self.has_gaps = False
        self.unreadable: set[tuple[int | None, str, str]] = set()
        self._kept: dict[str, ConfigError] = {}

    def __bool__(self) -> bool:
        return bool(self._kept)

    @property
    def is_full(self) -> bool:
        """Whether further errors are dropped; there is then no point in looking for them."""
        return len(self._kept) >= _MAX_ERRORS

    def __enter__(self) -> None:
        """Begin a part of the file."""

    def __exit__(self, _kind: object, error: object, _traceback: object) -> bool:
        if isinstance(error, ConfigError):
            self.add(error)
        return isinstance(error, ConfigError)

    def add(self, error: ConfigError) -> None:
        """Add an error, unless it is a repetition or may be due to an unreadable part of the file."""
        text = str(error)
        if text in self._kept or (isinstance(error, MissingError) and self.has_gaps):
            return
        if (error.line, error.device, error.key) in self.unreadable:
            return
        if not self.is_full:
            self._kept[text] = error

    def raise_all(self) -> None:
        """Raise the errors in the order of the file, at most a screenful of them; return if there are none."""
        errors = sorted(self._kept.values(), key=lambda error: (error.line is None, error.line or 0, error.column))
        if not errors:
            return
        shown = errors[:MAX_ERRORS_SHOWN]
        if len(errors) > len(shown):
            left = len(errors) - len(shown)
            more = f"{left} or more other errors" if self.is_full else number_of(left, "more error")
            shown.append(ConfigError(more, "correct these first", path=shown[0].path))
        raise shown[0] if len(shown) == 1 else ConfigErrors(shown)


def shown(text: str) -> str:
    """Return a part of a message on one line of limited length, without bindkeys."""
    line = _SECRET.sub("…", one_line(text[: 10 * _MAX_LENGTH]))
    return line if len(line) <= _MAX_LENGTH else f"{line[:_MAX_LENGTH]}…"
