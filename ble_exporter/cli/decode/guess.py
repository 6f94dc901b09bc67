"""What some bytes may be if nobody says: an advertising payload, or service data, and of which format."""

from ble_exporter.formats.advertising_data import begins_with_flags, has_known_service
from ble_exporter.formats.bthome_v1 import is_typical
from ble_exporter.formats.guess import POSSIBLE, Guess
from ble_exporter.formats.registry import FORMATS


def is_advertising(payload: bytes) -> bool:
    """
    Return whether some bytes are a whole advertising payload rather than service data.

    They are if one of their data structures names the service of a known format. One that is cut short still looks like
    one. If none does, flags at the beginning speak for it as well, unless all of it is typical objects of BTHome
    version 1, which have the same structure: they are what somebody wants to know about.
    """
    return has_known_service(payload) or (begins_with_flags(payload) and not is_typical(payload))


def guesses(payload: bytes) -> list[Guess]:
    """
    Return the formats that service data may have, the most likely first; none if it looks like none.

    If it may be a whole advertising payload after all, that is a guess too.

    Args:
        payload: Any bytes.
    """
    found = [row.guess(payload) for row in FORMATS.values()]
    if begins_with_flags(payload):
        found.append(Guess(POSSIBLE, "", "it begins with flags, and falls into data structures"))
    return sorted((guess for guess in found if guess is not None), key=lambda guess: guess.rank)
