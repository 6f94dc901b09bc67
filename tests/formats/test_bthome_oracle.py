"""
Our decoder against bthome-ble, the decoder of Home Assistant: two readings of one specification.

bthome-ble needs Python 3.11; on 3.10 this file is skipped. The intended differences are in INTENDED, and there are no
others.
"""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ble_exporter.formats import bthome
from ble_exporter.formats.bthome_objects import OBJECTS

bthome_ble = pytest.importorskip("bthome_ble", reason="bthome-ble needs Python 3.11 or newer")

# Object id to what bthome-ble's value is of ours.
INTENDED = {
    0x07: 1 / 0.45359237,  # it keeps pounds; we give kilograms
    0x40: 1000,  # it keeps millimetres; we give metres
    0x48: 1000,  # it keeps millilitres; we give litres
}
# It rounds the one object with a factor of 0.35 to one decimal; all others it rounds where their factor ends.
TOLERANCE = {0x58: 0.0501}


def oracle(payload: bytes) -> list[float]:
    """Return the numbers that bthome-ble finds in a payload."""
    service_info: Any = SimpleNamespace(
        name="x",
        address="A4:C1:38:00:00:01",
        rssi=-60,
        manufacturer_data={},
        service_data={bthome.UUID: payload},
        service_uuids=[],
        source="",
        time=0.0,
    )
    logging.getLogger("bthome_ble").setLevel(logging.CRITICAL)
    update = bthome_ble.BTHomeBluetoothDeviceData().update(service_info)
    values = {**update.entity_values, **update.binary_entity_values}
    return [
        float(value.native_value)
        for key, value in values.items()
        if key.key != "signal_strength" and value.native_value is not None
    ]


@given(object_id=st.sampled_from(sorted(OBJECTS)), data=st.data())
@settings(max_examples=500, deadline=None)
def test_each_object_has_the_oracle_s_value(object_id: int, data: st.DataObject) -> None:
    """A sign, a length or a factor that only we read so is most likely wrong."""
    number = OBJECTS[object_id]
    # bthome-ble and we read a binary sensor that is neither 0 nor 1 as 1; the specification has no such value.
    is_binary = number.unit == "" and number.size == 1 and 0x0F <= object_id <= 0x2D
    raw = st.sampled_from([b"\x00", b"\x01"]) if is_binary else st.binary(min_size=number.size, max_size=number.size)
    payload = bytes([0x40, object_id]) + data.draw(raw)

    ours = list(bthome.decode(payload).measurements.values())

    expected = [value * INTENDED.get(object_id, 1) for value in ours]
    assert expected == pytest.approx(oracle(payload), abs=TOLERANCE.get(object_id, 1e-9), rel=1e-9)


@given(st.lists(st.sampled_from([0x01, 0x02, 0x03, 0x0C, 0x10, 0x11]), unique=True, max_size=6), st.data())
@settings(deadline=None)
def test_a_whole_packet_has_the_oracle_s_values(object_ids: list[int], data: st.DataObject) -> None:
    """The objects that the real firmware sends, in any number and order."""
    payload = bytearray([0x40])
    for object_id in object_ids:
        size = OBJECTS[object_id].size
        payload += bytes([object_id]) + data.draw(st.binary(min_size=size, max_size=size))

    assert sorted(bthome.decode(bytes(payload)).measurements.values()) == pytest.approx(sorted(oracle(bytes(payload))))
