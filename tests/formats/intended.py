"""
Where we mean to differ from bthome-ble, and why; there are no other differences.

docs/formats.md tells users of them. What bthome-ble remembers from packet to packet is in none: it is asked about each
by itself.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ble_exporter.errors import DecodeError
from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.formats.decoded import Decoded
from tests.formats.comparison import CUT, Comparison, Difference, No, differences, fits
from tests.formats.oracle import DECIMALS, KINDS, Object


class Intended(NamedTuple):
    """
    One difference that is meant.

    Attributes:
        name: What a packet must have for it.
        explains: Whether a difference is this one.
        is_all: There is nothing else to compare then.
    """

    name: str
    explains: Callable[[Difference, Comparison], bool]
    is_all: bool = False


def _is_rejected(difference: Difference, reason: str) -> bool:
    ours = difference.ours
    return difference.what == "acceptance" and isinstance(ours, DecodeError) and ours.reason == reason


def _raises(difference: Difference, *names: str) -> bool:
    return difference.what == "acceptance" and difference.theirs in names


def _only_we_accept(difference: Difference) -> bool:
    return difference.what == "acceptance" and difference.ours is True


def _is_short(comparison: Comparison) -> bool:
    beside_ciphertext, least = {"v2 encrypted": (9, 2), "v1 encrypted": (8, 4)}[comparison.packet.branch]
    return len(comparison.packet.payload) - beside_ciphertext < least


def _rounding(one: Object) -> float:
    """Return the most by which bthome-ble's value is not the exact one."""
    is_float = one.value_type == 2
    # Up to a half of the last decimal; and where there are no more decimals, the value's own.
    return 0.5000001 * 10.0 ** -DECIMALS[one.object_id] if is_float or one.object_id == 0x58 else 0.0


_YEAR_10000 = 253_402_300_800  # seconds
_LEAST_AND_MOST = {
    "temperature": (-273.15, math.inf),
    "dew_point": (-273.15, math.inf),
    "humidity": (-6.0, 119.0),
    "moisture": (-6.0, 119.0),
    "battery": (0.0, 100.0),
    "direction": (0.0, 360.0),
}
# A floating-point number that has to be converted, to kilograms or by 0.35, may be too large for it: 10^307.
_MOST_CONVERTED = 1e298


def _is_impossible(one: Object, value: object) -> bool:
    """Return whether no sensor can have measured what bthome-ble gives; docs/formats.md has the table."""
    if not isinstance(value, float) or KINDS[one.object_id].kind != "sensor":
        return False
    if one.object_id in (0x07, 0x58) and abs(value) > _MOST_CONVERTED:
        return True
    key, margin = KINDS[one.object_id].key, _rounding(one)
    least, most = _LEAST_AND_MOST.get(key, (-math.inf, math.inf))
    is_none = key in ("temperature", "dew_point") and one.data == b"\xff\x7f" and one.value_type in (None, 1)
    return is_none or not math.isfinite(value) or not least + margin <= value <= most - margin


def _is_all_impossible(difference: Difference, comparison: Comparison) -> bool:
    """Return whether each object is an impossible measurement, or a packet id, or nothing to us."""
    measured = [one for one in comparison.objects if fits(one) and one.object_id != 0]
    if not _is_rejected(difference, "impossible_value") or not measured:
        return False
    nothing = Decoded({}, {}, None, None)
    alone = comparison._replace(ours=nothing, objects=comparison.objects)
    values = [one for one in differences(alone) if one.what == "value" and one.one in measured]
    return len(values) == len(measured) and all(
        one.is_overwritten or (one.one is not None and _is_impossible(one.one, one.theirs)) for one in values
    )


def _scaled(object_id: int, factor: float) -> Callable[[Difference, Comparison], bool]:
    def explains(difference: Difference, _: Comparison) -> bool:
        one, ours, theirs = difference.one, difference.ours, difference.theirs
        if difference.what != "value" or one is None or one.object_id != object_id:
            return False
        if not isinstance(ours, float) or not isinstance(theirs, float):
            return False
        return math.isclose(ours, theirs * factor, rel_tol=1e-12, abs_tol=1e-9 + _rounding(one) * factor)

    return explains


def _is_rounded(difference: Difference, _: Comparison) -> bool:
    one, ours, theirs = difference.one, difference.ours, difference.theirs
    if difference.what != "value" or one is None or not isinstance(ours, float) or not isinstance(theirs, float):
        return False
    exact = _rounding(one)
    return exact > 0 and abs(ours - theirs) <= exact + 1e-12 * abs(ours)


