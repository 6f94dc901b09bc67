"""
News or replay? By the counters of authenticated payloads; the rule, and what it cannot stop: docs/security.md.

Whatever comes here has a right MIC: the sensor made it, and the only question is when.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from hashlib import blake2b

from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Cipher, Counter

# The firmware measures every 250 s at most (25 advertisements of 10 s), and counts measurements.
HOLD_S = 300.0

# A restart is believed after so long a silence, and so many counters in so long a time. At the firmware's default a
# counter lasts 10 s: from the first packet of one to the first of the next but one are 12 s or more.
QUIET_S = 30.0
STEPS = 3
SPAN_S = 10.0

# Of a count that has just begun, that is: almost three hours at 10 s. The packets of so many counters are remembered.
LOW = 1024
_MOST_SPENT = 4 * LOW

# No sensor counts faster than it advertises, and the firmware's shortest interval is 62.5 ms.
_COUNTS_PER_S = 16.0
_COUNTS_AT_ONCE = 64

# A counter so narrow comes round within the hour: what is half of it or more ahead is behind.
_NARROW_BITS = 16

# Of two adapters one may tell late what the other has told: as many counters, and as many seconds. No more than
# repeats.Repeats knows for late, or a value would go back.
_LATE_COUNTS = 4
_LATE_S = 5.0

# Another format is news at first, and after a long silence: somebody has set the sensor to it. So is a counter that is
# further ahead than a sensor counts: at first a recording may have come before the sensor.
TRUST_S = 600.0


class Witness:
    """
    A cipher that notes what it opened.

    Args:
        cipher: Does the work.

    Attributes:
        opened: A digest of each payload whose MIC was right.
    """

    def __init__(self, cipher: Cipher) -> None:
        self.opened: list[bytes] = []
        self._cipher = cipher

    def decrypt(self, nonce: bytes, sealed: bytes, associated_data: bytes | None) -> bytes:
        """
        Return the plaintext: see formats.decoded.Cipher.

        Raises:
            DecodeError: The MIC is wrong ("wrong_key").
        """
        opened = self._cipher.decrypt(nonce, sealed, associated_data)
        # Of what the MIC covers and nothing else: other bytes of a packet are anybody's to change.
        self.opened.append(blake2b(nonce + sealed, digest_size=8).digest())
        return opened


class Guard:
    """
    Tells news from replays, device by device.

    Args:
        clock: Gives monotonic seconds.
        scan_interval_s: Seconds from the start of one scan to the start of the next; 0 where the radio listens all the
            time. In the pause between two scans a silence is none.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, scan_interval_s: float = 0.0) -> None:
        self._clock = clock
        self._quiet_s = QUIET_S + scan_interval_s
        self._devices: dict[str, _Device] = {}

    def admit(
        self, address: str, counters: Mapping[str, Counter], opened: Collection[bytes], adapter: str = ""
    ) -> bool:
        """
        Take in what one advertisement counted: all of it, or none.

        Args:
            address: The sender's.
            counters: Format (its service UUID) to the counter of its payload; at least one.
            opened: The digests of these payloads.
            adapter: Which heard it.

        Returns:
            Whether the sensor was found to have started anew.

        Raises:
            DecodeError: One of them is a replay, or can't be told from one ("replayed").
        """
        now = self._clock()
        device = self._devices.get(address) or _Device(now, self._quiet_s)
        counts = {
            key: device.count_of(*key, now) for key in ((uuid, counter.bits) for uuid, counter in counters.items())
        }
        for (uuid, _), count in counts.items():
            refusal = count.refusal(counters[uuid].value, opened, now, adapter)
            if refusal:
                raise DecodeError("replayed", refusal)
        device.heard_at = now
        device.counts.update(counts)
        self._devices[address] = device
        restarts = [count.take(counters[uuid].value, opened, now, adapter) for (uuid, _), count in counts.items()]
        return any(restarts)


class _Device:
    """The counts of one device, by format and width: more than one where it was set to another format."""

    def __init__(self, now: float, quiet_s: float) -> None:
        self.known_since = self.heard_at = now
        self.quiet_s = quiet_s
        self.counts: dict[tuple[str, int], _Count] = {}

    def count_of(self, uuid: str, bits: int, now: float) -> "_Count":
        count = self.counts.get((uuid, bits))
        # A format that it no longer speaks is another one again: its recordings do not become true by being older.
        spoken_at = self.known_since if count is None else count.heard_at
        if now - spoken_at >= TRUST_S and now - self.heard_at < TRUST_S:
            raise DecodeError("replayed", "it speaks another format, and still spoke its own a short while ago")
        return count or _Count(bits, now, self.quiet_s)


class _Trial:
    """What may be a sensor that has started anew."""

    def __init__(self, value: int, now: float) -> None:
        self.began = now
        self.steps = 1
        self.last = value
        self.digests: set[bytes] = set()


