"""
Values that no sensor can have measured: physically impossible ones, and integers that stand for "no value".

Only certainly impossible values count, not unlikely ones: a freezer's −60 °C, a kiln's 1,200 °C, and 65,535 counts are
values. docs/formats.md has the table in words.
"""

from collections.abc import Mapping
from functools import cache

# In hundredths of the unit, so that the bounds of the integers are exact.
_ANY = (-(10**999), 10**999)  # beyond every finite number of a payload
BOUNDS: Mapping[str, tuple[int, int]] = {
    # Absolute zero is −273.15 °C.
    "temperature": (-273_15, _ANY[1]),
    "dew_point": (-273_15, _ANY[1]),
    # Sensirion's SHT2x and SHT4x, the sensors in these thermometers, compute −6 + 125 × (0 to 1), and their data
    # sheets allow results above 100 %, which wet sensors give. Moisture is usually scaled in the same way.
    "humidity": (-6_00, 119_00),
    "moisture": (-6_00, 119_00),
    # 0 to 100; all other values are prohibited (Bluetooth SIG, GATT Specification Supplement, Battery Level).
    "battery": (0, 100_00),
    # A full circle.
    "direction": (0, 360_00),
}
"""Measurement name to its least and its greatest possible value."""

# The greatest number of two signed bytes, 327.67 °C in hundredths, stands for a value that did not fit, or for none;
# −327.68 °C is below absolute zero.
_TEMPERATURES = {"temperature", "dew_point"}
_NO_TEMPERATURE = 0x7FFF


@cache
def bounds(name: str, divisor: int, signed_size: int = 0, multiplier: int = 1) -> tuple[int, int]:
    """
    Return the least and the greatest possible value, as integers before the division.

    Args:
        name: The measurement's.
        divisor: The value is the integer divided by it.
        signed_size: Bytes of a signed integer; 0 for an unsigned one or a floating-point number.
        multiplier: The integer is the one that was sent, multiplied by it.
    """
    least, most = (bound * divisor for bound in BOUNDS.get(name, _ANY))
    if name in _TEMPERATURES and signed_size == 2:
        most = min(most, (_NO_TEMPERATURE - 1) * multiplier * 100)
    return -(-least // 100), most // 100
