"""
The objects of BTHome, by their id: how long each is, how it is read, and in what unit.

Source: bthome.io/format
"""

from collections.abc import Callable, Mapping
from struct import Struct
from typing import NamedTuple

Raw = Callable[[bytes, int], tuple[int]]
"""Reads the integer at an index of a payload, as `Struct.unpack_from` does. Raises struct.error or IndexError."""


class Number(NamedTuple):
    """
    An object that is a little-endian integer: a sensor's value, or a binary sensor's 0 or 1.

    Attributes:
        name: The measurement's name. One name has one unit: where the format has pounds beside kilograms, a row
            converts.
        size: Bytes, without the object id.
        read: Reads the integer.
        divisor: The value is the integer divided by it. Not a factor: `raw * 0.01` misses the nearest double of
            the two-decimal value for 8,780 of the 65,536 int16 inputs, `raw / 100` for none.
        unit: The value's unit; empty for a number without one, and for a binary sensor.
    """

    name: str
    size: int
    read: Raw
    divisor: int
    unit: str


_LOW_AND_HIGH = Struct("<HB").unpack_from


def _uint24(payload: bytes, index: int) -> tuple[int]:
    low, high = _LOW_AND_HIGH(payload, index)
    return (low | high << 16,)


_UNSIGNED: Mapping[int, Raw] = {
    1: Struct("<B").unpack_from,
    2: Struct("<H").unpack_from,
    3: _uint24,
    4: Struct("<I").unpack_from,
}
_SIGNED: Mapping[int, Raw] = {
    1: Struct("<b").unpack_from,
    2: Struct("<h").unpack_from,
    4: Struct("<i").unpack_from,
}


def _pounds(payload: bytes, index: int) -> tuple[int]:
    return (_UNSIGNED[2](payload, index)[0] * 45_359_237,)  # one pound is 0.45359237 kg


def _thirty_five_hundredths(payload: bytes, index: int) -> tuple[int]:
    return (_SIGNED[1](payload, index)[0] * 35,)  # the format's only factor that is no power of ten: 0.35


def _flag(payload: bytes, index: int) -> tuple[int]:
    return (1 if payload[index] else 0,)


def _uint(name: str, size: int, divisor: int, unit: str) -> Number:
    return Number(name, size, _UNSIGNED[size], divisor, unit)


def _sint(name: str, size: int, divisor: int, unit: str) -> Number:
    return Number(name, size, _SIGNED[size], divisor, unit)


def _binary(name: str) -> Number:
    return Number(name, 1, _flag, 1, "")


