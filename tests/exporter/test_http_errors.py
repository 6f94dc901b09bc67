"""The errors of the HTTP server, counted and logged."""

import logging
from collections import Counter
from typing import get_args

import pytest

from ble_exporter.errors import HTTP_ERROR_KINDS, HttpErrorKind
from ble_exporter.exporter.http_errors import HttpErrors, describe


@pytest.mark.parametrize("kind", HTTP_ERROR_KINDS)
def test_each_error_is_counted_and_the_first_is_logged(
    kind: HttpErrorKind, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """The count can trigger an alert, and the log line then shows the cause."""
    counts: Counter[HttpErrorKind] = Counter()
    errors = HttpErrors(log, counts)
    for _ in range(3):
        errors.note(kind, "a detail")

    assert {kind: 3} == counts
    assert [True] == [message.endswith(": a detail") for message in caplog.messages]


def test_every_kind_is_a_label() -> None:
    """Errors of a kind that is missing from the metric would be counted, but never shown."""
    assert set(get_args(HttpErrorKind)) == set(HTTP_ERROR_KINDS)


def test_an_exception_is_one_line_with_its_place(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    """A traceback of 1 kB for each request would let anybody fill the SD card; the place is enough to find the bug."""
    try:
        int("two\nlines \udcff")
    except ValueError as error:
        HttpErrors(log).note("internal", error)

    (record,) = caplog.records
    text = "ValueError: invalid literal for int() with base 10: 'two\\nlines \\udcff', in test_http_errors.py:"
    assert f"an error occurred in the HTTP server: {text}" in record.getMessage()
    assert ("ERROR", None) == (record.levelname, record.exc_info)


def test_an_exception_without_traceback_has_no_place() -> None:
    """Some exceptions are created but never raised, and describing one must not fail."""
    assert "OSError: gone" == describe(OSError("gone"))
