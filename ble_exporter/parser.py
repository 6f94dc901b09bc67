"""
From an advertisement to a reading: the service UUID says which format it is, the format says what it means.

A new format is one file in `formats/` and one row in `formats/services.py`.
"""

from ble_exporter.errors import DecodeError
from ble_exporter.formats import bthome
from ble_exporter.formats.decoded import Cipher, Decoded
from ble_exporter.formats.services import DECODERS
from ble_exporter.formats.values import merged
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
        DecodeError: Wrong version, encrypted, a reserved bit set, cut short, too long, or all values impossible. (A
            ValueError.)

    Source: bthome.io/format
    """
    return bthome.decode(payload).measurements


def decode(advertisement: Advertisement, device: str, cipher: Cipher | None = None) -> Reading:
    """
    Decode what an advertisement says about a configured device.

    Args:
        advertisement: What was heard; all its service data of a known format counts.
        device: The device's configured name.
        cipher: Its key, where it has one.

    Raises:
        DecodeError: No service data of a known format, or none that is sound: then that of the first.
    """
    decoded, refused = _decode_each(advertisement, cipher)
    measurements, impossible = merged(decoded)
    # What only announces itself beside what can't be read is no reading.
    if not decoded or (refused and not measurements):
        raise refused[0] if refused else _nothing_known(advertisement)
    return Reading(
        device,
        measurements,
        advertisement.heard_at,
        advertisement.rssi,
        unknown_objects=tuple(one.unknown_object for one in decoded if one.unknown_object is not None),
        adapter=advertisement.adapter,
        packet_id=next((one.packet_id for one in decoded if one.packet_id is not None), None),
        impossible=impossible,
        refused=tuple(refused),
    )


def _decode_each(advertisement: Advertisement, cipher: Cipher | None) -> tuple[list[Decoded], list[DecodeError]]:
    """Decode the service data of every known format, in the order of the table."""
    decoded: list[Decoded] = []
    refused: list[DecodeError] = []
    for uuid, decoder in DECODERS.items():
        payload = advertisement.service_data.get(uuid)
        if payload is not None:
            try:
                decoded.append(decoder(payload, advertisement.address, cipher))
            except DecodeError as error:
                # An error that is kept would keep the frames it came through, and they the error.
                refused.append(error.with_traceback(None))
    return decoded, refused


def _nothing_known(advertisement: Advertisement) -> DecodeError:
    if not advertisement.service_data:
        return DecodeError("no_service_data", "no service data: a name alone, or something else")
    heard = ", ".join(f"{uuid} {data.hex()}" for uuid, data in advertisement.service_data.items())
    return DecodeError("no_known_format", f"no service data of a known format, but {heard}")