def _value_of(difference: Difference, *object_ids: int) -> bool:
    return difference.what == "value" and difference.one is not None and difference.one.object_id in object_ids


def _has_another_type(one: Object) -> bool:
    """Return whether version 1 has the id for something that has no number, and the object has another type."""
    usual = {0x00: (0,), 0x3A: (0, 1), 0x3C: (0, 1), 0x53: (3,), 0x54: (4,)}
    return one.value_type is not None and one.value_type not in usual.get(one.object_id, range(8))


def _is_shifted(difference: Difference, comparison: Comparison, *, is_unfit: bool) -> bool:
    """Return whether bthome-ble counts an object, or not, that has the key of this one, for another reason than we."""
    one = difference.one
    if difference.what != "position" or one is None:
        return False
    key = KINDS[one.object_id].key
    same = [other for other in comparison.objects if other.object_id in KINDS and KINDS[other.object_id].key == key]
    return any(not fits(other) for other in same) if is_unfit else any(not other.data for other in same)


def _has(comparison: Comparison, object_ids: Sequence[int], value_types: Sequence[int]) -> bool:
    return any(one.object_id in object_ids and one.value_type in value_types for one in comparison.objects)


_ANY_TYPE = range(8)
_SEVERAL_UNITS = ("mass", "distance", "volume")

