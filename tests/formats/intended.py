"""
The intended differences from bthome-ble, and their reasons; there must be no others.

docs/formats.md describes them for users. bthome-ble also keeps state between packets, but here each packet gets a new
instance.
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
    One intended difference. In the comments below, "we" means this project.

    Attributes:
        name: The property of a packet that causes the difference.
        explains: Returns whether a difference is the intended one.
        is_all: Whether the other differences of the packet are ignored.
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
    """Return the largest rounding error of bthome-ble's value."""
    is_float = one.value_type == 2
    # Rounding changes a value by at most half of the last decimal. Integers keep all decimals of their factor; only
    # those with the factor 0.35 are rounded.
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
# No sensor can have measured more in any unit.
_MOST = 1e298


def _is_impossible(one: Object, value: object) -> bool:
    """Return whether no sensor can have measured bthome-ble's value; docs/formats.md has the table."""
    if not isinstance(value, float) or KINDS[one.object_id].kind != "sensor":
        return False
    if abs(value) > _MOST:
        return True
    key, margin = KINDS[one.object_id].key, _rounding(one)
    least, most = _LEAST_AND_MOST.get(key, (-math.inf, math.inf))
    is_none = key in ("temperature", "dew_point") and one.data == b"\xff\x7f" and one.value_type in (None, 1)
    return is_none or not math.isfinite(value) or not least + margin <= value <= most - margin


def _is_all_impossible(difference: Difference, comparison: Comparison) -> bool:
    """Return whether each object is an impossible measurement, a packet id, or an object that we ignore."""
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
    """Return whether an object of version 1 without a numeric value has an unusual type."""
    usual = {0x00: (0,), 0x3A: (0, 1), 0x3C: (0, 1), 0x53: (3,), 0x54: (4,)}
    return one.value_type is not None and one.value_type not in usual.get(one.object_id, range(8))


