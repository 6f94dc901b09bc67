"""BTHome v2: arbitrary bytes, and random packets in comparison with the fields."""

import random
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.errors import REJECT_REASONS, DecodeError
from ble_exporter.formats import bthome
from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.formats.ccm import Ccm
from ble_exporter.formats.decoded import Decoded
from ble_exporter.formats.values import fold
from tests.formats.packets import packet
from tests.formats.sealing import ADDRESS, KEY

_CIPHER = Ccm(KEY)
# 60,000 packets in `make test-properties`, and 1,800 in the fast tests.
_PACKETS_PER_EXAMPLE = 60


@given(st.binary(max_size=300))
def test_any_bytes_give_values_or_a_decode_error(payload: bytes) -> None:
    """Anybody can send any bytes: the decoder must raise no exception except DecodeError."""
    result: set[object]
    try:
        result = {type(value) for value in bthome.decode(payload).measurements.values()}
    except DecodeError as error:
        result = {error.reason}

    assert result <= {float, *REJECT_REASONS}


@given(st.lists(st.sampled_from(sorted(OBJECTS)), max_size=40), st.data())
def test_no_object_of_a_valid_payload_is_lost(object_ids: list[int], data: st.DataObject) -> None:
    """Repeated names get positions, so there must be as many values as objects."""
    payload = bytearray([0x40])
    for object_id in object_ids:
        size = OBJECTS[object_id].size
        payload += bytes([object_id]) + data.draw(st.binary(min_size=size, max_size=size))

    # The additional text prevents the rejection of a payload with only impossible values.
    decoded = bthome.decode(bytes(payload) + b"\x53\x00")

    assert len(object_ids) == len(decoded.measurements) + len(decoded.impossible)


@given(st.integers(min_value=-27315, max_value=2**15 - 2))
def test_a_temperature_is_the_double_nearest_to_its_two_decimals(raw: int) -> None:
    """20.15 must not print as 20.150000000000002: a factor of 0.01 would get 8,780 values wrong."""
    payload = b"\x40\x02" + raw.to_bytes(2, "little", signed=True)

    assert {"temperature": float(Decimal(raw) / 100)} == bthome.decode(payload).measurements


def _decoded(payload: bytes, cipher: Ccm | None) -> Decoded | str:
    try:
        return bthome.decode(payload, ADDRESS, cipher)
    except DecodeError as error:
        return repr((error.reason, str(error), error.offset, error.size, error.in_plaintext))


def _folded(payload: bytes, cipher: Ccm | None) -> Decoded | str:
    try:
        return fold(bthome.fields, payload, ADDRESS, cipher)
    except DecodeError as error:
        return repr((error.reason, str(error), error.offset, error.size, error.in_plaintext))


@given(seed=st.integers(0, 2**32), cipher=st.sampled_from([None, _CIPHER]))
def test_bthome_is_decoded_as_its_fields_are(seed: int, cipher: Ccm | None) -> None:
    """The decoder has its own loop for speed: its result must agree with the explanation of the `decode` command."""
    rng = random.Random(seed)
    for _ in range(_PACKETS_PER_EXAMPLE):
        payload = packet(rng).payload
        ours, folded = _decoded(payload, cipher), _folded(payload, cipher)

        assert folded == ours, payload.hex()
        # The order of the values, which `==` ignores, must agree, too: a device stores its series in this order.
        assert repr(folded) == repr(ours), payload.hex()
