"""
New packet or replay? The counters of authenticated payloads decide. The rule, and its limits: docs/security.md.

Every payload here has a valid MIC: the sensor made it, and the only question is when.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from ble_exporter.device.sequence import LATE_STEPS, is_late_copy
from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Cipher, Counter

# The firmware measures every 250 s at most (25 advertisements of 10 s), and counts measurements.
HOLD_S = 300.0

# A restart is accepted after QUIET_S of silence and STEPS counters, the first and the last at least SPAN_S apart.
# At the firmware's default the counter changes every 10 s, so the first packets of STEPS counters span at least 12 s.
QUIET_S = 30.0
STEPS = 3
SPAN_S = 10.0

# A counter below this has restarted lately: less than three hours ago, at 10 s each. Its packets are remembered.
LOW = 1024
_MOST_SPENT = 4 * LOW

# No sensor counts faster than it advertises, and the firmware's shortest interval is 62.5 ms.
_COUNTS_PER_S = 16.0
_COUNTS_AT_ONCE = 64

# A counter this narrow wraps within the hour: a value at least half the range ahead counts as behind.
_NARROW_BITS = 16

# A new format is accepted for this long after the first packet, and after a silence this long: the owner may have
# changed the setting. So is a counter too far ahead for a sensor: a recording may have been heard before the sensor.
TRUST_S = 600.0


class DigestingCipher:
    """A cipher that keeps a digest of each payload that it decrypted, and whose MIC is therefore valid."""

    def __init__(self, cipher: Cipher) -> None:
        self.digests: list[bytes] = []
        self._cipher = cipher

    def decrypt(self, nonce: bytes, sealed: bytes, associated_data: bytes | None) -> bytes:
        """Return the plaintext, or raise a DecodeError: see formats.decoded.Cipher."""
        plaintext = self._cipher.decrypt(nonce, sealed, associated_data)
        # Digest only the bytes that the MIC covers: anybody can change the others.
        self.digests.append(blake2b(nonce + sealed, digest_size=8).digest())
        return plaintext


class ReplayGuard:
    """
    Tells new packets of one device from replays.

    Args:
        clock: Returns monotonic seconds.
        scan_interval_s: Seconds from the start of one scan to the start of the next; 0 if the radio listens all the
            time. A pause between two scans is not silence of the sensor.
    """

    def __init__(self, clock: Callable[[], float], scan_interval_s: float = 0.0) -> None:
        self._clock = clock
        self._quiet_s = QUIET_S + scan_interval_s
        self._known_since: float | None = None
        self._heard_at = 0.0
        # By format and width of the counter: several if the sensor was set to another format.
        self._histories: dict[tuple[str, int], _CounterHistory] = {}

    def admit(self, counters: Mapping[str, Counter], digests: Collection[bytes], adapter: str = "") -> bool:
        """
        Accept the payloads of one advertisement, and return whether the sensor has restarted.

        `counters` has the counter of each payload, at least one, by the service UUID of its format.

        Raises:
            DecodeError: A payload is a replay, or may be one ("replayed"); then none is accepted.
        """
        now = self._clock()
        heard = [(uuid, counter, self._history_of(uuid, counter.bits, now)) for uuid, counter in counters.items()]
        for _, counter, history in heard:
            refusal = history.refusal(counter.value, digests, now, adapter)
            if refusal:
                raise DecodeError("replayed", refusal)
        self._heard_at = now
        if self._known_since is None:
            self._known_since = now
        has_restarted = False
        for uuid, counter, history in heard:
            self._histories[uuid, counter.bits] = history
            has_restarted |= history.accept(counter.value, digests, now, adapter)
        return has_restarted

    def _history_of(self, uuid: str, bits: int, now: float) -> "_CounterHistory":
        history = self._histories.get((uuid, bits))
        if self._known_since is not None:
            # A format that it no longer sends counts as another one: age does not make its recordings valid.
            sent_at = self._known_since if history is None else history.heard_at
            if now - sent_at >= TRUST_S and now - self._heard_at < TRUST_S:
                raise DecodeError("replayed", "the sensor sent another format a short while ago")
        return history or _CounterHistory(bits, now, self._quiet_s)


@dataclass
class _Trial:
    """Packets that may come from a sensor that has restarted."""

    last: int
    began: float
    steps: int = 1
    digests: set[bytes] = field(default_factory=set)


class _CounterHistory:
    """
    What is known of one counter: that of one format of a device.

    Attributes:
        last: The latest counter; None before the first.
        since: When it was first accepted, in seconds of the clock.
        adapter: The adapter that heard it then.
        heard_at: When a packet was last accepted.
        digests: Of the packets accepted with low counters since the sensor started.
        spent: Of the packets accepted before that, and of those of failed trials; oldest first.
        trial: Of a sensor that seems to have restarted.
    """

    def __init__(self, bits: int, now: float, quiet_s: float) -> None:
        self.last: int | None = None
        self.since = self.heard_at = now
        self.adapter = ""
        self.digests: set[bytes] = set()
        self.spent: dict[bytes, None] = {}
        self.trial: _Trial | None = None
        self._size = 1 << bits
        self._is_narrow = bits <= _NARROW_BITS
        self._began = now
        self._quiet_s = quiet_s
        # The latest counters, and when each was first accepted; oldest first.
        self._latest: deque[tuple[int, float]] = deque(maxlen=LATE_STEPS + 1)
        self._has_restarted = False
        # The count before this one, and when it was last heard: it may have been the sensor's.
        self._before: tuple[int, float] | None = None

    def refusal(self, value: int, digests: Collection[bytes], now: float, adapter: str) -> str:
        """Return why a packet is refused, or an empty string."""
        ahead = self._ahead(value, self.last)
        is_late = self._is_late(value, ahead, now, adapter)
        is_behind = ahead < 0 and not is_late
        if any(digest in self.spent or (is_behind and digest in self.digests) for digest in digests):
            # The other packets of a trial with a replay in it are not the sensor's either.
            self._end_trial()
            return f"this packet, with counter {value}, was heard before the sensor last started"
        if ahead == 0 and now - self.since >= HOLD_S:
            return f"counter {value} has been heard for {HOLD_S:g} s and more"
        if ahead >= 0:
            if self._is_near(ahead, now) or self._may_jump(now) or self._continues(value, now):
                return ""
            return f"counter {value} is further ahead of {self.last} than the sensor can have counted"
        return "" if is_late else self._put_on_trial(value, digests, now)

    def accept(self, value: int, digests: Collection[bytes], now: float, adapter: str) -> bool:
        """Note a packet that is not refused; return whether the sensor has restarted."""
        ahead = self._ahead(value, self.last)
        if self._is_late(value, ahead, now, adapter):
            return False
        if self.last is not None and not self._is_near(ahead, now):
            left = (self.last, self.heard_at)
            # Of several restarts in a row, the count before the first one is the one that may continue.
            self._before = left if ahead > 0 or self._before is None else max(self._before, left)
            self._latest.clear()
        trial = self.trial
        if ahead < 0 and trial is not None:
            self._spend(self.digests)
            self.digests, self.trial = trial.digests, None
            self._has_restarted = True
        self._end_trial()
        if ahead:
            self.last, self.since, self.adapter = value, now, adapter
            self._latest.append((value, now))
        self.heard_at = now
        if value < LOW and not self._is_narrow:
            self.digests.update(digests)
        return ahead < 0

    def _ahead(self, value: int, last: int | None) -> int:
        if last is None:
            return 1
        if not self._is_narrow:
            return value - last
        half = self._size // 2
        return (value - last + half) % self._size - half

    def _is_near(self, ahead: int, now: float) -> bool:
        """Whether a sensor can have counted this far since it was heard; a narrow counter is never far ahead."""
        return ahead >= 0 if self._is_narrow else _is_reachable(ahead, now - self.heard_at)

    def _may_jump(self, now: float) -> bool:
        """Whether a counter may be far ahead: which count is the sensor's is not known yet, or no longer."""
        return not self._has_restarted and (now - self._began < TRUST_S or now - self.heard_at >= TRUST_S)

    def _continues(self, value: int, now: float) -> bool:
        """Whether `value` continues the count before the latest jump or restart: then that one was a replay."""
        if self._before is None or self.last is None:
            return False
        last, heard_at = self._before
        is_its_side = (last > self.last) == (value > self.last)
        return is_its_side and value > last and _is_reachable(value - last, now - heard_at)

    def _is_late(self, value: int, ahead: int, now: float, adapter: str) -> bool:
        if adapter == self.adapter or not -LATE_STEPS <= ahead < 0:
            return False
        passed_at = next(since for latest, since in self._latest if self._ahead(latest, value) > 0)
        return is_late_copy(-ahead, now - passed_at)

    def _put_on_trial(self, value: int, digests: Collection[bytes], now: float) -> str:
        """Note a packet that is behind; return why it is refused, or "" if it proves that the sensor restarted."""
        passed = f"counter {value} is behind the latest, {self.last}"
        if value >= LOW and not self._is_narrow and not self._continues(value, now):
            return passed
        trial = self.trial
        behind = 0 if trial is None else self._ahead(trial.last, value)
        if trial is None or (behind > LATE_STEPS and not any(digest in trial.digests for digest in digests)):
            self._end_trial()
            trial = self.trial = _Trial(value, now)
        elif behind < 0:
            trial.steps += 1
            trial.last = value
        if not self._is_narrow:
            trial.digests.update(digests)
        is_live = trial.steps >= STEPS and now - trial.began >= SPAN_S and value == trial.last
        if is_live and now - self.heard_at >= self._quiet_s:
            return ""
        return f"{passed}; {trial.steps} of the {STEPS} counters that a restart needs"

    def _end_trial(self) -> None:
        if self.trial is not None:
            self._spend(self.trial.digests)
            self.trial = None

    def _spend(self, digests: Collection[bytes]) -> None:
        self.spent.update(dict.fromkeys(digests))
        while len(self.spent) > _MOST_SPENT:
            del self.spent[next(iter(self.spent))]


def _is_reachable(ahead: int, elapsed_s: float) -> bool:
    """Whether a sensor can count this far in that time."""
    return 0 <= ahead <= _COUNTS_AT_ONCE + _COUNTS_PER_S * elapsed_s
