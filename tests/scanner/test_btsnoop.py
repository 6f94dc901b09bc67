"""Tests of the btsnoop format."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.scanner.btsnoop import EVENT, BtsnoopError, Record, header, new_index, record_bytes, records
from tests.conftest import vectors

VECTORS = vectors("btsnoop.json")
HEADER = header()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["why"])
def test_files_of_other_programs(vector: dict[str, Any]) -> None:
    """The files of btmon, Android and hcidump mark events in different fields, and each file must be readable."""
    read = [[one.at_us, one.controller, one.opcode, one.packet.hex()] for one in records(bytes.fromhex(vector["file"]))]

    assert json.dumps(vector["records"]) == json.dumps(read)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "the header is cut short: the file has 0 bytes, and the header 16"),
        (b"0.0        A4:C1:38", "byte 0: this is not a btsnoop file"),
        (HEADER[:11] + b"\2" + HEADER[12:], "byte 8: the version is 2, and only version 1 is known"),
        (HEADER[:12] + bytes(4), "byte 12: the datalink is 0; 1001, 1002, 2001 are known"),
        (HEADER + bytes(23), "byte 16: the last record is cut short; the bytes before it form a valid file"),
        (HEADER + bytes(24) + b"\0", "byte 40: the last record is cut short; the bytes before it form a valid file"),
        (
            HEADER + bytes([0, 0, 0, 1, 0, 0, 0, 2]) + bytes(18),
            "byte 16: the included length, 2, is greater than the original length, 1",
        ),
        (
            HEADER + b"\xff" * 8 + bytes(18),
            (
                "byte 16: the last record is cut short (packet bytes: 2 of 4294967295); "
                "the bytes before it form a valid file"
            ),
        ),
    ],
)
def test_a_fault_is_named_with_its_offset(data: bytes, text: str) -> None:
    """A full disk may cut a file short; the offset helps the user to save the valid part."""
    with pytest.raises(BtsnoopError) as caught:
        list(records(data))

    assert text == str(caught.value)


@given(
    st.lists(
        st.builds(
            Record,
            st.integers(-62_167_219_200_000_000, 2**60),
            st.integers(0, 0xFFFF),
            st.integers(0, 0xFFFF),
            st.binary(max_size=300),
        )
    )
)
def test_what_was_written_is_read(written: list[Record]) -> None:
    """A record must be read back unchanged, with any time and any controller."""
    assert written == list(records(HEADER + b"".join(map(record_bytes, written))))


@given(
    st.binary(max_size=200), st.sampled_from([b"", HEADER, HEADER[:12] + b"\0\0\3\xe9", HEADER[:12] + b"\0\0\3\xea"])
)
def test_any_bytes_give_records_or_the_one_error(data: bytes, beginning: bytes) -> None:
    """A capture from the internet must neither end the program with a traceback, nor give more bytes than it has."""
    try:
        found = list(records(beginning + data))
    except BtsnoopError:
        return
    assert sum(24 + len(one.packet) for one in found) <= len(beginning + data)


@pytest.mark.parametrize("at_us", [-(10**21), 10**21])
def test_a_time_that_does_not_fit_is_moved(at_us: int) -> None:
    """A text capture may contain any time, and converting the capture must not fail."""
    assert 1 == len(list(records(HEADER + record_bytes(Record(at_us, 0, EVENT, b"")))))


def test_a_controller_is_announced_without_its_address() -> None:
    """Btmon shows the name of an announced controller; the controller's address would identify the user's machine."""
    assert Record(5, 1, 0, bytes.fromhex("00ff000000000000") + b"hci1\0\0\0\0") == new_index(5, 1)
