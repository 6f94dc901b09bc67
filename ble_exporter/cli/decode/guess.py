"""Guess what the given bytes are: an advertising payload, or service data of one of the formats."""

from ble_exporter.formats.advertising_data import begins_with_flags, has_known_service
from ble_exporter.formats.bthome_v1 import is_typical
from ble_exporter.formats.decoded import POSSIBLE, Guess
from ble_exporter.formats.registry import FORMATS


def is_advertising(payload: bytes) -> bool:
    """
    Return whether bytes are an advertising payload rather than service data.

    They are if a data structure in them, even one that is cut short, has the UUID of a known format. Without such a
    structure, flags at the beginning suffice, unless all bytes are typical BTHome v1 objects: these have the same
    structure as advertising data, and users are more likely to ask about them.
    """
    return has_known_service(payload) or (begins_with_flags(payload) and not is_typical(payload))


def guesses(payload: bytes) -> list[Guess]:
    """Return the possible formats of service data, advertising payload included; the most probable one first."""
    found = [row.guess(payload) for row in FORMATS.values()]
    if begins_with_flags(payload):
        found.append(Guess(POSSIBLE, "", "it begins with flags, and consists of data structures"))
    return sorted((guess for guess in found if guess is not None), key=lambda guess: guess.rank)
