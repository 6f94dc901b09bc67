"""
From an advertisement to a reading: the service UUID says which format it is, the format says what it means.

A new format is one file in `formats/` and one row in `formats/registry.py`.
"""

from collections.abc import Mapping, Sequence

from ble_exporter.errors import DecodeError
from ble_exporter.formats import bthome
from ble_exporter.formats.decoded import Cipher, Decoded
from ble_exporter.formats.registry import DECODERS, FORMAT_NAMES
from ble_exporter.formats.values import merged
from ble_exporter.model import Advertisement, Reading

__all__ = ["DECODERS", "DecodeError", "decode", "decode_each", "nothing_known", "parse_bthome", "reading_of"]


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
    # A Measurement is a str; mypy's dict does not vary with its keys.
    return bthome.decode(payload).measurements  # type: ignore[return-value]


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
    decoded, refused = decode_each(advertisement, cipher)
    reading = reading_of(advertisement, device, decoded, refused)
    # What only announces itself beside what can't be read is no reading.
    if not decoded or (refused and not reading.measurements and not reading.others):
        raise refused[0] if refused else nothing_known(advertisement)
    return reading


def decode_each(
    advertisement: Advertisement, cipher: Cipher | None = None
) -> tuple[dict[str, Decoded], list[DecodeError]]:
    """
    Decode the service data of every known format, each by itself.

    Returns:
        By service UUID, in the order of the table, what those said that are sound; and the errors of the others.
    """
    decoded: dict[str, Decoded] = {}
    refused: list[DecodeError] = []
    for uuid, decoder in DECODERS.items():
        payload = advertisement.service_data.get(uuid)
        if payload is not None:
            try:
                decoded[uuid] = decoder(payload, advertisement.address, cipher)
            except DecodeError as error:
                # An error that is kept would keep the frames it came through, and they the error.
                refused.append(error.with_traceback(None))
    return decoded, refused


def reading_of(
    advertisement: Advertisement, device: str, decoded: Mapping[str, Decoded], refused: Sequence[DecodeError] = ()
) -> Reading:
    """Return what all formats of one advertisement said together, and the errors of those that were not sound."""
    of_all = list(decoded.values())
    measurements, impossible, others = merged(of_all)
    return Reading(
        device,
        measurements,
        advertisement.heard_at,
        advertisement.rssi,
        unknown_objects=tuple(one.unknown_object for one in of_all if one.unknown_object is not None),
        adapter=advertisement.adapter,
        packet_id=next((packet_id for one in of_all if (packet_id := _packet_id(one)) is not None), None),
        impossible=impossible,
        refused=tuple(refused),
        others=others,
        formats=tuple(FORMAT_NAMES.get((uuid, one.counter is not None), uuid) for uuid, one in decoded.items()),
    )


def nothing_known(advertisement: Advertisement) -> DecodeError:
    """Return the error of an advertisement without service data of a known format."""
    if not advertisement.service_data:
        return DecodeError("no_service_data", "no service data: a name alone, or something else")
    heard = ", ".join(f"{uuid} {data.hex()}" for uuid, data in advertisement.service_data.items())
    return DecodeError("no_known_format", f"no service data of a known format, but {heard}")


def _packet_id(decoded: Decoded) -> int | None:
    """Return the number that the packets of one measurement share; encrypted, they share the counter."""
    if decoded.packet_id is None and decoded.counter is not None:
        return decoded.counter.value % 256
    return decoded.packet_id
