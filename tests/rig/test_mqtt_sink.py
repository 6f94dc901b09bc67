"""Tests of the broker that receives the messages of TheengsGateway."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .guest.mqtt_sink import CONNECT, PINGREQ, PUBLISH, SUBSCRIBE, answer_to, message_in, read_packet


def packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    """Return a control packet, with its length as MQTT encodes it: seven bits in each byte, the lowest first."""
    length, rest = bytearray(), len(body)
    while rest >= 0x80:
        length.append(0x80 | rest & 0x7F)
        rest >>= 7
    return bytes([kind << 4 | flags, *length, rest]) + body


@given(st.integers(1, 14), st.binary(max_size=300), st.binary(max_size=20))
def test_packets_of_any_length_are_read_one_after_the_other(kind: int, body: bytes, other: bytes) -> None:
    """After a length that was read wrongly, every later packet would be misread."""
    stream = io.BytesIO(packet(kind, body) + packet(PINGREQ, other))

    assert [(kind, body), (PINGREQ, other), None] == [read_packet(stream) for _ in range(3)]


@given(st.binary(max_size=40))
def test_any_bytes_are_packets_or_the_end(data: bytes) -> None:
    """An exception would end the broker's thread, and the client would wait for ever."""
    stream = io.BytesIO(data)
    while read := read_packet(stream):
        kind, body = read
        message_in(body)
        answer_to(kind, body)


def test_a_length_of_more_than_a_mebibyte_is_the_end() -> None:
    """A packet can announce 256 MB, which the broker must not allocate."""
    assert None is read_packet(io.BytesIO(b"\x30\xff\xff\xff\x7f"))


def test_a_message_has_its_topic_and_its_payload() -> None:
    """The comparison counts the values in the payload, and ignores the topic."""
    assert ("home/a", b'{"tempc": 1}') == message_in(b"\0\x06home/a" + b'{"tempc": 1}')


@pytest.mark.parametrize(
    ("kind", "answer"),
    [(CONNECT, "20020000"), (SUBSCRIBE, "9003012300"), (PINGREQ, "d000"), (PUBLISH, "")],
    ids=["connect", "subscribe", "ping", "publish"],
)
def test_a_client_gets_the_answers_that_it_waits_for(kind: int, answer: str) -> None:
    """Without its answer, a client publishes nothing."""
    assert answer == answer_to(kind, b"\x01\x23").hex()
