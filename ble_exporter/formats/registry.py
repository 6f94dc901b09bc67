"""
The table of formats: a new format is one file in this folder and one row here.

The parser, passive scans, `discover`, `decode` and the documentation read these rows.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.formats.decoded import Decoder
from ble_exporter.formats.guess import Guess
from ble_exporter.formats.numbers import Number
from ble_exporter.formats.values import Fields


class Format(NamedTuple):
    """
    One format of service data.

    Attributes:
        uuid: Of its service: 128 bits, lower case.
        name: Its name, without "encrypted".
        short_name: Its name where there is little room, as in the tables of `discover`.
        decode: Decodes its service data.
        fields: Describes its service data.
        numbers: All numbers that it can carry.
        guess: Tells what speaks for it if nobody says which format some bytes are; None if nothing can.
        names_by_size: For formats that share a UUID: payload size in bytes to name and short name.
    """

    uuid: str
    name: str
    short_name: str
    decode: Decoder
    fields: Fields
    numbers: tuple[Number, ...]
    guess: Callable[[bytes], Guess | None] | None = None
    names_by_size: Mapping[int, tuple[str, str]] = {}

    @property
    def short_uuid(self) -> str:
        """The 16 bits of the UUID that tell Bluetooth services apart: four lower-case hex digits."""
        return self.uuid[4:8]

    def name_of(self, payload: bytes) -> str:
        """Return the name of the format of one payload."""
        return self.names_by_size.get(len(payload), (self.name, self.short_name))[0]

    def short_name_of(self, payload: bytes) -> str:
        """Return the short name of the format of one payload."""
        return self.names_by_size.get(len(payload), (self.name, self.short_name))[1]


_NUMBERS = tuple(OBJECTS.values())
_ROWS = (
    Format(bthome.UUID, "BTHome v2", "BTHome", bthome.decode, bthome.fields, _NUMBERS, bthome.guess),
    Format(bthome_v1.UUID, "BTHome v1", "BTHome v1", bthome_v1.decode, bthome_v1.fields, _NUMBERS, bthome_v1.guess),
    Format(
        bthome_v1.UUID_ENCRYPTED,
        "BTHome v1",
        "BTHome v1",
        bthome_v1.decode_encrypted,
        bthome_v1.encrypted,
        _NUMBERS,
        bthome_v1.guess_encrypted,
    ),
    Format(atc.UUID, "pvvx or ATC1441", "pvvx", atc.decode, atc.fields, atc.NUMBERS, atc.guess, atc.NAMES),
    Format(mibeacon.UUID, "MiBeacon", "MiBeacon", mibeacon.decode, mibeacon.fields, mibeacon.NUMBERS, mibeacon.guess),
)

FORMATS: Mapping[str, Format] = {row.uuid: row for row in _ROWS}
"""
Service UUID to format.

The order counts where one advertisement has service data of several: the positions of a repeated measurement go on from
row to row, and the packet id is the first there is.
"""

DECODERS: Mapping[str, Decoder] = {uuid: row.decode for uuid, row in FORMATS.items()}
"""Service UUID to the function that decodes its service data, in the order of FORMATS."""

UNITS: Mapping[str, str] = {number.name: number.unit for row in _ROWS for number in row.numbers}
"""Measurement name to its unit, whatever format it came in; empty for one without."""
