"""What every format takes and gives: a payload, perhaps a cipher, and what the payload said."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from ble_exporter.formats.measurement import Measurement


class Counter(NamedTuple):
    """
    The counter of an authenticated payload, by which a replay is told from news.

    Attributes:
        value: What the sender counted.
        bits: How wide the counter is; after its largest value it begins at 0.
    """

    value: int
    bits: int


class Decoded(NamedTuple):
    """
    What one payload said.

    Attributes:
        measurements: Name to value, in the unit of its OBJECTS row. The second value of one name is "name_2".
        others: What is no measurement: events, text, raw, versions; repeated names as above.
        packet_id: 0 to 255, or None. Not unique: a sensor's alternating packets may share one.
        unknown_object: The first object id that is not in the format's table, or None. In BTHome v2 decoding stopped
            there; in the other formats an object tells its length, and what stands behind it was read.
        counter: Of a payload that was encrypted and whose authenticity was checked; None of a plain one.
        impossible: Names of the values that no sensor can have measured. They are not in `measurements`, and keep
            their position: where "temperature" is in here, the second one is still "temperature_2".
    """

    measurements: dict[Measurement, float]
    others: dict[Measurement, int | str | bytes]
    packet_id: int | None
    unknown_object: int | None
    counter: Counter | None = None
    impossible: tuple[Measurement, ...] = ()


NOTHING = Decoded({}, {}, None, None)
"""Of a payload that only announces that there is a sensor. To be compared with: what is in it is not to be changed."""


class Cipher(Protocol):
    """AES-CCM with a 4-byte MIC and the key of one device."""

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
Decodes the service data of one format: payload, the sender's address (upper case, colons), its cipher where it has one.

Raises DecodeError; "encrypted" for an encrypted payload without a cipher. A plain payload is decoded though there is a
cipher: whether it is accepted is not the format's to say.
"""
