"""
Why a device is silent: one reason and one sentence, from evidence. See docs/silence.md.

These are pure functions. The first rule that the evidence satisfies gives the reason. The last reason, `left`,
needs no evidence except that the packets have stopped.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from ble_exporter.device.listening import NOTE_S
from ble_exporter.device.signal_trend import WEAK_DBM, Fall
from ble_exporter.errors import RejectReason
from ble_exporter.utils import in_words, number_of

SilenceReason = Literal["refused", "not_listening", "never_heard", "all_silent", "faded", "battery_low", "left"]
"""Why a device is silent. The reasons are few, because each is a label value."""

SILENCE_REASONS: tuple[SilenceReason, ...] = get_args(SilenceReason)

LOW_BATTERY_PERCENT = 10.0
"""Up to this level, a battery counts as low: most sensors then continue for days or weeks, but less reliably."""

_LEAST_COMPANIONS = 2


@dataclass(frozen=True)
class Evidence:
    """
    All facts about one silent device that may explain its silence. Times are in seconds.

    Attributes:
        silent_s: The time since its latest packet or, if it was never heard, since `beginning`.
        was_heard: Whether any packet of it was accepted.
        beginning: The event since which it could have been heard, as text.
        refusal_limit_s: For how long a refused packet explains the silence.
        refusal: The reason for the latest refusal of a packet, and the time since then; None if none was refused.
        adapter: The adapter that heard it best; empty if that is not known.
        listened_s: How long this adapter listened during the silence; if it is not known, the longest time of any
            adapter. Infinite if the time is not known.
        recent_s: The length of the recent past in which listening counts: the time after which the device counts as
            silent or, if that is longer, six scan intervals.
        listened_recently_s: The part of `listened_s` that lies within the last `recent_s`.
        enough_s: The least `listened_recently_s` with which the silence says anything about the device.
        last_together: The number of devices, this one included, that were the last to be heard, and fell silent at the
            same time; 0 if this one was not among them.
        all_silent_s: The time since the latest packet of any configured device; 0 if that packet is recent.
        others_heard: The number of other configured devices that were heard after its latest packet and are not silent.
        strangers_ago_s: The time since the latest packet of an unknown device, accurate to NOTE_S; None without one.
        fall: The fall of its signal, at the adapter with the strongest signal; None if the signal did not fall.
        rssi: The latest RSSI at that adapter in dBm; None if unknown.
        battery: The latest battery level in percent; None if unknown or out of date.
        is_battery_low: Whether the device itself reported a low battery; None if it did not, or only long ago.
    """

    silent_s: float
    was_heard: bool = True
    beginning: str = "the exporter started"
    refusal_limit_s: float = 60.0
    refusal: tuple[RejectReason, float] | None = None
    adapter: str = ""
    listened_s: float = float("inf")
    recent_s: float = 60.0
    listened_recently_s: float = float("inf")
    enough_s: float = 0.0
    last_together: int = 0
    all_silent_s: float = 0.0
    others_heard: int = 0
    strangers_ago_s: float | None = None
    fall: Fall | None = None
    rssi: int | None = None
    battery: float | None = None
    is_battery_low: bool | None = None


class Silence(NamedTuple):
    """The reason for a device's silence, and its evidence."""

    reason: SilenceReason
    evidence: Evidence

    @property
    def text(self) -> str:
        """A sentence that contains the evidence. A scrape, which needs only the reason, does not build it."""
        text = _RULES[self.reason].text(self.evidence)
        return f"{text[0].upper()}{text[1:]}."


def explain(evidence: Evidence) -> Silence:
    """Return the first reason that the evidence of a silent device supports."""
    return Silence(next(reason for reason, rule in _RULES.items() if rule.holds(evidence)), evidence)


def _is_refused(evidence: Evidence) -> bool:
    """Packets that arrive now are the best evidence of all, whatever else may be wrong."""
    return evidence.refusal is not None and evidence.refusal[1] < evidence.refusal_limit_s


def _refused(evidence: Evidence) -> str:
    reason, ago_s = evidence.refusal or ("no_known_format", 0.0)
    return f"packets arrive under its address, the latest {in_words(ago_s)} ago, but are refused: {_named(reason)}"


def _is_not_listening(evidence: Evidence) -> bool:
    """
    While nobody listens, silence says nothing about the device.

    Only recent listening counts: a hung adapter seems to listen until its failure is noticed, and that time would
    otherwise hide that nothing has listened since.
    """
    return evidence.listened_recently_s < evidence.enough_s


