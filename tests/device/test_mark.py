"""The state of a counter in JSON: every state is read back as it was written, and invalid entries are refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.mark import Mark, entry_of, mark_of, member, number

seconds = st.floats(0, 1e9)
digests = st.lists(st.binary(min_size=4, max_size=4), max_size=5).map(tuple)
marks = st.builds(
    Mark,
    uuid=st.text(min_size=1, max_size=5),
    bits=st.just(32),
    last=st.integers(0, 2**32 - 1),
    held_s=seconds,
    heard_s=seconds,
    off_s=seconds,
    step_s=st.none() | st.floats(0.001, 1e6),
    before=st.none() | st.tuples(st.integers(0, 2**32 - 1), seconds),
    has_restarted=st.booleans(),
    digests=digests,
    spent=digests,
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(Mark._fields), inner, max_size=11),
    max_leaves=12,
)


@given(marks)
def test_what_is_written_is_read(mark: Mark) -> None:
    """If part of a counter's state were lost at a restart of the program, a replay could be accepted afterwards."""
    assert mark == mark_of(json.loads(json.dumps(entry_of(mark))))


def test_an_ordinary_sensor_takes_little_room() -> None:
    """The file is written to an SD card every few minutes, so its size determines how fast the card wears out."""
    mark = Mark("0000fcd2-0000-1000-8000-00805f9b34fb", 32, 50_049, 0.31, 0.31, step_s=10.0)

    assert len(json.dumps(entry_of(mark))) < 160


VALID = json.loads(
    json.dumps(entry_of(Mark("fcd2", 32, 5, 1.0, 1.0, 1.0, 10.0, (4, 1.0), True, (b"abcd",), (b"efgh",))))
)


def test_the_entry_that_is_damaged_below_is_valid() -> None:
    """If this entry were invalid, the tests of damaged entries would prove nothing."""
    assert (5, (4, 1.0), (b"abcd",)) == (mark_of(VALID).last, mark_of(VALID).before, mark_of(VALID).digests)


@given(st.sampled_from(sorted(VALID)), anything)
def test_a_damaged_entry_is_a_value_error(name: str, value: object) -> None:
    """Damage must be noticed when the file is read, and not through a crash at the first packet."""
    try:
        mark = mark_of({**VALID, name: value})
    except ValueError:
        return
    assert isinstance(mark, Mark)
    assert 0 <= mark.last < 2**mark.bits
    assert mark.held_s >= 0


@pytest.mark.parametrize(
    "damage",
    [
        {"last": 1 << 32},
        {"last": -1},
        {"last": True},
        {"last": 5.0},
        {"bits": 0},
        {"bits": 1000},
        {"uuid": None},
        {"held_s": float("nan")},
        {"heard_s": float("inf")},
        {"heard_s": -1},
        {"heard_s": 10**400},
        {"held_s": "1"},
        {"before": [1, "x"]},
        {"has_restarted": 1},
        {"spent": "no base64!"},
    ],
    ids=str,
)
def test_an_impossible_member_is_refused(damage: dict[str, object]) -> None:
    """An impossible counter, for example, would lock the sensor out."""
    with pytest.raises(ValueError, match=r"is missing|is not a counter|[Bb]ase64|padding|alphabet"):
        mark_of({**VALID, **damage})


@pytest.mark.parametrize("entry", [None, [], "x", 5, {}])
def test_what_is_no_object_has_no_members(entry: object) -> None:
    """The file may contain any JSON, and a wrong type must cause a clear error."""
    with pytest.raises(ValueError, match="'version' is missing, or is not of type int"):
        member(entry, "version", int)
    with pytest.raises(ValueError, match="'saved' is missing, or is not a number of seconds"):
        number(entry, "saved")


def test_the_digests_can_be_left_out() -> None:
    """Digests take kilobytes; if the file becomes too large, the counters must still be kept."""
    assert "digests" not in entry_of(mark_of(VALID).without_digests())
    assert "spent" not in entry_of(mark_of(VALID).without_digests())
