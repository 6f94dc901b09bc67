"""
Counts the measurements of a sensor that were heard, and those that were missed, by the gaps in its packet ids.

A sensor gives each measurement the next packet id, from 0 to 255, and then 0 again. This is pure arithmetic on ids and
monotonic seconds. docs/reception.md describes the rule and its errors.
"""

_IDS = 256
# A larger step says little about the interval between two measurements: there may have been an outage.
_MOST_STEPS_TO_LEARN = 8
_STEPS_TO_LEARN = 3
# When more steps than this have been learned, all of them count half, so that later ones weigh more.
_STEPS_LEARNED = 32
# The first packet of a measurement may be lost, so a gap is wrong by up to an interval at each end. The learned
# interval may be wrong by several percent.
_SLACK_STEPS = 2.0
_SLACK_SHARE = 0.1
# After this many gaps in a row in which the ids fit the learned interval, the ids are known to count measurements.
_STEPS_TO_TRUST = 4
# When there are more measurements than this, they are scaled to half this number, so that old ones count ever less.
_RECENT = 256


class MeasurementCount:
    """
    The measurements of one sensor.

    The ids of some devices do not count measurements: they are fixed, or random. Therefore, the counts are valid only
    once the ids have fitted the time between packets several times in a row (`is_known`).

    Attributes:
        heard: The number of measurements of which at least one packet was heard.
        missed: The number of measurements of which no packet was heard, as far as the ids tell.
        is_known: Whether the ids are known to count measurements; once True, it stays True.
    """

    __slots__ = (
        "_gaps_s",
        "_id",
        "_recent_heard",
        "_recent_missed",
        "_since_s",
        "_steps",
        "_suited",
        "heard",
        "is_known",
        "missed",
    )

    def __init__(self) -> None:
        self.heard = self.missed = 0
        self.is_known = False
        self._id: int | None = None
        self._since_s = 0.0
        # The sums of seconds and steps between the first packets of measurements that follow each other closely. The
        # errors of successive gaps cancel out in a sum.
        self._gaps_s = self._steps = 0.0
        self._suited = 0
        self._recent_heard: float = 0
        self._recent_missed: float = 0

    @property
    def interval_s(self) -> float | None:
        """The learned interval between two measurements in seconds; None before the first few steps."""
        return self._gaps_s / self._steps if self._steps >= _STEPS_TO_LEARN else None

    @property
    def recent_share(self) -> float | None:
        """The share of the latest measurements that was heard; None if it is not known."""
        return self._recent_heard / (self._recent_heard + self._recent_missed) if self.is_known else None

    def hear(self, packet_id: int, now_s: float) -> None:
        """Note the first packet of a measurement, or the first one after the device was not heard for a while."""
        before, before_s = self._id, self._since_s
        self._id, self._since_s = packet_id, now_s
        if before is None:
            return
        gap_s, steps, learned = now_s - before_s, (packet_id - before) % _IDS, self._steps
        if learned < _STEPS_TO_LEARN:
            self._learn(gap_s, steps)
            return
        expected = gap_s * learned / self._gaps_s
        if expected > _IDS / 2:
            # In a long gap, the ids may have wrapped around several times.
            steps += _IDS * max(0, round((expected - steps) / _IDS))
        slack = _SLACK_STEPS + _SLACK_SHARE * expected
        if steps == 0 and expected <= slack:
            # The device was not heard for a while, but its measurement is still the same.
            self._since_s = before_s
            return
        self._learn(gap_s, steps)
        if steps == 0 or abs(steps - expected) > slack or slack >= _IDS / 2:
            # The sensor has restarted or was given another interval, or the gap is too long to tell.
            self._suited = 0
            if not self.is_known:
                self.heard = self.missed = self._recent_heard = self._recent_missed = 0
                return
            steps = 1
        elif not self.is_known:
            self._suited += 1
            self.is_known = self._suited >= _STEPS_TO_TRUST
        self._count(steps)

    def _count(self, steps: int) -> None:
        """Count the last of these steps as heard, and those before it as missed."""
        self.heard += 1
        self.missed += steps - 1
        self._recent_heard += 1
        self._recent_missed += steps - 1
        recent = self._recent_heard + self._recent_missed
        if recent > _RECENT:
            self._recent_heard *= _RECENT / 2 / recent
            self._recent_missed *= _RECENT / 2 / recent

    def _learn(self, gap_s: float, steps: int) -> None:
        if 0 < steps <= _MOST_STEPS_TO_LEARN and gap_s > 0:
            self._gaps_s += gap_s
            self._steps += steps
            if self._steps > _STEPS_LEARNED:
                self._gaps_s /= 2
                self._steps /= 2
