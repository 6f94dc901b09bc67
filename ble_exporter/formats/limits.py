"""
The limits of possible values. No sensor can have measured a value beyond them; some of these values mean "no value".

Unlikely values stay within the limits: −60 °C in a freezer, 1,200 °C in a kiln, and a count of 65,535 are accepted.
docs/formats.md describes the limits.
"""

from collections.abc import Mapping
from functools import lru_cache

MOST_OF_ANY = 10**298
"""
The greatest possible value of a measurement without bounds, in any unit; its negative is the least.

BTHome v1 sends floating-point numbers up to 1.8 × 10^308, and the conversion of such a number to a base unit could
give infinity. An integer has at most 30 bytes; multiplied by the largest multiplier of the table, it is below 10^80.
"""

# Bounds are in hundredths of the unit, so that the bounds of the raw integers are exact.
_ANY = (-MOST_OF_ANY * 100, MOST_OF_ANY * 100)
BOUNDS: Mapping[str, tuple[int, int]] = {
    # Absolute zero is −273.15 °C.
    "temperature": (-273_15, _ANY[1]),
    "dew_point": (-273_15, _ANY[1]),
    # Sensirion's SHT2x and SHT4x, the sensors in these thermometers, compute −6 + 125 × (0 to 1). Their data sheets
    # allow results above 100 %, which wet sensors report. Moisture usually has the same scale.
    "humidity": (-6_00, 119_00),
    "moisture": (-6_00, 119_00),
    # 0 to 100; all other values are prohibited (Bluetooth SIG, GATT Specification Supplement, Battery Level).
    "battery": (0, 100_00),
    # A full circle.
    "direction": (0, 360_00),
}
"""Measurement name to the least and the greatest possible value, in hundredths of the unit."""

# The greatest int16, 327.67 °C in hundredths, means overflow or "no value". The least, −327.68 °C, is below absolute
# zero.
_TEMPERATURES = {"temperature", "dew_point"}
_NO_TEMPERATURE = 0x7FFF


# The cache is bounded, because a sender chooses the size, and there are thousands of combinations.
@lru_cache(maxsize=256)
def bounds(name: str, divisor: int, signed_size: int = 0, multiplier: int = 1) -> tuple[int, int]:
    """
    Return the least and the greatest possible value, as integers before the division.

    Args:
        name: Name of the measurement.
        divisor: Divides the integer; the quotient is the value.
        signed_size: Size in bytes of a signed integer; 0 for an unsigned integer or a floating-point number.
        multiplier: Factor by which the integer in the payload was multiplied.
    """
    least, most = (bound * divisor for bound in BOUNDS.get(name, _ANY))
    if name in _TEMPERATURES and signed_size == 2:
        most = min(most, (_NO_TEMPERATURE - 1) * multiplier * 100)
    return -(-least // 100), most // 100
