"""What bytes may be if nobody says which format they are: `ble-exporter decode` asks each format that can tell."""

from typing import NamedTuple

CERTAIN, LIKELY, POSSIBLE, ANYTHING = range(4)
"""How well a format fits; ANYTHING for one that any bytes fit."""


class Guess(NamedTuple):
    """
    What some bytes may be.

    Attributes:
        rank: How well it fits, CERTAIN first.
        uuid: Of the service whose service data they may be; empty for a whole advertising payload.
        why: What speaks for it.
    """

    rank: int
    uuid: str
    why: str
