"""
The table of BTHome objects by id: size, sign, divisor, unit.

Source: bthome.io/format
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.numbers import Number, binary, sint, uint

# A binary sensor that shares its BTHome name with a numeric sensor is named after the meaning of 1 ("battery_low").
OBJECTS: Mapping[int, Number] = {
    0x01: uint("battery", 1, 1, "%"),
    0x02: sint("temperature", 2, 100, "°C"),
    0x03: uint("humidity", 2, 100, "%"),
    0x04: uint("pressure", 3, 100, "hPa"),
    0x05: uint("illuminance", 3, 100, "lx"),
    0x06: uint("mass", 2, 100, "kg"),
    0x07: uint("mass", 2, 100 * 10**8, "kg", multiplier=45_359_237),  # one pound is 0.45359237 kg
    0x08: sint("dew_point", 2, 100, "°C"),
    0x09: uint("count", 1, 1, ""),
    0x0A: uint("energy", 3, 1000, "kWh"),
    0x0B: uint("power", 3, 100, "W"),
    0x0C: uint("voltage", 2, 1000, "V"),
    0x0D: uint("pm25", 2, 1, "µg/m³"),
    0x0E: uint("pm10", 2, 1, "µg/m³"),
    0x0F: binary("generic"),
    0x10: binary("power_on"),
    0x11: binary("opening"),
    0x12: uint("carbon_dioxide", 2, 1, "ppm"),
    0x13: uint("volatile_organic_compounds", 2, 1, "µg/m³"),
    0x14: uint("moisture", 2, 100, "%"),
    0x15: binary("battery_low"),
    0x16: binary("battery_charging"),
    0x17: binary("carbon_monoxide"),
    0x18: binary("cold"),
    0x19: binary("connectivity"),
    0x1A: binary("door"),
    0x1B: binary("garage_door"),
    0x1C: binary("gas_detected"),
    0x1D: binary("heat"),
    0x1E: binary("light"),
    0x1F: binary("lock"),
    0x20: binary("moisture_detected"),
    0x21: binary("motion"),
    0x22: binary("moving"),
    0x23: binary("occupancy"),
    0x24: binary("plug"),
    0x25: binary("presence"),
    0x26: binary("problem"),
    0x27: binary("running"),
    0x28: binary("safety"),
    0x29: binary("smoke"),
    0x2A: binary("sound"),
    0x2B: binary("tamper"),
    0x2C: binary("vibration"),
    0x2D: binary("window"),
    0x2E: uint("humidity", 1, 1, "%"),
    0x2F: uint("moisture", 1, 1, "%"),
    0x3D: uint("count", 2, 1, ""),
    0x3E: uint("count", 4, 1, ""),
    0x3F: sint("rotation", 2, 10, "°"),
    0x40: uint("distance", 2, 1000, "m"),  # sent in millimetres
    0x41: uint("distance", 2, 10, "m"),
    0x42: uint("duration", 3, 1000, "s"),
    0x43: uint("current", 2, 1000, "A"),
    0x44: uint("speed", 2, 100, "m/s"),
    0x45: sint("temperature", 2, 10, "°C"),
    0x46: uint("uv_index", 1, 10, ""),
    0x47: uint("volume", 2, 10, "L"),
    0x48: uint("volume", 2, 1000, "L"),  # sent in millilitres
    0x49: uint("volume_flow_rate", 2, 1000, "m³/h"),
    0x4A: uint("voltage", 2, 10, "V"),
    0x4B: uint("gas", 3, 1000, "m³"),
    0x4C: uint("gas", 4, 1000, "m³"),
    0x4D: uint("energy", 4, 1000, "kWh"),
    0x4E: uint("volume", 4, 1000, "L"),
    0x4F: uint("water", 4, 1000, "L"),
    0x50: uint("timestamp", 4, 1, "s"),  # since the Unix epoch
    0x51: uint("acceleration", 2, 1000, "m/s²"),
    0x52: uint("gyroscope", 2, 1000, "°/s"),
    0x55: uint("volume_storage", 4, 1000, "L"),
    0x56: uint("conductivity", 2, 1, "µS/cm"),
    0x57: sint("temperature", 1, 1, "°C"),
    0x58: sint("temperature", 1, 100, "°C", multiplier=35),  # BTHome's only factor that is not a power of ten: 0.35
    0x59: sint("count", 1, 1, ""),
    0x5A: sint("count", 2, 1, ""),
    0x5B: sint("count", 4, 1, ""),
    0x5C: sint("power", 4, 100, "W"),
    0x5D: sint("current", 2, 1000, "A"),
    0x5E: uint("direction", 2, 100, "°"),
    0x5F: uint("precipitation", 2, 10, "mm"),
    0x60: uint("channel", 1, 1, ""),
    0x61: uint("rotational_speed", 2, 1, "rpm"),
    0x62: sint("speed", 4, 10**6, "m/s"),
    0x63: sint("acceleration", 4, 10**6, "m/s²"),
    0x64: uint("light_level", 1, 1, ""),
    0x65: uint("settings_revision", 1, 1, ""),
}


class Other(NamedTuple):
    """
    An object that is not a measurement: an event, a text, raw data, or device information.

    Attributes:
        name: Key in `Decoded.others`.
        length: Number of bytes after the object id, or a function that returns it. The function's arguments are the
            payload and the index of the first of these bytes.
        value: Converts these bytes into the value.
    """

    name: Measurement
    length: int | Callable[[bytes, int], int]
    value: Callable[[bytes], int | str | bytes]


NO_EVENT = "none"
"""A packet about several buttons has this event for each button that was not pressed."""

_BUTTON_EVENTS = {
    0x00: NO_EVENT,
    0x01: "press",
    0x02: "double_press",
    0x03: "triple_press",
    0x04: "long_press",
    0x05: "long_double_press",
    0x06: "long_triple_press",
    0x80: "hold_press",
    0x81: "hold_release",
    # Shelly's firmware before 1.0.20 sent this code instead of 0x80, which BTHome had not defined yet.
    0xFE: "hold_press",
}
_DIMMER_EVENTS = {0x00: NO_EVENT, 0x01: "rotate_left", 0x02: "rotate_right"}
_COMMANDS = {0x00: "off", 0x01: "on", 0x02: "toggle", 0x03: "step_up", 0x04: "step_down"}
EVENT_NAMES: Mapping[str, tuple[str, ...]] = {
    kind: tuple(dict.fromkeys(name for name in names.values() if name != NO_EVENT))
    for kind, names in (("button", _BUTTON_EVENTS), ("command", _COMMANDS), ("dimmer", _DIMMER_EVENTS))
}
"""Kind of event to the names of its events."""

_COMMAND_ARGUMENTS = 0b0001_1111


def _event(names: Mapping[int, str], code: int, arguments: bytes = b"") -> str:
    name = names.get(code, f"unknown_0x{code:02x}")
    return f"{name} {arguments.hex()}" if arguments else name


def _little_endian(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _version(data: bytes) -> str:
    return ".".join(str(byte) for byte in reversed(data))


def _length_in_front(payload: bytes, start: int) -> int:
    return 1 + payload[start]


OTHERS: Mapping[int, Other] = {
    0x3A: Other(Measurement("button"), 1, lambda data: _event(_BUTTON_EVENTS, data[0])),
    # The lower five bits of the first byte are the number of argument bytes; the command and its arguments follow.
    0x3B: Other(
        Measurement("command"),
        lambda payload, start: 2 + (payload[start] & _COMMAND_ARGUMENTS),
        lambda data: _event(_COMMANDS, data[1], data[2:]),
    ),
    0x3C: Other(Measurement("dimmer"), 2, lambda data: _event(_DIMMER_EVENTS, data[0], data[1:])),
    0x53: Other(Measurement("text"), _length_in_front, lambda data: data[1:].decode(errors="replace")),
    0x54: Other(Measurement("raw"), _length_in_front, lambda data: data[1:]),
    0xF0: Other(Measurement("device_type"), 2, _little_endian),
    0xF1: Other(Measurement("firmware_version"), 4, _version),
    0xF2: Other(Measurement("firmware_version"), 3, _version),
}
