"""
Tells new packets from replays by the counters of authenticated payloads. docs/security.md has the rule and its limits.

Every payload here has a valid MIC: the sensor made it, and the only question is when.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import blake2b

from ble_exporter.device.counter_history import QUIET_S, SPAN_S, STEPS, TRUST_S, CounterHistory
from ble_exporter.device.mark import DIGEST_SIZE, Mark, Restored
from ble_exporter.device.pace import HOLD_S
from ble_exporter.device.refusal import other_format
from ble_exporter.device.sequence import LOW
from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Cipher, Counter

__all__ = ["HOLD_S", "LOW", "QUIET_S", "SPAN_S", "STEPS", "TRUST_S", "DigestingCipher", "ReplayGuard"]


class DigestingCipher:
    """A cipher that keeps a digest of each payload that it has decrypted, that is, of each one with a valid MIC."""

    def __init__(self, cipher: Cipher) -> None:
        self.digests: list[bytes] = []
        self._cipher = cipher

    def decrypt(self, nonce: bytes, sealed: bytes, associated_data: bytes | None) -> bytes:
        """Return the plaintext, or raise a DecodeError: see formats.decoded.Cipher."""
        plaintext = self._cipher.decrypt(nonce, sealed, associated_data)
        # Digest only the bytes that the MIC covers: anybody can change the others.
        self.digests.append(blake2b(nonce + sealed, digest_size=DIGEST_SIZE).digest())
        return plaintext


class ReplayGuard:
    """
    Distinguishes new packets of one device from replays.

    Args:
        clock: Returns monotonic seconds.
        scan_interval_s: Seconds from the start of one scan to the start of the next; 0 if the radio listens all the
            time. A pause between two scans does not count as silence.
        restored: The marks of an earlier run.
    """

    def __init__(
        self, clock: Callable[[], float], scan_interval_s: float = 0.0, restored: Iterable[Restored] = ()
    ) -> None:
        self._clock = clock
        self._scan_interval_s = scan_interval_s
        self._known_since: float | None = None
        self._heard_at = float("-inf")
        # By format and width of the counter. If the sensor's format was changed, there are several.
        self._histories: dict[tuple[str, int], CounterHistory] = {}
        for one in restored:
            now = clock()
            history = CounterHistory(one.mark.uuid, one.mark.bits, now, scan_interval_s, one)
            self._histories[one.mark.uuid, one.mark.bits] = history
            self._known_since = float("-inf") if one.is_exact else now
            self._heard_at = max(self._heard_at, history.heard_at)

    def admit(
        self, counters: Mapping[str, Counter], digests: Collection[bytes], adapter: str = "", age_s: float = 0.0
    ) -> bool:
        """
        Accept the payloads of one advertisement, and return whether the sensor has restarted.

        `counters` has the counter of each payload, at least one, by the service UUID of its format. The advertisement
        was received `age_s` seconds ago: packets are handled in batches, in which a sensor seems to count fast.

        Raises:
            DecodeError: A payload is a replay, or may be one ("replayed"). Then no payload is accepted.
        """
        now = self._clock() - age_s
        heard = [(uuid, counter, self._history_of(uuid, counter.bits, now)) for uuid, counter in counters.items()]
        for _, counter, history in heard:
            refused = history.refusal(counter.value, digests, now, adapter)
            if refused is not None:
                raise DecodeError("replayed", refused.text, cause=refused.cause)
        self._heard_at = now
        if self._known_since is None:
            self._known_since = now
        has_restarted = False
        for uuid, counter, history in heard:
            self._histories[uuid, counter.bits] = history
            has_restarted |= history.accept(counter.value, digests, now, adapter)
        return has_restarted

    def marks(self, *, with_digests: bool) -> list[Mark]:
        """Return the state that outlives the program, with or without the digests of packets."""
        now = self._clock()
        return [history.mark(now, with_digests=with_digests) for history in self._histories.values()]

    def _history_of(self, uuid: str, bits: int, now: float) -> CounterHistory:
        history = self._histories.get((uuid, bits))
        if self._known_since is not None:
            # A format that was not heard for TRUST_S counts as new, so that recordings of it do not become valid.
            sent_at = self._known_since if history is None else history.heard_at
            if now - sent_at >= TRUST_S and now - self._heard_at < TRUST_S:
                refused = other_format(TRUST_S - (now - self._heard_at))
                raise DecodeError("replayed", refused.text, cause=refused.cause)
        return history or CounterHistory(uuid, bits, now, self._scan_interval_s)
