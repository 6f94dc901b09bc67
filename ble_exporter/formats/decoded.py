"""The arguments and the result of every decoder, and the result of guessing a format."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from ble_exporter.formats.measurement import Measurement


class Counter(NamedTuple):
    """
    The counter of an authenticated payload, which exposes a replay.

    Attributes:
        value: The count.
        bits: The counter's width; it wraps to 0.
    """

    value: int
    bits: int


class Decoded(NamedTuple):
    """
    The content of one payload.

    Attributes:
        measurements: Name to value, in the unit of its OBJECTS row. The second value of one name is "name_2".
        others: Events, texts, raw data, device type and firmware version; repeated names as above.
        packet_id: 0 to 255, or None. Not unique: a sensor's alternating packets may share one.
        unknown_object: The first object id that is not in the format's table, or None. BTHome v2 can't be read
            further; in the other formats each object has its length, and the objects after it were read.
        counter: Of an authenticated payload; None for a plain one.
        impossible: Names of values that no sensor can have measured. They are not in `measurements`, but keep their
            position: if "temperature" is here, the second one is still "temperature_2".
    """

    measurements: dict[Measurement, float]
    others: dict[Measurement, int | str | bytes]
    packet_id: int | None
    unknown_object: int | None
    counter: Counter | None = None
    impossible: tuple[Measurement, ...] = ()


NOTHING = Decoded({}, {}, None, None)
"""A payload that only announces a sensor. For comparisons: its dictionaries must not be changed."""


class Cipher(Protocol):
    """AES-CCM with a MIC of 4 bytes and the key of one device."""

    def decrypt(self, nonce: bytes, ciphertext: bytes, associated_data: bytes | None, /) -> bytes:
        """
        Return the plaintext.

        Args:
            nonce: 7 to 13 bytes.
            ciphertext: With the 4 bytes of the MIC after it.
            associated_data: What is authenticated and not encrypted.

        Raises:
            DecodeError: The MIC is wrong ("wrong_key").
        """


Decoder = Callable[[bytes, str, Cipher | None], Decoded]
"""
Decodes the service data of one format.

Args: the payload, the sender's address (upper case, colons), and the cipher of its key if it has one.

Raises DecodeError; "encrypted" for an encrypted payload without a cipher. A plain payload is decoded even if
there is a cipher: the caller decides whether to accept it.
"""


CERTAIN, LIKELY, POSSIBLE, ANYTHING = range(4)
"""How well a format fits; any bytes fit one of rank ANYTHING."""


class Guess(NamedTuple):
    """
    A format that bytes may have, for `ble-exporter decode` if the user names none.

    Attributes:
        rank: CERTAIN, the best, to ANYTHING.
        uuid: Of the service; empty for a whole advertising payload.
        why: The reason, for people.
    """

    rank: int
    uuid: str
    why: str
