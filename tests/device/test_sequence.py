"""Packet ids that wrap around, and late copies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.sequence import LATE_S, LATE_STEPS, is_late_copy, steps_ahead, steps_behind


@pytest.mark.parametrize(
    ("number", "latest", "behind"),
    [(7, 7, 0), (6, 7, 1), (3, 7, 4), (8, 7, 255), (255, 0, 1), (254, 2, 4), (0, 255, 255)],
)
def test_a_number_is_behind_across_the_wrap_around(number: int, latest: int, behind: int) -> None:
    """A packet id is one byte, so 0 follows 255 and must not look like the oldest id."""
    assert behind == steps_behind(number, latest)


@given(st.integers(0, 255), st.integers(0, 255))
def test_the_steps_lead_to_the_latest_id(packet_id: int, latest: int) -> None:
    """With a wrong distance, a new packet would be taken for a late copy, or a late copy for a new packet."""
    behind = steps_behind(packet_id, latest)

    assert 0 <= behind < 256
    assert latest == (packet_id + behind) % 256


@pytest.mark.parametrize(
    ("behind", "age_s", "expected"),
    [
        (0, 0, False),
        (1, 0, True),
        (LATE_STEPS, LATE_S - 0.01, True),
        (LATE_STEPS + 1, 0, False),
        (1, LATE_S, False),
        (255, 0, False),
    ],
)
def test_a_late_copy_is_just_behind_and_soon(behind: int, age_s: float, expected: bool) -> None:
    """An id that is further behind, or comes later, is from a restarted sensor, and must be accepted immediately."""
    assert expected == is_late_copy(behind, age_s)


@pytest.mark.parametrize(
    ("value", "last", "bits", "ahead"),
    [
        (7, 5, 32, 2),
        (5, 7, 32, -2),
        (0, 65_535, 32, 1),
        (1023, 64_512, 32, 2047),
        (1024, 65_535, 32, 1024 - 65_535),
        (0, 64_511, 32, -64_511),
        (2, 65_537, 32, 2 - 65_537),
        (0, (1 << 24) - 1, 32, 1),
        (0, (1 << 32) - 1, 32, 1),
        (3, 254, 8, 5),
        (254, 3, 8, -5),
        (131, 3, 8, -128),
    ],
)
def test_a_counter_may_wrap_at_its_own_width(value: int, last: int, bits: int, ahead: int) -> None:
    """PHY62x2 firmware counts with 16 of 32 bits; a counter far from its end has not wrapped, but restarted."""
    assert ahead == steps_ahead(value, last, bits)


def test_a_late_copy_from_before_a_wrap_is_behind() -> None:
    """Taken for a packet after the wrap, the copy would look like a recording far ahead, and so like an attack."""
    assert [-1, 65_535] == [steps_ahead(65_535, 0, 32, has_wrapped=has_wrapped) for has_wrapped in (True, False)]
