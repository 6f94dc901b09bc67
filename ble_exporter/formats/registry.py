"""The table of formats: a new one is a file in this folder and a row here. A passive scan asks for these services."""

from collections.abc import Mapping

from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.formats.decoded import Decoder

DECODERS: Mapping[str, Decoder] = {
    bthome.UUID: bthome.decode,
    bthome_v1.UUID: bthome_v1.decode,
    bthome_v1.UUID_ENCRYPTED: bthome_v1.decode_encrypted,
    atc.UUID: atc.decode,
    mibeacon.UUID: mibeacon.decode,
}
"""
Service UUID to the function that decodes its service data.

The order counts where one advertisement has service data of several: the positions of a repeated measurement go on from
row to row, and the packet id is the first there is.
"""

_NAMES: Mapping[str, str] = {
    bthome.UUID: "BTHome v2",
    bthome_v1.UUID: "BTHome v1",
    bthome_v1.UUID_ENCRYPTED: "BTHome v1",
    atc.UUID: "pvvx or ATC1441",
    mibeacon.UUID: "MiBeacon",
}
FORMAT_NAMES: Mapping[tuple[str, bool], str] = {
    (uuid, encrypted): f"{name}, encrypted" if encrypted else name
    for uuid, name in _NAMES.items()
    for encrypted in (False, True)
}
"""Service UUID, and whether the payload was encrypted, to the format's name for people."""

UNITS: Mapping[str, str] = {number.name: number.unit for number in OBJECTS.values()}
"""Measurement name to its unit, whatever format it came in; empty for one without."""
