"""Counts and logs the errors of the HTTP server's clients, and the server's own exceptions."""

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePath

from ble_exporter.errors import HttpErrorKind
from ble_exporter.exporter.log_limit import LogLimit
from ble_exporter.utils import one_line

_TEXTS: Mapping[HttpErrorKind, str] = {
    "bad_request": "a request was not understood",
    "too_large": "a request was too large, or had a body",
    "foreign_host": "a request had a foreign Host",
    "request_timeout": "a client did not send its request in time",
    "answer_timeout": "a client did not take its answer in time",
    "too_many_connections": "a waiting connection was closed in favour of a new one",
    "too_many_answers": "an answer was refused or cut off, because there were too many",
    "tls": "a TLS connection could not be set up",
    "unauthorized": "a request had a wrong user name or password",
    "too_many_passwords": "a request was refused, because too many passwords were waiting to be checked",
    "internal": "an error occurred in the HTTP server",
}


class HttpErrors:
    """
    The errors of the HTTP server: each is counted, and at most one of each kind is logged every ten minutes.

    Args:
        log: Receives one line for each logged error.
        counts: The counters of the errors.
        limit: Decides which errors are logged.
    """

    def __init__(
        self,
        log: logging.Logger | None = None,
        counts: Counter[HttpErrorKind] | None = None,
        limit: LogLimit | None = None,
    ) -> None:
        self._log = log or logging.getLogger(__name__)
        self._counts: Counter[HttpErrorKind] = Counter() if counts is None else counts
        self._limit = limit or LogLimit()

    def note(self, kind: HttpErrorKind, detail: object = "") -> None:
        """Count an error; `detail` is an exception or a text, which may contain anything that a client has sent."""
        self._counts[kind] += 1
        text = describe(detail) if isinstance(detail, BaseException) else one_line(detail)
        line = self._limit.line(kind, f"{_TEXTS[kind]}: {text}" if text else _TEXTS[kind])
        if line is not None:
            self._log.log(logging.ERROR if kind == "internal" else logging.WARNING, "%s", line)


def describe(error: BaseException) -> str:
    """Return an exception as one line: type, text, and the place that raised it."""
    traceback, place = error.__traceback__, ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        place = f", in {PurePath(code.co_filename).name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return f"{type(error).__name__}: {one_line(error)}{place}"