def _is_shifted(difference: Difference, comparison: Comparison, *, is_unfit: bool) -> bool:
    """Return whether only one of the two decoders counts another object of the same key when it numbers values."""
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
    # --- acceptance of a packet ---
    # No valid packet is cut short. In a truncated packet, the objects before the cut may be damaged, too, and a wrong
    # value stays in a graph for ever. bthome-ble keeps these objects. For an object of version 1 without a value, it
    # returns 0 and continues to read.
    Intended("cut short", lambda it, at: _is_rejected(it, "truncated") and at.end == CUT, is_all=True),
    # bthome-ble raises IndexError, which its caller has to catch. We reject the payload as "truncated".
    Intended("empty service data", lambda it, at: _raises(it, "IndexError") and at.packet.payload == b"", is_all=True),
    # The length of an advertisement's field is one byte, so no radio can receive such a packet.
    Intended(
        "more than 255 bytes",
        lambda it, at: _is_rejected(it, "too_long") and len(at.packet.payload) > 255,
        is_all=True,
    ),
    # To bthome-ble, bit 1 means "six bytes of MAC address follow", which it skips. The specification reserves the bit.
    Intended(
        "reserved bit",
        lambda it, at: _is_rejected(it, "reserved_bit") and at.packet.payload[0] & 0xE2 == 0x42,
        is_all=True,
    ),
    # bthome-ble raises AssertionError. Version 1 has no such object: we skip it, like every unknown object.
    Intended(
        "device information in version 1",
        lambda it, at: _raises(it, "AssertionError") and _has(at, [0xF0, 0xF1, 0xF2], _ANY_TYPE),
        is_all=True,
    ),
    # bthome-ble raises OverflowError or OSError for a time beyond its calendar. We treat the time as a number, or as an
    # impossible value.
    Intended(
        "a clock beyond the calendar",
        lambda it, at: _raises(it, "OverflowError", "OSError") and _has(at, range(256), [5]),
        is_all=True,
    ),
    # bthome-ble returns no value, or raises an error, if the year has more than four digits. We return the time.
    Intended(
        "a clock beyond the year 9999",
        lambda it, _: (
            _value_of(it, 0x50) and isinstance(it.ours, float) and it.ours >= _YEAR_10000 and it.theirs is No.VALUE
        ),
    ),
    # bthome-ble refuses the packet. Our decoders accept it for the command `decode`; the pipeline refuses it
    # (docs/security.md).
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
    # bthome-ble decrypts only content of at least two bytes (four in version 1). An object of version 1 may have three
    # bytes, and with a valid MIC even shorter content is authentic.
    Intended(
        "short encrypted content",
        lambda it, at: _only_we_accept(it) and "encrypted" in at.packet.branch and _is_short(at),
        is_all=True,
    ),
    # bthome-ble ignores a packet without any known object. We accept the packet, which shows that the sensor is
    # present. Only this difference is intended: the objects of the packet are compared.
    Intended("no object that it knows", lambda it, at: _only_we_accept(it) and not at.theirs.values),
    # A battery of 255 % is impossible, but bthome-ble returns it. We reject a packet without a possible value.
    Intended("nothing possible", _is_all_impossible, is_all=True),
    # --- values ---
    # bthome-ble keeps the last of two objects with one key: the same measurement in two units (pounds and kilograms),
    # or two versions or device types. We number them, and lose none.
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
    # Each measurement has one unit here, so that a metric has one unit (docs/metrics.md).
    Intended("pounds", _scaled(0x07, 0.45359237)),
    Intended("millimetres", _scaled(0x40, 0.001)),
    Intended("millilitres", _scaled(0x48, 0.001)),
    # bthome-ble rounds to the decimals of the factor: 0.35 to tenths, and floating-point numbers to whole millivolts,
    # for example. We return the value that was sent.
    Intended("a third decimal of 0.35", lambda it, at: _value_of(it, 0x58) and _is_rounded(it, at)),
    Intended("decimals of a floating-point number", _is_rounded),
    # A packet has one id. The specification does not define the case of two: we use the last, as for other values that
    # overwrite one another. bthome-ble keeps both.
    Intended(
        "two packet ids", lambda it, at: _value_of(it, 0x00) and sum(one.object_id == 0 for one in at.objects) > 1
    ),
    # bthome-ble returns no text. We show the text with replacement characters: it goes into no metric, and helps to
    # find a fault in a sensor.
    Intended(
        "a text that is not UTF-8",
        lambda it, _: _value_of(it, 0x53) and "\N{REPLACEMENT CHARACTER}" in str(it.ours) and it.theirs is No.VALUE,
    ),
    # bthome-ble skips an empty text or raw object, and does not count it among the positions.
    Intended(
        "an empty text or raw",
        lambda it, _: _value_of(it, 0x53, 0x54) and it.ours in ("", b"") and it.theirs is No.VALUE,
    ),
    Intended("a position after an empty text", lambda it, at: _is_shifted(it, at, is_unfit=False)),
    # For the code 0 ("none") or an unknown code, bthome-ble fires no event. Our event is "none", or contains the code.
    Intended(
        "no event, or an unknown one",
        lambda it, _: (
            _value_of(it, 0x3A, 0x3B, 0x3C) and str(it.ours).startswith(("none", "unknown")) and it.theirs is No.VALUE
        ),
    ),
    # Shelly's firmware before 1.0.20 sent 0xFE for a held button; bthome-ble knows only the later code, 0x80.
    Intended(
        "a held button by its old code",
        lambda it, _: _value_of(it, 0x3A) and it.ours == "hold_press" and it.theirs is No.VALUE,
    ),
    # --- the types of version 1 ---
    # Version 1 has no commands; bthome-ble reads the object as one byte.
    Intended(
        "a command in version 1",
        lambda it, _: _value_of(it, 0x3B) and it.one is not None and it.one.value_type is not None,
    ),
    # A temperature can't be a text, a MAC address, a time, or a floating-point number of three bytes. bthome-ble
    # returns the text as the temperature. We skip the object and count it (ble_exporter_unknown_objects_total).
    Intended(
        "a type that the object can't have",
        lambda it, _: it.what == "value" and it.one is not None and not fits(it.one) and it.ours is No.VALUE,
    ),
    # bthome-ble counts objects that it can't read among the positions. We count only values.
    Intended("a position after an object without a value", lambda it, at: _is_shifted(it, at, is_unfit=True)),
    # The object id determines the type of an event, a text, raw data and a packet id, so we ignore the type that was
    # sent. bthome-ble uses the type that was sent, and may return a number for a text.
    Intended(
        "no number, by another type",
        lambda it, _: it.what == "value" and it.one is not None and _has_another_type(it.one),
    ),
    # bthome-ble counts kilograms and pounds separately, as two names. We use one name for both.
    Intended(
        "a position among other units",
        lambda it, _: it.what == "position" and it.one is not None and OBJECTS[it.one.object_id].name in _SEVERAL_UNITS,
    ),
]
"""The first entry that explains a difference is used."""


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
