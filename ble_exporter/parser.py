"""
From an advertisement to a reading: the service UUID says which format it is, the format says what it means.

A new format (encrypted BTHome, BTHome v1, pvvx, ATC1441, MiBeacon) is one file in `formats/` and one row here.
"""

from collections.abc import Callable, Mapping

from ble_exporter.errors import DecodeError
from ble_exporter.formats import bthome
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
        DecodeError: Wrong version, encrypted, a reserved bit set, or cut short. (A ValueError.)

    Source: bthome.io/format
    """
    return bthome.decode(payload).measurements


DECODERS: Mapping[str, Callable[[bytes], dict[str, float]]] = {
    bthome.UUID: parse_bthome,
}
"""Service UUID to the function that turns its service data into measurements."""


def decode(advertisement: Advertisement, device: str) -> Reading:
    """
    Decode what an advertisement says about a configured device.

    Args:
        advertisement: What was heard; all its service data of a known format counts.
        device: The device's configured name.

    Raises:
        DecodeError: No service data of a known format, or one that is not sound.
    """
    measurements: dict[str, float] | None = None
    for uuid, payload in advertisement.service_data.items():
        decoder = DECODERS.get(uuid)
        if decoder is not None:
            values = decoder(payload)
            measurements = values if measurements is None else {**measurements, **values}
    if measurements is None:
        raise DecodeError(
            "no_known_format",
            f"no service data of a known format (service UUIDs: {', '.join(advertisement.service_data) or 'none'})",
        )
    return Reading(device, measurements, advertisement.heard_at, advertisement.rssi)
