"""
The table of formats: a new format needs one file in this folder and one row here.

The parser, passive scans, `discover`, `decode` and the documentation's tables use these rows.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.formats.decoded import Decoder, Guess
from ble_exporter.formats.numbers import Number
from ble_exporter.formats.values import Fields


class Format(NamedTuple):
    """
    One format of service data.

    Attributes:
        uuid: Service UUID: 128 bits, lower case.
        name: Name of the format, without "encrypted".
        short_name: Name for narrow columns, as in the table of `discover`.
        decode: Decodes service data of the format.
        fields: Yields the fields of service data of the format.
        numbers: All numbers that the format can contain.
        guess: Returns a guess if service data of unknown UUID may have this format; otherwise None.
        names_by_size: Payload size in bytes to name and short name, for formats that share a UUID.
    """

    uuid: str
    name: str
    short_name: str
    decode: Decoder
    fields: Fields
    numbers: tuple[Number, ...]
    guess: Callable[[bytes], Guess | None]
    names_by_size: Mapping[int, tuple[str, str]] = {}

    @property
    def short_uuid(self) -> str:
        """The 16-bit form of the UUID: four lower-case hex digits."""
        return self.uuid[4:8]

    def names_of(self, payload: bytes) -> tuple[str, str]:
        """Return the name and the short name of a payload's format."""
        return self.names_by_size.get(len(payload), (self.name, self.short_name))


_NUMBERS = tuple(OBJECTS.values())
_ROWS = (
    Format(bthome.UUID, "BTHome v2", "BTHome", bthome.decode, bthome.fields, _NUMBERS, bthome.guess),
    Format(bthome_v1.UUID, "BTHome v1", "BTHome v1", bthome_v1.decode, bthome_v1.fields, _NUMBERS, bthome_v1.guess),
    Format(
        bthome_v1.UUID_ENCRYPTED,
        "BTHome v1",
        "BTHome v1",
        bthome_v1.decode_encrypted,
        bthome_v1.encrypted_payload_fields,
        _NUMBERS,
        bthome_v1.guess_encrypted,
    ),
    Format(atc.UUID, "pvvx or ATC1441", "pvvx", atc.decode, atc.fields, atc.NUMBERS, atc.guess, atc.NAMES),
    Format(mibeacon.UUID, "MiBeacon", "MiBeacon", mibeacon.decode, mibeacon.fields, mibeacon.NUMBERS, mibeacon.guess),
)

FORMATS: Mapping[str, Format] = {row.uuid: row for row in _ROWS}
"""
Service UUID to format.

If one advertisement has service data of several formats, repeated measurements get their positions in this order, and
the first packet id is used.
"""

UNITS: Mapping[str, str] = {number.name: number.unit for row in _ROWS for number in row.numbers}
"""Measurement name to unit, which is the same in all formats; empty for plain numbers and binary sensors."""