INTENDED: Sequence[Intended] = [
    # --- whether a packet is accepted ---
    # The specification has no such packet, and what is in front of the cut may be as broken as the rest: a value that
    # nobody sent stays in a graph for ever. It keeps what is in front. Behind an object of version 1 that has no value
    # it reads on, whatever that leads to, and gives 0 for it.
    Intended("cut short", lambda it, at: _is_rejected(it, "truncated") and at.end == CUT, is_all=True),
    # It raises IndexError, which its caller has to catch. We reject it as "truncated".
    Intended("empty service data", lambda it, at: _raises(it, "IndexError") and at.packet.payload == b"", is_all=True),
    # The length of a field of an advertisement is one byte: this was never on the air.
    Intended(
        "more than 255 bytes",
        lambda it, at: _is_rejected(it, "too_long") and len(at.packet.payload) > 255,
        is_all=True,
    ),
    # It takes bit 1 for "six bytes of MAC address follow", and skips them. The specification reserves the bit.
    Intended(
        "reserved bit",
        lambda it, at: _is_rejected(it, "reserved_bit") and at.packet.payload[0] & 0xE2 == 0x42,
        is_all=True,
    ),
    # It raises AssertionError. Version 1 has no such object: we step over it, as over each that is not known.
    Intended(
        "device information in version 1",
        lambda it, at: _raises(it, "AssertionError") and _has(at, [0xF0, 0xF1, 0xF2], _ANY_TYPE),
        is_all=True,
    ),
    # It raises OverflowError or OSError: such a clock is beyond its calendar. To us it is a number, or no measurement.
    Intended(
        "a clock beyond the calendar",
        lambda it, at: _raises(it, "OverflowError", "OSError") and _has(at, range(256), [5]),
        is_all=True,
    ),
    # It gives none, or raises, where the year has more than four digits.
    Intended(
        "a clock beyond the year 9999",
        lambda it, _: (
            _value_of(it, 0x50) and isinstance(it.ours, float) and it.ours >= _YEAR_10000 and it.theirs is No.VALUE
        ),
    ),
    # It refuses. Ours is decoded, for whoever asks for the payload alone; the pipeline refuses it before (security.md).
    Intended(
        "plain, though there is a key",
        lambda it, at: (
            _only_we_accept(it)
            and at.packet.key is not None
            and at.theirs.counter is None
            and (at.packet.branch == "v1" or at.packet.payload[0] & 1 == 0)
        ),
        is_all=True,
    ),
    # It decrypts no less than two bytes (four in version 1). An object of version 1 may have three; and what the MIC
    # vouches for is authentic, however short.
    Intended(
        "little that is encrypted",
        lambda it, at: _only_we_accept(it) and "encrypted" in at.packet.branch and _is_short(at),
        is_all=True,
    ),
    # To it, a packet without anything that it knows was not heard. To us it is sound: the sensor is there, and says so.
    # What each object in it is to the two of us is compared all the same.
    Intended("nothing that it takes", lambda it, at: _only_we_accept(it) and not at.theirs.values),
    # A battery of 255 % is none. It gives whatever number it reads. Where nothing possible is left, we reject.
    Intended("nothing possible", _is_all_impossible, is_all=True),
    # --- values ---
    # Of two objects with one key the last wins. They have one key where their units differ (pounds and kilograms), and
    # where they are versions or device types. We number them, and lose none.
    Intended("one key for two", lambda it, _: it.what == "value" and it.is_overwritten),
    Intended(
        "impossible",
        lambda it, _: (
            it.what == "value"
            and it.ours is No.POSSIBLE_VALUE
            and it.one is not None
            and _is_impossible(it.one, it.theirs)
        ),
    ),
    # One name has one unit here, so that one metric has (docs/metrics.md).
    Intended("pounds", _scaled(0x07, 0.45359237)),
    Intended("millimetres", _scaled(0x40, 0.001)),
    Intended("millilitres", _scaled(0x48, 0.001)),
    # It rounds to the decimals of the factor: 0.35 to tenths, and a floating-point number to whole millivolts or more.
    # We give what was sent.
    Intended("a third decimal of 0.35", lambda it, at: _value_of(it, 0x58) and _is_rounded(it, at)),
    Intended("decimals of a floating-point number", _is_rounded),
    # A packet has one. The specification does not say which, if there are two: the last, as wherever one overwrites
    # another. It keeps both.
    Intended(
        "two packet ids", lambda it, at: _value_of(it, 0x00) and sum(one.object_id == 0 for one in at.objects) > 1
    ),
    # It says nothing of it. We show what can be read of it: it goes into no metric, and whoever looks for a fault in a
    # sensor sees it.
    Intended(
        "a text that is not UTF-8",
        lambda it, _: _value_of(it, 0x53) and "\N{REPLACEMENT CHARACTER}" in str(it.ours) and it.theirs is No.VALUE,
    ),
    # It steps over it, and does not count it.
    Intended(
        "an empty text or raw",
        lambda it, _: _value_of(it, 0x53, 0x54) and it.ours in ("", b"") and it.theirs is No.VALUE,
    ),
    Intended("a position behind an empty text", lambda it, at: _is_shifted(it, at, is_unfit=False)),
    # It fires no event for these. We say that there was none, or its code.
    Intended(
        "no event, or an unknown one",
        lambda it, _: (
            _value_of(it, 0x3A, 0x3B, 0x3C) and str(it.ours).startswith(("none", "unknown")) and it.theirs is No.VALUE
        ),
    ),
    # --- the types of version 1 ---
    # Version 1 has no such object; it reads it as one byte.
    Intended(
        "a command in version 1",
        lambda it, _: _value_of(it, 0x3B) and it.one is not None and it.one.value_type is not None,
    ),
    # A temperature that is a text, a MAC address, a time, or a floating-point number of three bytes is no temperature.
    # It gives the text as the temperature. We step over it and count it (ble_exporter_unknown_objects_total).
    Intended(
        "a type that the object can't have",
        lambda it, _: it.what == "value" and it.one is not None and not fits(it.one) and it.ours is No.VALUE,
    ),
    # It counts what it can't read among the positions. We count only what is a value.
    Intended("a position behind what is no value", lambda it, at: _is_shifted(it, at, is_unfit=True)),
    # Of an event, a text, raw data and a packet id we do not look at the type: the id says it. It gives a number as the
    # text.
    Intended(
        "no number, by another type",
        lambda it, _: it.what == "value" and it.one is not None and _has_another_type(it.one),
    ),
    # Kilograms and pounds are counted apart by it, as two names. To us they are one.
    Intended(
        "a position among other units",
        lambda it, _: it.what == "position" and it.one is not None and OBJECTS[it.one.object_id].name in _SEVERAL_UNITS,
    ),
]
"""The first entry that explains a difference is the one that counts."""


def explained(comparison: Comparison, intended: Sequence[Intended] = INTENDED) -> tuple[list[str], list[Difference]]:
    """Return the names of the intended differences of a packet, and the differences that are not intended."""
    names: list[str] = []
    unexplained = []
    for difference in differences(comparison):
        found = next((one for one in intended if one.explains(difference, comparison)), None)
        if found is None:
            unexplained.append(difference)
        else:
            names.append(found.name)
            if found.is_all:
                break
    return names, unexplained
