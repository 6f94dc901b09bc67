"""
Readers, which decode the service data of an advertisement into a reading.

A device's reader is chosen when the device is configured: it depends on whether the device has a key.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ble_exporter.device.device import Reader
from ble_exporter.errors import DecodeError
from ble_exporter.formats import bthome
from ble_exporter.formats.decoded import NOTHING, Cipher, Decoded
from ble_exporter.formats.registry import FORMATS
from ble_exporter.formats.values import merged
from ble_exporter.model import Advertisement, Reading, Remarks

if TYPE_CHECKING:
    from ble_exporter.device.replay import ReplayGuard

__all__ = ["DecodeError", "decode_each", "keyed_reader", "parse_bthome", "plain_reader"]

# Service UUID to decoder, row and formats. If several formats share the UUID, the row names the format of each payload.
# Otherwise, the row is None, and the formats are the value of `Reading.formats`.
_PLAIN = {uuid: (row.decode, row if row.names_by_size else None, (row.name,)) for uuid, row in FORMATS.items()}

# The constructor that NamedTuple generates would take a tenth of the time needed to read an advertisement.
_new = tuple.__new__


def parse_bthome(payload: bytes) -> dict[str, float]:
    """
    Decode the measurements in the service data of one BTHome v2 advertisement.

    Args:
        payload: Service data of UUID 0xFCD2, device-information byte first; 1 to 255 bytes.

    Returns:
        The value of each measurement by name, in the unit of its row in `formats.bthome_objects.OBJECTS` (°C, %, V, …).
        The second value of the same name has the key "name_2". Empty if no object is a known measurement.

    Raises:
        DecodeError: The payload has the wrong version or a reserved bit set, is encrypted, truncated or too long, or
            contains only impossible values. A DecodeError is a ValueError.

    Source: bthome.io/format
    """
    # A Measurement is a str, but the type dict is invariant in its keys.
    return bthome.decode(payload).measurements  # type: ignore[return-value]


def plain_reader(advertisement: Advertisement) -> Reading:
    """
    Read an advertisement of a device that has no key.

    Raises:
        DecodeError: The advertisement has no valid service data of a known format, or has invalid service data beside
            an announcement without values. The error is that of the first invalid service data, if there is any.
    """
    service_data = advertisement.service_data
    if len(service_data) == 1:
        # The usual case avoids merging, which would take half as long as decoding.
        ((uuid, payload),) = service_data.items()
        known = _PLAIN.get(uuid)
        if known is not None:
            decode, shared, formats = known
            measurements, others, packet_id, unknown, _, impossible, is_triggered = decode(
                payload, advertisement.address, None
            )
            remarks = None
            if impossible or unknown is not None:
                remarks = Remarks(() if unknown is None else (unknown,), impossible)
            if shared is not None:
                formats = (shared.names_of(payload)[0],)
            return _new(Reading, (measurements, others, packet_id, formats, remarks, is_triggered))
    decoded, refused = decode_each(advertisement)
    reading = _merged_reading(service_data, decoded, refused)
    # A payload that only announces the sensor does not make up for an invalid one.
    if not decoded or (refused and not reading.measurements and not reading.others):
        raise refused[0] if refused else _nothing_known(advertisement)
    return reading


def keyed_reader(cipher: Cipher, guard: "ReplayGuard") -> Reader:
    """Return the reader of a device that has a key; it accepts only new packets that are encrypted with this key."""
    from ble_exporter.device.replay import DigestingCipher  # noqa: PLC0415 - needed only with a key

    def read(advertisement: Advertisement) -> Reading:
        digesting = DigestingCipher(cipher)
        decoded, refused = decode_each(advertisement, digesting)
        # All payloads must be valid before any is merged, because anybody can add a payload to a genuine packet.
        if refused or not decoded:
            raise refused[0] if refused else _nothing_known(advertisement)
        # A MiBeacon sensor announces itself with unencrypted packets that contain no values.
        decoded = {uuid: one for uuid, one in decoded.items() if one != NOTHING}
        if not decoded:
            raise DecodeError("no_service_data", "only an announcement, without values")
        counters = {uuid: one.counter for uuid, one in decoded.items() if one.counter is not None}
        if len(counters) < len(decoded):
            raise DecodeError("not_encrypted", bytes_of(advertisement))
        has_restarted = guard.admit(counters, digesting.digests, advertisement.adapter, advertisement.age_s)
        return _merged_reading(advertisement.service_data, decoded, has_restarted=has_restarted)

    return read


def decode_each(
    advertisement: Advertisement, cipher: Cipher | None = None
) -> tuple[dict[str, Decoded], list[DecodeError]]:
    """Return the decoded payloads by service UUID, in the order of FORMATS, and the errors of the invalid ones."""
    decoded: dict[str, Decoded] = {}
    refused: list[DecodeError] = []
    for uuid, row in FORMATS.items():
        payload = advertisement.service_data.get(uuid)
        if payload is not None:
            try:
                decoded[uuid] = row.decode(payload, advertisement.address, cipher)
            except DecodeError as error:
                # A traceback refers to this frame, and the frame to the error: such a cycle is not freed immediately.
                refused.append(error.with_traceback(None))
    return decoded, refused


def bytes_of(advertisement: Advertisement) -> str:
    """Return each service UUID with its data as hex digits, for an error or the log."""
    return ", ".join(f"{uuid} {data.hex()}" for uuid, data in advertisement.service_data.items())


def _merged_reading(
    service_data: Mapping[str, bytes],
    decoded: Mapping[str, Decoded],
    refused: Sequence[DecodeError] = (),
    *,
    has_restarted: bool = False,
) -> Reading:
    """Return the reading of all valid payloads of an advertisement, with the errors of the others."""
    payloads = list(decoded.values())
    measurements, impossible, others = merged(payloads)
    unknown_objects = tuple(one.unknown_object for one in payloads if one.unknown_object is not None)
    remarks = Remarks(unknown_objects, impossible, tuple(refused), has_restarted)
    return Reading(
        measurements,
        others,
        next((packet_id for one in payloads if (packet_id := _packet_id(one)) is not None), None),
        tuple(
            FORMATS[uuid].names_of(service_data[uuid])[0] + (", encrypted" if one.counter else "")
            for uuid, one in decoded.items()
        ),
        remarks if any(remarks) else None,
        any(one.is_triggered for one in payloads),
    )


def _packet_id(decoded: Decoded) -> int | None:
    """Return the number that the packets of one transmission share: the packet id, or else the counter's low byte."""
    if decoded.packet_id is None and decoded.counter is not None:
        return decoded.counter.value % 256
    return decoded.packet_id


def _nothing_known(advertisement: Advertisement) -> DecodeError:
    if not advertisement.service_data:
        return DecodeError("no_service_data", "no service data, perhaps only a name")
    return DecodeError("no_known_format", f"no service data of a known format, but {bytes_of(advertisement)}")
