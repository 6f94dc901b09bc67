"""The types that all decoders share: their arguments, their result, and the result of guessing a format."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from ble_exporter.formats.measurement import Measurement


class Counter(NamedTuple):
    """
    The counter of an authenticated payload, used to detect replays.

    Attributes:
        value: The value of the counter.
        bits: Width of the counter in bits; after the greatest value, it wraps to 0.
    """

    value: int
    bits: int


class Decoded(NamedTuple):
    """
    The content of one payload.

    Attributes:
        measurements: Name to value, in the unit of its row in the format's table. The second value of a
            name has the key "NAME_2", such as "temperature_2".
        others: Name to event, text, raw data, device type or firmware version; repeated names as in `measurements`.
        packet_id: 0 to 255, or None. Not unique: a sensor's alternating packets may share a packet id.
        unknown_object: The first object id that is not in the format's table, or None. BTHome v2 can't be read beyond
            an unknown object. Objects of BTHome v1 and MiBeacon state their length, so decoding continues after them.
        counter: The counter of an authenticated payload; None for a plain payload.
        impossible: Names of values that no sensor can have measured. These values are not in `measurements`, but keep
            their position: if `impossible` has "temperature", the second temperature is still "temperature_2".
        is_triggered: Whether the payload says that its sensor sends only when something happens (BTHome v2).
    """

    measurements: dict[Measurement, float]
    others: dict[Measurement, int | str | bytes]
    packet_id: int | None
    unknown_object: int | None
    counter: Counter | None = None
    impossible: tuple[Measurement, ...] = ()
    is_triggered: bool = False


NOTHING = Decoded({}, {}, None, None)
"""The result for a payload without values. Only for comparisons: its dictionaries must not be changed."""


class Cipher(Protocol):
    """AES-CCM with a MIC of 4 bytes and the key of one device."""

    def decrypt(self, nonce: bytes, ciphertext: bytes, associated_data: bytes | None, /) -> bytes:
        """
        Return the plaintext.

        Args:
            nonce: 7 to 13 bytes.
            ciphertext: The encrypted bytes, followed by the 4 bytes of the MIC.
            associated_data: Bytes that are authenticated but not encrypted.

        Raises:
            DecodeError: The MIC is wrong ("wrong_key").
        """


Decoder = Callable[[bytes, str, Cipher | None], Decoded]
"""
Decodes the service data of one format.

Args: the payload, the sender's address (upper case, colons), and the cipher for the sender's key, or None.

Raises DecodeError, with the reason "encrypted" for an encrypted payload without a cipher. A plain payload is decoded
even if there is a cipher: the caller decides whether to accept it.
"""


CERTAIN, LIKELY, POSSIBLE, ANYTHING = range(4)
"""
Ranks of a guess, best first, by how much of the payload confirms the format.

CERTAIN: the bytes can hardly mean anything else, because they name the format or are valid from end to end. LIKELY: a
distinctive part fits. POSSIBLE: the size or the first byte fits. ANYTHING: any bytes fit, so nothing is confirmed.
"""


class Guess(NamedTuple):
    """
    A guess at the format of a payload, for `ble-exporter decode` if the user gives no format.

    Attributes:
        rank: From CERTAIN, the best, to ANYTHING.
        uuid: Service UUID of the format; empty for a whole advertising payload.
        why: The reason for the guess, as text for the user.
        start: Offset of the payload in the user's bytes, which may begin with flags, a length, a type or the UUID.
    """

    rank: int
    uuid: str
    why: str
    start: int = 0
