"""The probable meaning of bytes: an advertising payload, or service data, and of which format."""

from ble_exporter.formats.advertising_data import begins_with_flags, has_known_service
from ble_exporter.formats.bthome_v1 import is_typical
from ble_exporter.formats.decoded import POSSIBLE, Guess
from ble_exporter.formats.registry import FORMATS


def is_advertising(payload: bytes) -> bool:
    """
    Return whether bytes are an advertising payload rather than service data.

    They are if one of their data structures, even one that is cut short, has the service of a known format. Without
    one, flags at the beginning suffice, unless all of it is typical objects of BTHome v1, which have the same
    structure: those are what users ask about.
    """
    return has_known_service(payload) or (begins_with_flags(payload) and not is_typical(payload))


def guesses(payload: bytes) -> list[Guess]:
    """Return the formats that service data may have, and whether it may be an advertising payload; the best first."""
    found = [row.guess(payload) for row in FORMATS.values()]
    if begins_with_flags(payload):
        found.append(Guess(POSSIBLE, "", "it begins with flags, and falls into data structures"))
    return sorted((guess for guess in found if guess is not None), key=lambda guess: guess.rank)
