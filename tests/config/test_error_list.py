"""The errors of one file: their order, their number, and those that only follow from others."""

import pytest

from ble_exporter.config.error_list import MAX_ERRORS_SHOWN, ErrorList, MissingError, shown
from ble_exporter.errors import ConfigError, ConfigErrors


def raised(errors: ErrorList) -> list[str]:
    """Return the texts of the errors that are raised."""
    with pytest.raises(ConfigError) as caught:
        errors.raise_all()
    return [str(part) for part in caught.value.parts]


def test_errors_are_in_the_order_of_the_file() -> None:
    """A user corrects a file from top to bottom; a missing key has no line, and comes last."""
    errors = ErrorList()
    for error in (
        ConfigError("missing", path="x"),
        ConfigError("c", path="x", line=2, column=9),
        ConfigError("b", path="x", line=2, column=1),
        ConfigError("a", path="x", line=1, column=5),
    ):
        errors.add(error)

    assert ["x:1: a", "x:2: b", "x:2: c", "x: missing"] == raised(errors)


def test_a_single_error_is_raised_as_it_is() -> None:
    """`doctor` reads the line and the key from the error to suggest a command."""
    error = ConfigError("a", path="x")
    errors = ErrorList()
    errors.add(error)

    with pytest.raises(ConfigError) as caught:
        errors.raise_all()
    assert error is caught.value


def test_an_error_is_reported_once() -> None:
    """A value with aliases is read several times, but the user has only one mistake to correct."""
    errors = ErrorList()
    for _ in range(3):
        errors.add(ConfigError("a", path="x", line=1))

    assert ["x:1: a"] == raised(errors)


def test_very_many_errors_are_not_kept() -> None:
    """A file of 2 MB can have a hundred thousand errors, which must not fill the memory."""
    errors = ErrorList()
    for line in range(5000):
        errors.add(ConfigError("a", path="x", line=line + 1))

    assert "x: 980 or more other errors; correct these first" == raised(errors)[-1]
    assert errors.is_full
    assert MAX_ERRORS_SHOWN + 1 == len(raised(errors))


def test_one_further_error_is_counted_in_the_singular() -> None:
    """A message with a wrong plural looks like a bug."""
    errors = ErrorList()
    for line in range(MAX_ERRORS_SHOWN + 1):
        errors.add(ConfigError("a", path="x", line=line + 1))

    assert "x: 1 more error; correct these first" == raised(errors)[-1]


def test_a_block_may_raise_an_error_and_the_next_one_runs() -> None:
    """The user must see the errors of all blocks at once; other exceptions are bugs, and must not be hidden."""
    errors = ErrorList()
    with errors:
        raise ConfigError("a")
    with pytest.raises(ZeroDivisionError), errors:
        raise ZeroDivisionError

    assert ["a"] == raised(errors)


def test_what_may_be_in_an_unreadable_part_is_not_missing() -> None:
    """A user who sees a key in the file would be puzzled if the program called the key missing after a syntax error."""
    errors = ErrorList()
    errors.has_gaps = True
    errors.add(MissingError("mandatory key is missing"))

    assert not errors


def test_a_value_that_can_not_be_read_has_only_one_error() -> None:
    """The value after an unknown tag is not the intended one, so a second error about it would mislead the user."""
    errors = ErrorList()
    errors.add(ConfigError("the tag is not supported", line=1, key="log_file"))
    errors.unreadable.add((1, "", "log_file"))
    errors.add(ConfigError("is not a path", line=1, key="log_file"))

    assert 1 == len(raised(errors))


def test_no_error_is_no_exception() -> None:
    """A valid configuration must be accepted."""
    ErrorList().raise_all()


def test_a_message_is_short_and_hides_bindkeys() -> None:
    """Messages end up in logs and bug reports, and a value may be megabytes long or a bindkey."""
    assert 1001 == len(shown("x" * 1_000_000))
    assert "bindkey …" == shown("bindkey 00112233445566778899aabbccddeeff")


def test_several_errors_are_one_error_with_the_place_of_the_first() -> None:
    """A caller that knows only ConfigError still gets a place, and a text with all errors."""
    errors = ConfigErrors([ConfigError("a", "b", path="x", line=3, key="k"), ConfigError("c", path="x")])

    assert ("a", "b", "x", 3, "k") == (errors.problem, errors.hint, errors.path, errors.line, errors.key)
    assert "x:3: k: a; b\nx: c" == str(errors)
