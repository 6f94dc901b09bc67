"""Tests of the packets between the exporter and the helper."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.monitor_channel.channel import LAST_CONTROLLER
from ble_exporter.monitor_channel.protocol import LONGEST_PACKET, error_in, number_in, packet_of


@given(number=st.integers(0, LAST_CONTROLLER))
def test_a_number_arrives_as_it_was_sent(number: int) -> None:
    """The sensors of one adapter must not appear under another one's name."""
    assert number == number_in(packet_of(number), LAST_CONTROLLER)


@given(packet=st.binary(max_size=2 * LONGEST_PACKET) | st.text("0123456789 +-_\n²", max_size=12).map(str.encode))
def test_any_other_packet_is_no_number(packet: bytes) -> None:
    """The helper has a capability, so it must understand nothing but what the exporter sends."""
    number = number_in(packet, LAST_CONTROLLER)

    is_number = bool(packet) and set(packet) <= set(b"0123456789") and len(packet) <= LONGEST_PACKET
    assert number == (int(packet) if is_number and int(packet) <= LAST_CONTROLLER else None)


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        (b"0", None),
        (b"1", errno.EPERM),
        (b"97", errno.EAFNOSUPPORT),
        (b"", errno.ECONNRESET),
        (b"99999", errno.EPROTO),
        (b"-1", errno.EPROTO),
    ],
)
def test_an_answer_is_an_error_or_none(answer: bytes, number: int | None) -> None:
    """The log must give the helper's reason, and must not take a damaged answer for one."""
    error = error_in(answer)

    assert number == (None if error is None else error.errno)