# A binary sensor whose name is also a sensor's is named for what 1 means ("battery_low").
OBJECTS: Mapping[int, Number] = {
    0x01: _uint("battery", 1, 1, "%"),
    0x02: _sint("temperature", 2, 100, "°C"),
    0x03: _uint("humidity", 2, 100, "%"),
    0x04: _uint("pressure", 3, 100, "hPa"),
    0x05: _uint("illuminance", 3, 100, "lx"),
    0x06: _uint("mass", 2, 100, "kg"),
    0x07: Number("mass", 2, _pounds, 100 * 10**8, "kg"),
    0x08: _sint("dew_point", 2, 100, "°C"),
    0x09: _uint("count", 1, 1, ""),
    0x0A: _uint("energy", 3, 1000, "kWh"),
    0x0B: _uint("power", 3, 100, "W"),
    0x0C: _uint("voltage", 2, 1000, "V"),
    0x0D: _uint("pm25", 2, 1, "µg/m³"),
    0x0E: _uint("pm10", 2, 1, "µg/m³"),
    0x0F: _binary("generic"),
    0x10: _binary("power_on"),
    0x11: _binary("opening"),
    0x12: _uint("carbon_dioxide", 2, 1, "ppm"),
    0x13: _uint("volatile_organic_compounds", 2, 1, "µg/m³"),
    0x14: _uint("moisture", 2, 100, "%"),
    0x15: _binary("battery_low"),
    0x16: _binary("battery_charging"),
    0x17: _binary("carbon_monoxide"),
    0x18: _binary("cold"),
    0x19: _binary("connectivity"),
    0x1A: _binary("door"),
    0x1B: _binary("garage_door"),
    0x1C: _binary("gas_detected"),
    0x1D: _binary("heat"),
    0x1E: _binary("light"),
    0x1F: _binary("lock"),
    0x20: _binary("moisture_detected"),
    0x21: _binary("motion"),
    0x22: _binary("moving"),
    0x23: _binary("occupancy"),
    0x24: _binary("plug"),
    0x25: _binary("presence"),
    0x26: _binary("problem"),
    0x27: _binary("running"),
    0x28: _binary("safety"),
    0x29: _binary("smoke"),
    0x2A: _binary("sound"),
    0x2B: _binary("tamper"),
    0x2C: _binary("vibration"),
    0x2D: _binary("window"),
    0x2E: _uint("humidity", 1, 1, "%"),
    0x2F: _uint("moisture", 1, 1, "%"),
    0x3D: _uint("count", 2, 1, ""),
    0x3E: _uint("count", 4, 1, ""),
    0x3F: _sint("rotation", 2, 10, "°"),
    0x40: _uint("distance", 2, 1000, "m"),  # millimetres
    0x41: _uint("distance", 2, 10, "m"),
    0x42: _uint("duration", 3, 1000, "s"),
    0x43: _uint("current", 2, 1000, "A"),
    0x44: _uint("speed", 2, 100, "m/s"),
    0x45: _sint("temperature", 2, 10, "°C"),
    0x46: _uint("uv_index", 1, 10, ""),
    0x47: _uint("volume", 2, 10, "L"),
    0x48: _uint("volume", 2, 1000, "L"),  # millilitres
    0x49: _uint("volume_flow_rate", 2, 1000, "m³/h"),
    0x4A: _uint("voltage", 2, 10, "V"),
    0x4B: _uint("gas", 3, 1000, "m³"),
    0x4C: _uint("gas", 4, 1000, "m³"),
    0x4D: _uint("energy", 4, 1000, "kWh"),
    0x4E: _uint("volume", 4, 1000, "L"),
    0x4F: _uint("water", 4, 1000, "L"),
    0x51: _uint("acceleration", 2, 1000, "m/s²"),
    0x52: _uint("gyroscope", 2, 1000, "°/s"),
    0x55: _uint("volume_storage", 4, 1000, "L"),
    0x56: _uint("conductivity", 2, 1, "µS/cm"),
    0x57: _sint("temperature", 1, 1, "°C"),
    0x58: Number("temperature", 1, _thirty_five_hundredths, 100, "°C"),
    0x59: _sint("count", 1, 1, ""),
    0x5A: _sint("count", 2, 1, ""),
    0x5B: _sint("count", 4, 1, ""),
    0x5C: _sint("power", 4, 100, "W"),
    0x5D: _sint("current", 2, 1000, "A"),
    0x5E: _uint("direction", 2, 100, "°"),
    0x5F: _uint("precipitation", 2, 10, "mm"),
    0x60: _uint("channel", 1, 1, ""),
    0x61: _uint("rotational_speed", 2, 1, "rpm"),
    0x62: _sint("speed", 4, 10**6, "m/s"),
    0x63: _sint("acceleration", 4, 10**6, "m/s²"),
    0x64: _uint("light_level", 1, 1, ""),
    0x65: _uint("settings_revision", 1, 1, ""),
}


class Other(NamedTuple):
    """
    An object that is no measurement.

    Attributes:
        name: Its name in `Decoded.others`.
        length: Bytes behind the object id, or what tells them from the payload and the index of the first.
        value: Turns those bytes into the value.
    """

    name: str
    length: int | Callable[[bytes, int], int]
    value: Callable[[bytes], int | str | bytes]


_BUTTON_EVENTS = {
    0x00: "none",
    0x01: "press",
    0x02: "double_press",
    0x03: "triple_press",
    0x04: "long_press",
    0x05: "long_double_press",
    0x06: "long_triple_press",
    0x80: "hold_press",
}
_DIMMER_EVENTS = {0x00: "none", 0x01: "rotate_left", 0x02: "rotate_right"}
_COMMANDS = {0x00: "off", 0x01: "on", 0x02: "toggle", 0x03: "step_up", 0x04: "step_down"}
_COMMAND_ARGUMENTS = 0b0001_1111


def _event(names: Mapping[int, str], code: int, arguments: bytes = b"") -> str:
    name = names.get(code, f"unknown_0x{code:02x}")
    return f"{name} {arguments.hex()}" if arguments else name


def _little_endian(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _version(data: bytes) -> str:
    return ".".join(str(byte) for byte in reversed(data))


OTHERS: Mapping[int, Other] = {
    0x3A: Other("button", 1, lambda data: _event(_BUTTON_EVENTS, data[0])),
    # One byte whose lower five bits count the arguments, the command, the arguments.
    0x3B: Other(
        "command",
        lambda payload, start: 2 + (payload[start] & _COMMAND_ARGUMENTS),
        lambda data: _event(_COMMANDS, data[1], data[2:]),
    ),
    0x3C: Other("dimmer", 2, lambda data: _event(_DIMMER_EVENTS, data[0], data[1:])),
    0x50: Other("timestamp", 4, _little_endian),
    0x53: Other("text", lambda payload, start: 1 + payload[start], lambda data: data[1:].decode(errors="replace")),
    0x54: Other("raw", lambda payload, start: 1 + payload[start], lambda data: data[1:]),
    0xF0: Other("device_type", 2, _little_endian),
    0xF1: Other("firmware_version", 4, _version),
    0xF2: Other("firmware_version", 3, _version),
}