class _Count:
    """
    One count: a format of a device.

    Attributes, of which the moments are the clock's:
        last: The latest counter; None before the first.
        since: When that was first accepted.
        adapter: Which heard it then.
        heard_at: When a packet was last accepted.
        digests: Of the packets accepted with low counters since the sensor started.
        spent: Of those before, and of those on which a trial was held in vain; oldest first.
        trial: Of a sensor that seems to have started anew.
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
        self._latest: deque[tuple[int, float]] = deque(maxlen=_LATE_COUNTS + 1)
        self._has_restarted = False
        # The count before this one, and when it was last heard: it may have been the true one.
        self._before: tuple[int, float] | None = None

    def refusal(self, value: int, opened: Collection[bytes], now: float, adapter: str) -> str:
        """Return why a packet is refused; empty where it is not."""
        ahead = self._ahead(value, self.last)
        if any(digest in self.spent for digest in opened):
            return self._known(value)
        if ahead == 0 and now - self.since >= HOLD_S:
            return f"counter {value} has been heard for {HOLD_S:g} s and more"
        if ahead >= 0:
            if self._is_near(ahead, now) or self._may_jump(now) or self._goes_on(value, now):
                return ""
            return f"counter {value} is further ahead of {self.last} than a sensor counts"
        if self._is_late(value, ahead, now, adapter):
            return ""
        if any(digest in self.digests for digest in opened):
            return self._known(value)
        return self._on_trial(value, opened, now)

    def take(self, value: int, opened: Collection[bytes], now: float, adapter: str) -> bool:
        """Take in a packet that is not refused; return whether the sensor was found to have started anew."""
        ahead = self._ahead(value, self.last)
        if self._is_late(value, ahead, now, adapter):
            return False
        if self.last is not None and not self._is_near(ahead, now):
            left = (self.last, self.heard_at)
            # Of several restarts one after the other, the count before the first is the one that may go on.
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
            self.digests.update(opened)
        return ahead < 0

    def _ahead(self, value: int, last: int | None) -> int:
        if last is None:
            return 1
        if not self._is_narrow:
            return value - last
        half = self._size // 2
        return (value - last + half) % self._size - half

    def _is_near(self, ahead: int, now: float) -> bool:
        """Whether a sensor can have counted so far since it was heard; a narrow count has no room to be far."""
        return ahead >= 0 if self._is_narrow else _is_next(ahead, now - self.heard_at)

    def _may_jump(self, now: float) -> bool:
        """Whether a counter may be far ahead: nobody knows yet, or no longer, which count is the sensor's."""
        return not self._has_restarted and (now - self._began < TRUST_S or now - self.heard_at >= TRUST_S)

    def _goes_on(self, value: int, now: float) -> bool:
        """Whether the count goes on that was before this one: then this one was none."""
        if self._before is None or self.last is None:
            return False
        last, heard_at = self._before
        is_its_side = (last > self.last) == (value > self.last)
        return is_its_side and value > last and _is_next(value - last, now - heard_at)

    def _is_late(self, value: int, ahead: int, now: float, adapter: str) -> bool:
        if not -_LATE_COUNTS <= ahead < 0 or adapter == self.adapter:
            return False
        passed_at = next(since for latest, since in self._latest if self._ahead(latest, value) > 0)
        return now - passed_at < _LATE_S

    def _known(self, value: int) -> str:
        # Where one packet is a replay, those beside it are no sensor's.
        self._end_trial()
        return f"this packet, with counter {value}, was heard before the sensor last started"

    def _on_trial(self, value: int, opened: Collection[bytes], now: float) -> str:
        """Note a packet that is behind; return why it is refused, empty where it shows that the sensor started anew."""
        passed = f"counter {value} was passed: the latest is {self.last}"
        if value >= LOW and not self._is_narrow and not self._goes_on(value, now):
            return passed
        trial = self.trial
        behind = 0 if trial is None else self._ahead(trial.last, value)
        if trial is None or (behind > _LATE_COUNTS and not any(digest in trial.digests for digest in opened)):
            self._end_trial()
            trial = self.trial = _Trial(value, now)
        elif behind < 0:
            trial.steps += 1
            trial.last = value
        if not self._is_narrow:
            trial.digests.update(opened)
        is_live = trial.steps >= STEPS and now - trial.began >= SPAN_S and value == trial.last
        if is_live and now - self.heard_at >= self._quiet_s:
            return ""
        return f"{passed}; {trial.steps} of {STEPS} steps to believe that the sensor started anew"

    def _end_trial(self) -> None:
        if self.trial is not None:
            self._spend(self.trial.digests)
            self.trial = None

    def _spend(self, digests: Collection[bytes]) -> None:
        self.spent.update(dict.fromkeys(digests))
        while len(self.spent) > _MOST_SPENT:
            del self.spent[next(iter(self.spent))]


def _is_next(ahead: int, elapsed_s: float) -> bool:
    """Whether a sensor can have counted so far in that time."""
    return 0 <= ahead <= _COUNTS_AT_ONCE + _COUNTS_PER_S * elapsed_s
