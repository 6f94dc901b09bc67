"""
From an advertisement to a reading: the service UUID says which format it is, the format says what it means.

A new format (encrypted BTHome, BTHome v1, pvvx, ATC1441, MiBeacon) is one file in `formats/` and one row here.
"""

from collections.abc import Mapping

from ble_exporter.errors import DecodeError
from ble_exporter.formats import bthome
from ble_exporter.formats.decoded import Cipher, Decoder
from ble_exporter.model import Advertisement, Reading

__all__ = ["DECODERS", "DecodeError", "decode", "parse_bthome"]


def parse_bthome(payload: bytes) -> dict[str, float]:
    """
    Decode the measurements in the service data of one BTHome v2 advertisement.

    Args:
        payload: Service data of UUID 0xFCD2, device-information byte first; 1 to 255 bytes.

    Returns:
        Measurement name to value, in the unit of its row in `formats.bthome.OBJECTS` (°C, %, V, …). The second value
        of one name in the payload is "name_2". Empty if no object is a known measurement.

    Raises:
        DecodeError: Wrong version, encrypted, a reserved bit set, cut short, or too long. (A ValueError.)

    Source: bthome.io/format
    """
    return bthome.decode(payload).measurements


DECODERS: Mapping[str, Decoder] = {
    bthome.UUID: bthome.decode,
}
"""Service UUID to the function that decodes its service data."""


def decode(advertisement: Advertisement, device: str, cipher: Cipher | None = None) -> Reading:
    """
    Decode what an advertisement says about a configured device.

    Args:
        advertisement: What was heard; all its service data of a known format counts.
        device: The device's configured name.
        cipher: Its key, where it has one.

    Raises:
        DecodeError: No service data of a known format, or one that is not sound.
    """
    decoded = [
        decoder(payload, advertisement.address, cipher)
        for uuid, payload in advertisement.service_data.items()
        if (decoder := DECODERS.get(uuid)) is not None
    ]
    if not advertisement.service_data:
        raise DecodeError("no_service_data", "no service data: a name alone, or something else")
    if not decoded:
        heard = ", ".join(f"{uuid} {data.hex()}" for uuid, data in advertisement.service_data.items())
        raise DecodeError("no_known_format", f"no service data of a known format, but {heard}")
    measurements = {name: value for one in decoded for name, value in one.measurements.items()}
    return Reading(
        device,
        measurements,
        advertisement.heard_at,
        advertisement.rssi,
        unknown_objects=tuple(one.unknown_object for one in decoded if one.unknown_object is not None),
        adapter=advertisement.adapter,
        packet_id=next((one.packet_id for one in decoded if one.packet_id is not None), None),
    )
