"""Fields: every format checks room and size before it reads a field."""

import pytest

from ble_exporter.errors import DecodeError
from ble_exporter.formats.field import MAX_SIZE, check_room, check_size


@pytest.mark.parametrize(("size", "reason"), [(0, "truncated"), (MAX_SIZE + 1, "too_long")])
def test_a_payload_that_no_advertisement_holds_is_rejected(size: int, reason: str) -> None:
    """No radio can receive more than 255 bytes, the limit of a one-byte length; empty service data has no value."""
    with pytest.raises(DecodeError) as caught:
        check_size(bytes(size))

    assert (reason, 0, max(size, 1)) == (caught.value.reason, caught.value.offset, caught.value.size)


@pytest.mark.parametrize("size", [1, MAX_SIZE])
def test_a_payload_of_any_other_size_may_be_valid(size: int) -> None:
    """Extended advertisements have more room than the 31 bytes of legacy ones, and must not be rejected."""
    check_size(bytes(size))


def test_an_object_that_is_complete_has_an_end() -> None:
    """The decoder reads the next object from the returned position."""
    assert 6 == check_room(bytes(6), 2, 1, 3, "the object")


@pytest.mark.parametrize(
    ("payload_size", "size", "text"),
    [
        (5, 3, "the object at byte 2 needs 3 bytes, but only 2 are left"),
        (4, 2, "the object at byte 2 needs 2 bytes, but only 1 is left"),
        (3, 1, "the object at byte 2 needs 1 byte, but none is left"),
        (2, 1, "the object at byte 2 needs 1 byte, but none is left"),
    ],
)
def test_an_object_that_is_cut_short_says_what_is_missing(payload_size: int, size: int, text: str) -> None:
    """Firmware authors count bytes, so they need the position of the error."""
    with pytest.raises(DecodeError) as caught:
        check_room(bytes(payload_size), 2, 1, size, "the object")

    assert ("truncated", text) == (caught.value.reason, str(caught.value))
    assert (2, max(payload_size - 2, 1)) == (caught.value.offset, caught.value.size)
