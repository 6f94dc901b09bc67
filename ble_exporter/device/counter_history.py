"""
Decides which packets of one counter are new, and when a lower counter means that the sensor has restarted.

docs/security.md has the rule and its limits. Times are seconds of one monotonic clock.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from ble_exporter.device import refusal
from ble_exporter.device.mark import Mark, Restored
from ble_exporter.device.pace import COUNTS_AT_ONCE, COUNTS_PER_S, LEAST_HOLD_S, Pace
from ble_exporter.device.refusal import Refusal
from ble_exporter.device.rhythm import Rhythm
from ble_exporter.device.sequence import LATE_STEPS, LOW, NARROW_BITS, is_late_copy, steps_ahead

# A restart is accepted after QUIET_S of silence and STEPS counters, the first and the last at least SPAN_S apart.
# At the firmware's defaults (a new counter every 10 s, a packet every 2.5 s), the third counter begins at least 12 s
# after any packet of the first.
# A sensor that sends less often must be silent for QUIET_INTERVALS of its usual intervals, but not longer than TRUST_S.
QUIET_S = 30.0
QUIET_INTERVALS = 3
STEPS = 3
SPAN_S = 10.0

# The maximum number of digests in a trial, and in `CounterHistory.spent`.
MOST_SPENT = 4 * LOW

# A counter far ahead, or another format, is accepted during this time after the first packet, and after a silence of
# this length: a recording may have been heard before the sensor, or the owner may have changed a setting.
TRUST_S = 600.0

# If a sensor restarted while it was not heard, it is assumed to have counted, in that time, at most RESTART_FACTOR
# times as fast as in the current `_Trial`. A recording may be played fast, so the interval between two counters in a
# trial counts as at least SHORTEST_STEP_S (a new counter in each packet, at the firmware's default), unless the sensor
# was seen to count faster.
RESTART_FACTOR = 2.0
SHORTEST_STEP_S = 2.5


@dataclass
class _Trial:
    """Packets that may come from a sensor that has restarted."""

    first: int
    last: int
    began: float
    steps: int = 1
    digests: set[bytes] = field(default_factory=set)


class CounterHistory:
    """
    The known packets of one counter; each format of a device has its own counter.

    Args:
        uuid: The service UUID of the format.
        bits: The width of the counter.
        now: The time of the first packet, or of the program's start if a mark is restored.
        pause_s: The longest pause between scans, in which no packet can be received.
        restored: The mark of an earlier run; None without one.

    Attributes:
        last: The latest counter; None before the first.
        since: The time when `last` was first accepted.
        adapter: The adapter that received `last` first.
        heard_at: The time when a packet was last accepted.
        digests: Digests of the packets accepted with low counters since the sensor started or its counter wrapped.
        spent: Digests of packets accepted before that start or wrap, and of packets of failed trials; oldest first.
        trial: The packets that may come from a restarted sensor; None if there are none.
    """

    def __init__(self, uuid: str, bits: int, now: float, pause_s: float, restored: Restored | None = None) -> None:
        self.last: int | None = None
        self.since = self.heard_at = now
        self.adapter = ""
        self.digests: set[bytes] = set()
        self.spent: dict[bytes, None] = {}
        self.trial: _Trial | None = None
        self._uuid, self._bits = uuid, bits
        self._is_narrow = bits <= NARROW_BITS
        self._began = now
        self._pause_s = pause_s
        self._pace = Pace()
        self._rhythm = Rhythm(now)
        # The latest counters, and the time when each was first accepted; oldest first.
        self._latest: deque[tuple[int, float]] = deque(maxlen=LATE_STEPS + 1)
        self._has_restarted = False
        # The counter from which the sensor continues if the latest leaps or restarts were replays, and the time of its
        # latest packet.
        self._before: tuple[int, float] | None = None
        # The mark of an earlier run; None once a packet was accepted in this run.
        self._restored = restored
        if restored is not None:
            mark = restored.mark
            self.last, self._pace = mark.last, Pace(mark.step_s)
            self.digests, self.spent = set(mark.digests), dict.fromkeys(mark.spent)
            self._latest.append((mark.last, float("-inf")))
            self._has_restarted = mark.has_restarted
            if restored.is_exact:
                self._began = float("-inf")
            self._place(restored, now)

    def _place(self, restored: Restored, now: float) -> None:
        """Convert the mark's ages to times. Repeated for each packet, because the wall clock may have been set."""
        mark = restored.mark
        made_at = now - restored.age_s()
        self.since, self.heard_at = made_at - mark.held_s, made_at - mark.heard_s
        if mark.before is not None:
            self._before = (mark.before[0], made_at - mark.before[1])

    def mark(self, now: float, *, with_digests: bool) -> Mark:
        """Return the state that outlives the program, with or without digests. Call this only after a first packet."""
        assert self.last is not None  # noqa: S101 - the replay guard keeps no history before its first packet
        restored = self._restored
        before = self._before
        return Mark(
            self._uuid,
            self._bits,
            self.last,
            now - self.since,
            now - self.heard_at,
            0.0 if restored is None else restored.mark.off_s + restored.age_s(),
            self._pace.step_s,
            None if before is None else (before[0], now - before[1]),
            self._has_restarted,
            sorted(self.digests)[:MOST_SPENT] if with_digests else (),
            list(self.spent) if with_digests else (),
        )

    def refusal(self, value: int, digests: Collection[bytes], now: float, adapter: str) -> Refusal | None:
        """Return the refusal of a packet; None if the packet is acceptable."""
        last = self.last
        if last is None:
            return None
        if self._restored is not None:
            self._place(self._restored, now)
            if self._is_narrow and now - self.heard_at >= TRUST_S:
                # The counter may have wrapped any number of times.
                return None
        ahead = self._ahead(value, last)
        is_late = self._is_late(value, ahead, now, adapter)
        # Not `ahead < 0`: close to a wrap, low counters are ahead, even those of known packets.
        is_lower = value < last and not is_late
        if any(digest in self.spent or (is_lower and digest in self.digests) for digest in digests):
            # Somebody is replaying packets, so those of the current trial may be replays, too.
            self._end_trial()
            return refusal.known(value)
        if ahead == 0:
            return self._refusal_of_equal(value, now)
        if ahead > 0:
            if self._is_near(ahead, now) or self._may_jump(now) or self._continues(value, now):
                return None
            return self._refusal_of_leap(value, last, ahead, now)
        return None if is_late else self._put_on_trial(value, last, digests, now)

    def accept(self, value: int, digests: Collection[bytes], now: float, adapter: str) -> bool:
        """Record a packet that was not refused; return whether the sensor has restarted."""
        ahead = self._ahead(value, self.last)
        restored, self._restored = self._restored, None
        if self._is_late(value, ahead, now, adapter):
            return False
        if self.last is not None:
            self._note_step(self.last, ahead, now, is_timed=restored is None or restored.is_exact)
        trial = self.trial
        if ahead < 0 and trial is not None:
            self._spend(self.digests)
            self.digests, self.trial = trial.digests, None
            self._has_restarted = True
        elif self.last is not None and value < self.last:
            # The counter has wrapped: the sensor counts through the low counters again.
            self._spend(self.digests)
            self.digests = set()
        self._end_trial()
        if ahead:
            self.last, self.since, self.adapter = value, now, adapter
            self._latest.append((value, now))
        self.heard_at = now
        self._rhythm.hear(now)
        if value < LOW and not self._is_narrow:
            self.digests.update(digests)
        return ahead < 0

    def _note_step(self, last: int, ahead: int, now: float, *, is_timed: bool) -> None:
        """Learn the pace if the time of the last counter is known; remember the counter before a leap or restart."""
        is_near = self._is_near(ahead, now)
        if ahead < 0 or (not is_near and self._continues(last + ahead, now)):
            self._pace.forget()
        elif ahead and is_timed:
            self._pace.learn(ahead, now - self.since)
        if is_near:
            return
        left, before = (last, self.heard_at), self._before
        # After several leaps or restarts, keep the counter before the first leap, or the highest one before a restart.
        if ahead < 0:
            self._before = left if before is None else max(before, left)
        elif before is None or before[0] > last or now - before[1] >= TRUST_S:
            self._before = left
        self._latest.clear()

    def _ahead(self, value: int, last: int | None) -> int:
        if last is None:
            return 1
        return steps_ahead(value, last, self._bits, has_wrapped=self._latest[0][0] > self._latest[-1][0])

    def _is_near(self, ahead: int, now: float) -> bool:
        """Return whether the sensor can have counted this far by now; a narrow counter is never far ahead."""
        return ahead >= 0 and (self._is_narrow or self._pace.can_count(ahead, now - self.heard_at))

    def _may_jump(self, now: float) -> bool:
        """Return whether a leap is acceptable, see TRUST_S; if the sensor has restarted, only with an inexact mark."""
        if self._restored is not None and not self._restored.is_exact:
            return True
        return not self._has_restarted and (now - self._began < TRUST_S or now - self.heard_at >= TRUST_S)

    def _continues(self, value: int, now: float) -> bool:
        """Return whether `value` continues from `_before`; the latest leaps or restarts were then replays."""
        if self._before is None or self.last is None:
            return False
        last, heard_at = self._before
        is_its_side = (last > self.last) == (value > self.last)
        return is_its_side and value > last and self._pace.can_count(value - last, now - heard_at)

    def _is_late(self, value: int, ahead: int, now: float, adapter: str) -> bool:
        if adapter == self.adapter or not -LATE_STEPS <= ahead < 0:
            return False
        passed_at = next(since for latest, since in self._latest if self._ahead(latest, value) > 0)
        return is_late_copy(-ahead, now - passed_at)

    def _refusal_of_equal(self, value: int, now: float) -> Refusal | None:
        age_s, silence_s = now - self.since, now - self.heard_at
        if age_s < LEAST_HOLD_S:
            return None
        if age_s >= self._pace.hold_s:
            return refusal.held(value, age_s, None)
        # A slow sensor repeats its counter all the time; a button that was pressed an hour ago does not.
        is_repeated = self._pace.step_s is None or silence_s < self._silence_s(LEAST_HOLD_S)
        return None if is_repeated else refusal.held(value, age_s, silence_s)

    def _refusal_of_leap(self, value: int, last: int, ahead: int, now: float) -> Refusal:
        wait_s = (ahead - COUNTS_AT_ONCE) / COUNTS_PER_S
        if not self._has_restarted:
            wait_s = min(wait_s, TRUST_S)
        return refusal.leap(value, last, wait_s - (now - self.heard_at))

    def _put_on_trial(self, value: int, last: int, digests: Collection[bytes], now: float) -> Refusal | None:
        """Judge a packet that is behind; return why it is refused, or None if it proves that the sensor restarted."""
        continues = self._continues(value, now)
        if value >= LOW and not self._is_narrow and not continues and self._restored is None:
            return refusal.behind(value, last)
        trial = self._trial_of(value, digests, now)
        most = self._most_counted(trial, now)
        if value > most and not self._is_narrow and not continues:
            if self._restored is not None:
                return refusal.too_high(value, last, most, "while the program was off")
            if now - self.heard_at < TRUST_S:
                return refusal.too_high(value, last, most, "since its latest packet")
        is_live = trial.steps >= STEPS and now - trial.began >= SPAN_S and value == trial.last
        if is_live and now - self.heard_at >= self._silence_s(QUIET_S):
            return None
        return refusal.trial(value, last, trial.steps, STEPS, self._pace.step_s or 0.0)

    def _silence_s(self, least_s: float) -> float:
        """Return the time without packets after which a sensor counts as silent; a shorter gap may be packet loss."""
        usual_s = QUIET_INTERVALS * (self._rhythm.interval_s or 0.0)
        return min(max(least_s, usual_s), TRUST_S) + self._pause_s

    def _trial_of(self, value: int, digests: Collection[bytes], now: float) -> _Trial:
        """Add a packet to the current trial, or to a new one if it does not belong there; return the trial."""
        trial = self.trial
        behind = 0 if trial is None else self._ahead(trial.last, value)
        if trial is None or (behind > LATE_STEPS and not any(digest in trial.digests for digest in digests)):
            self._end_trial()
            trial = self.trial = _Trial(value, value, now)
        elif behind < 0:
            trial.steps += 1
            trial.last = value
        if not self._is_narrow and len(trial.digests) < MOST_SPENT:
            trial.digests.update(digests)
        return trial

    def _most_counted(self, trial: _Trial, now: float) -> float:
        """Return the highest counter that the sensor can have reached after an unheard restart. See RESTART_FACTOR."""
        restored = self._restored
        unheard_s = now - self.heard_at if restored is None else restored.mark.off_s + restored.age_s()
        counts = trial.last - trial.first
        shortest_s = min(self._pace.step_s or SHORTEST_STEP_S, SHORTEST_STEP_S)
        step_s = max(shortest_s, (now - trial.began) / counts if counts > 0 else 0.0)
        return COUNTS_AT_ONCE + RESTART_FACTOR * unheard_s / step_s

    def _end_trial(self) -> None:
        if self.trial is not None:
            self._spend(self.trial.digests)
            self.trial = None

    def _spend(self, digests: Collection[bytes]) -> None:
        self.spent.update(dict.fromkeys(digests))
        while len(self.spent) > MOST_SPENT:
            del self.spent[next(iter(self.spent))]
