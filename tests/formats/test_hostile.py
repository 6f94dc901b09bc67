"""Hostile input: any bytes, from any address, with and without a key, to every format."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.clock import Clock
from ble_exporter.device.series import MOST_SERIES
from ble_exporter.errors import DecodeError
from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.ccm import Ccm
from ble_exporter.formats.registry import FORMATS
from ble_exporter.metrics.readings import Readings
from ble_exporter.model import Reading
from tests.formats.corpus import Input, from_bytes, keep, kept
from tests.formats.invariants import TARGETS, decoded_or_rejected, opened_or_rejected, read_or_rejected
from tests.formats.sealing import (
    ADDRESS,
    KEY,
    PRINTED,
    REVERSED,
    SEALS,
    VECTOR_FILES,
    seal_atc,
    seal_mibeacon,
    seal_v1,
    seal_v2,
)
from tests.home import samples_of

ADDRESSES = st.one_of(
    st.just(ADDRESS), st.text(max_size=20), st.from_regex(r"([0-9A-F]{2}:){5}[0-9A-F]{2}", fullmatch=True)
)
CIPHERS = st.sampled_from([None, Ccm(KEY)])
# Random bytes almost never begin with the sender's address, or with a valid frame control.
BEGINNINGS = st.sampled_from([b"", PRINTED, REVERSED, b"\x40", b"\x41", bytes.fromhex("50585b0501") + REVERSED])
PAYLOADS = st.builds(bytes.__add__, BEGINNINGS, st.binary(max_size=300))
# If a packet took a second to decode, anybody with a transmitter could keep the program busy. The slowest packet takes
# a thousandth of a second; the limit allows for a loaded machine.
LONGEST_S = 0.1


@pytest.mark.parametrize("uuid", FORMATS)
@given(payload=PAYLOADS, address=ADDRESSES, cipher=CIPHERS)
def test_any_bytes_give_values_or_a_decode_error(uuid: str, payload: bytes, address: str, cipher: Ccm | None) -> None:
    """Any other exception would end the scan, and the program with it."""
    decoded_or_rejected(uuid, payload, address, cipher)


@pytest.mark.parametrize(("uuid", "seal"), SEALS)
@given(
    plaintext=st.one_of(st.binary(max_size=240), st.binary(min_size=6, max_size=6), st.binary(min_size=3, max_size=3))
)
def test_anything_that_was_encrypted_gives_values_or_a_decode_error(
    uuid: str, seal: Callable[[bytes], bytes], plaintext: bytes
) -> None:
    """An authentic packet may still be invalid, and its plaintext must not appear in an error."""
    opened_or_rejected(uuid, seal, plaintext)


@given(
    service_data=st.dictionaries(st.sampled_from([*FORMATS, "another"]), PAYLOADS, max_size=len(FORMATS)),
    address=ADDRESSES,
    cipher=CIPHERS,
)
def test_any_advertisement_gives_a_reading_that_a_device_stores(
    service_data: dict[str, bytes], address: str, cipher: Ccm | None
) -> None:
    """A hostile advertisement, even in several formats, must not raise an error in the device."""
    device, reading = read_or_rejected(service_data, address, cipher)
    shown = samples_of(Readings([device], Clock(lambda: 0.0)))

    assert not shown if isinstance(reading, DecodeError) else len(reading.measurements) < len(shown)


@pytest.mark.parametrize("one", kept(), ids=str)
def test_the_inputs_kept_from_the_fuzzer_still_pass(one: Input) -> None:
    """These inputs took new paths through the decoders, or crashed them; this test needs no fuzzer."""
    one.check()


@pytest.mark.parametrize("one", [Input("atc+key", b"\x01\xff"), Input("bthome", b"")], ids=str)
def test_what_the_fuzzer_finds_can_be_kept(one: Input, tmp_path: Path) -> None:
    """A developer copies a failing input from the fuzzer to the file, and it must stay the same input."""
    path = tmp_path / "corpus" / "formats.txt"
    keep([from_bytes(one.to_bytes())], path)

    assert [one] == kept(path)


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_of_the_fuzzer_has_kept_inputs(target: str) -> None:
    """Without a kept input, a target may never have been fuzzed."""
    assert target in {one.target for one in kept()}


MOST_OBJECTS = {
    bthome.UUID: b"\x40" + b"\x57\x01" * 127,
    bthome_v1.UUID: b"\x22\x02\x01" * 85,
    bthome_v1.UUID_ENCRYPTED: seal_v1(b"\x22\x02\x01" * 82),
    mibeacon.UUID: seal_mibeacon(b"\x04\x10\x02\x0a\x00" * 47),
    atc.UUID: REVERSED + bytes.fromhex("6c07fa13d60a52090f"),
}


@pytest.mark.parametrize("uuid", FORMATS)
def test_the_payload_with_the_most_objects_is_decoded_in_time(uuid: str) -> None:
    """If decoding were slow, one transmitter could keep the program busy."""
    start = time.process_time()
    decoded = FORMATS[uuid].decode(MOST_OBJECTS[uuid], ADDRESS, Ccm(KEY))
    took_s = time.process_time() - start

    assert decoded.measurements
    assert took_s < LONGEST_S


MOST_PLAIN = {
    bthome.UUID: MOST_OBJECTS[bthome.UUID],
    bthome_v1.UUID: MOST_OBJECTS[bthome_v1.UUID],
    atc.UUID: MOST_OBJECTS[atc.UUID],
    mibeacon.UUID: bytes.fromhex("50585b0501") + REVERSED + b"\x04\x10\x02\x0a\x00" * 48,
}
MOST_ENCRYPTED = {
    bthome.UUID: seal_v2(b"\x57\x01" * 123),
    bthome_v1.UUID_ENCRYPTED: MOST_OBJECTS[bthome_v1.UUID_ENCRYPTED],
    atc.UUID: seal_atc(bytes.fromhex("c40913135200")),
    mibeacon.UUID: MOST_OBJECTS[mibeacon.UUID],
}


@pytest.mark.parametrize(
    ("service_data", "cipher", "count"),
    [(MOST_PLAIN, None, 127 + 85 + 1 + 48), (MOST_ENCRYPTED, Ccm(KEY), 123 + 82 + 1 + 47)],
    ids=["plain", "encrypted"],
)
def test_of_the_advertisement_with_the_most_objects_a_device_stores_the_first_64(
    service_data: dict[str, bytes], cipher: Ccm | None, count: int
) -> None:
    """A hostile advertisement may have hundreds of temperatures, each of which would become a series in Prometheus."""
    device, reading = read_or_rejected(service_data, ADDRESS, cipher)
    shown = samples_of(Readings([device], Clock(lambda: 0.0)))

    assert isinstance(reading, Reading)
    read = reading.measurements
    assert count == sum(measurement.name == "temperature" for measurement in read)
    assert len(read) - MOST_SERIES == device.left_out
    assert {f"temperature_{position}" for position in range(2, 60)} <= device.values().keys()
    assert MOST_SERIES == sum(not name.startswith(("seen", "last_update", "rssi")) for name in shown)


def test_the_most_objects_are_those_of_all_formats() -> None:
    """Without a row in the tables above, a new format would not be tested for speed and memory."""
    assert {one.uuid for one in VECTOR_FILES} == MOST_OBJECTS.keys() == MOST_PLAIN.keys() | MOST_ENCRYPTED.keys()
