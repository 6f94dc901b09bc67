"""The format that bytes probably have: `ble-exporter decode` asks each format if the user names none."""

from typing import NamedTuple

CERTAIN, LIKELY, POSSIBLE, ANYTHING = range(4)
"""How well a format fits; any bytes fit one of rank ANYTHING."""


class Guess(NamedTuple):
    """
    A format that bytes may have.

    Attributes:
        rank: CERTAIN, the best, to ANYTHING.
        uuid: Of the service; empty for a whole advertising payload.
        why: The reason, for people.
    """

    rank: int
    uuid: str
    why: str