def _not_listening(evidence: Evidence) -> str:
    who = f"adapter {evidence.adapter}, which heard it best," if evidence.adapter else "the exporter"
    since = "since its last packet" if evidence.was_heard else f"since {evidence.beginning}"
    silence = f"the {in_words(evidence.silent_s)} {since}"
    if evidence.listened_s < evidence.enough_s:
        return f"{who} listened for {_only(evidence.listened_s)} of {silence}"
    recently = f"{who} listened for {_only(evidence.listened_recently_s)} of the last {in_words(evidence.recent_s)}"
    return (
        recently if math.isinf(evidence.listened_s) else f"{recently}, and {in_words(evidence.listened_s)} of {silence}"
    )


def _never_heard(evidence: Evidence) -> str:
    since = f"since {evidence.beginning} {in_words(evidence.silent_s)} ago"
    if evidence.refusal is None:
        return f"nothing was heard of it {since}{_others(evidence)}"
    reason, ago_s = evidence.refusal
    return f"no packet of it was accepted {since}; the latest, {in_words(ago_s)} ago, was refused: {_named(reason)}"


def _are_all_silent(evidence: Evidence) -> bool:
    """One cause at the radio is likelier than several sensors that fail at the same moment."""
    return evidence.last_together >= _LEAST_COMPANIONS


def _all_silent(evidence: Evidence) -> str:
    ago_s, all_silent_s = evidence.strangers_ago_s, evidence.all_silent_s
    strangers = others = ""
    if ago_s is not None and _is_since(ago_s, all_silent_s):
        others = f"; another Bluetooth device was heard {in_words(ago_s)} ago"
    elif ago_s is not None:
        strangers = ", nor from any other Bluetooth device"
    text = f"nothing was heard from any sensor for {in_words(all_silent_s)}{strangers}"
    return f"{text}: {number_of(evidence.last_together, 'sensor')} fell silent at the same time{others}"


def _faded(evidence: Evidence) -> str:
    fall = evidence.fall or Fall(0, 0, 0)
    battery = f"; its battery was {_level(evidence)}" if _is_low(evidence) else ""
    span = in_words(fall.span_s)
    return f"its signal fell from {fall.from_dbm} to {fall.to_dbm} dBm in the {span} before its last packet{battery}"


def _battery_low(evidence: Evidence) -> str:
    return f"its battery was {_level(evidence)}"


def _left(evidence: Evidence) -> str:
    """Return only what was observed: the packets may have stopped for many reasons."""
    last = []
    if evidence.rssi is not None:
        weak = "weak " if evidence.rssi <= WEAK_DBM else ""
        last.append(f"a {weak}signal of {evidence.rssi} dBm")
    if evidence.battery is not None:
        last.append(f"a battery at {evidence.battery:g} %")
    had = f"; it had {' and '.join(last)}" if last else ""
    return f"its packets stopped{had}{_others(evidence)}"


def _only(listened_s: float) -> str:
    return f"only {in_words(listened_s)}" if listened_s >= 1 else "none"


def _named(reason: RejectReason) -> str:
    return reason.replace("_", " ")


def _is_low(evidence: Evidence) -> bool:
    return bool(evidence.is_battery_low) or (evidence.battery is not None and evidence.battery <= LOW_BATTERY_PERCENT)


def _level(evidence: Evidence) -> str:
    return "low" if evidence.battery is None or evidence.battery > LOW_BATTERY_PERCENT else f"at {evidence.battery:g} %"


def _others(evidence: Evidence) -> str:
    """Return a text about other devices: if one is heard, the radio works. Empty if nothing is known about them."""
    if evidence.others_heard:
        verb = "is" if evidence.others_heard == 1 else "are"
        return f"; {number_of(evidence.others_heard, 'other sensor')} {verb} heard"
    ago_s = evidence.strangers_ago_s
    if ago_s is None:
        return ""
    is_since = _is_since(ago_s, evidence.silent_s)
    return f"; another device was heard {in_words(ago_s)} ago" if is_since else "; no other device was heard since"


def _is_since(ago_s: float, silent_s: float) -> bool:
    """Return whether unknown devices were heard during a silence. The time of their packets is accurate to NOTE_S."""
    return silent_s - ago_s > NOTE_S


class _Rule(NamedTuple):
    """One reason: whether the evidence for it holds, and the sentence about it."""

    holds: Callable[[Evidence], bool]
    text: Callable[[Evidence], str]


_RULES: Mapping[SilenceReason, _Rule] = {
    "refused": _Rule(_is_refused, _refused),
    "not_listening": _Rule(_is_not_listening, _not_listening),
    "never_heard": _Rule(lambda evidence: not evidence.was_heard, _never_heard),
    "all_silent": _Rule(_are_all_silent, _all_silent),
    "faded": _Rule(lambda evidence: evidence.fall is not None, _faded),
    "battery_low": _Rule(_is_low, _battery_low),
    "left": _Rule(lambda _evidence: True, _left),
}
"""The rules in the order of precedence."""
