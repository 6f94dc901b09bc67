"""Capture files for the exporters, and the values of the packets in them."""

from collections.abc import Iterator, Mapping

from ble_exporter.formats.bthome_objects import OBJECTS

from .exporter import Scan

LIVING_ROOM = "A4:C1:38:00:00:01"
BEDROOM = "A4:C1:38:00:00:02"
CELLAR = "A4:C1:38:00:00:03"
GREENHOUSE = "A4:C1:38:00:00:04"
SHED = "A4:C1:38:00:00:05"
_UNKNOWN = "A4:C1:38:FF:FF:FF"

# This name has characters that are special in label values or in YAML.
AWKWARD_NAME = 'Gewächshaus "Süd" {1} \\ #2'

STILL_DEVICES = {LIVING_ROOM: "living_room", BEDROOM: "bedroom", GREENHOUSE: AWKWARD_NAME, SHED: "shed"}
STILL_LABELS = {
    LIVING_ROOM: {"room": "living room", "floor": "1"},
    BEDROOM: {"room": "bedroom", "floor": "2"},
    GREENHOUSE: {"room": 'say "green" \\ Glas'},
}
STREET_DEVICES = {LIVING_ROOM: "living_room", BEDROOM: "bedroom", CELLAR: "cellar"}
SIMULATED_DEVICES = {LIVING_ROOM: "living_room", BEDROOM: "bedroom", CELLAR: "balcony"}

# The two packets of a real LYWSD03MMC with firmware 5.5, and two packets with frost and a low battery.
_ROOM_A, _ROOM_B = "4000b00151028d0a038d11", "4000b00c200b10001101"
_FROST_A, _FROST_B = "400007010702f6ff037326", "4000070c980810011100"
_ENCRYPTED = "41a47266c95f730011223378237214"

_RSSI_DBM: Mapping[str, int] = {LIVING_ROOM: -61, BEDROOM: -88, CELLAR: -70, GREENHOUSE: -100, SHED: -99, _UNKNOWN: -95}

STILL_VALUES: Mapping[str, Mapping[str, float]] = {
    "living_room": {
        "temperature_celsius": 27.01,
        "humidity_percent": 44.93,
        "battery_percent": 81,
        "voltage_volts": 2.848,
        "power_on": 0,
        "opening": 1,
        "rssi_dbm": -61,
        "seen": 1,
    },
    "bedroom": {
        "temperature_celsius": -0.1,
        "humidity_percent": 98.43,
        "battery_percent": 7,
        "voltage_volts": 2.2,
        "power_on": 1,
        "opening": 0,
        "rssi_dbm": -88,
        "seen": 1,
    },
}
"""Device → the values of its series in the still capture, by metric without "ble_sensor_"."""

STREET_SCAN = Scan(2, 1)
_BEDROOM_STOPS_S = 4.5
_STREET_ENDS_S = 300.0
_STREET_STEP_S = 0.25
# The first packet of a sensor is sent neither at the beginning nor at the end of a scan.
_FIRST_PACKET_S = 0.1


def still() -> str:
    """Return a capture in which all devices send at one moment: two pairs, and one packet for every BTHome object."""
    packets = [(LIVING_ROOM, _ROOM_A), (LIVING_ROOM, _ROOM_B), (BEDROOM, _FROST_A), (BEDROOM, _FROST_B)]
    # The measurements of all objects exceed the limit of one device.
    packets += [
        (SHED if object_id % 2 else GREENHOUSE, f"40{object_id:02x}{'01' * number.size}")
        for object_id, number in OBJECTS.items()
    ]
    return _START + "".join(_line(_FIRST_PACKET_S, address, packet) for address, packet in packets)


REMOTE_DEVICES = {LIVING_ROOM: "wall_switch", BEDROOM: "remote"}
_PRESS_S = 12.0
_NOT_PRESSED, _PRESSED, _HELD = "44000b3a003a00", "44000c3a013a00", "44000d3afe3a00"


def remote() -> str:
    """Return a capture of two buttons: one is first heard when pressed, the other is known long before it is held."""
    packets = [(_FIRST_PACKET_S + 0.2 * number, LIVING_ROOM, _PRESSED) for number in range(6)]
    packets += [(_FIRST_PACKET_S + number, BEDROOM, _NOT_PRESSED) for number in range(10)]
    packets += [(_PRESS_S + 0.2 * number, BEDROOM, _HELD) for number in range(6)]
    packets.append((_STREET_ENDS_S, _UNKNOWN, _ROOM_A))
    return _START + "".join(_line(*packet) for packet in sorted(packets))


def street() -> str:
    """Return a capture: the living room sends to the end, the bedroom stops, the cellar's packets are encrypted."""
    return _START + "".join(_street_lines())


def _street_lines() -> Iterator[str]:
    for step in range(round(_STREET_ENDS_S / _STREET_STEP_S)):
        at = _FIRST_PACKET_S + step * _STREET_STEP_S
        is_b = step % 2 == 1
        yield _line(at, LIVING_ROOM, _ROOM_B if is_b else _ROOM_A)
        if at < _BEDROOM_STOPS_S:
            # Each pair is a new measurement, so the time of the last update is that of the last pair.
            yield _line(at, BEDROOM, _with_id(_FROST_B if is_b else _FROST_A, step // 2))
        yield _line(at, CELLAR, _ENCRYPTED)
        yield _line(at, _UNKNOWN, _ROOM_A)


def _with_id(packet: str, packet_id: int) -> str:
    return f"{packet[:4]}{packet_id:02x}{packet[6:]}"


def _line(at: float, address: str, service_data: str) -> str:
    return f"{at:.2f} {address} {_RSSI_DBM[address]} fcd2 {service_data}\n"


LEAVER_DEVICES = {LIVING_ROOM: "living_room", BEDROOM: "bedroom"}
LEAVER_LABELS = {BEDROOM: {"room": "Bedroom"}}
# Replayed 200 times as fast: the bedroom is heard for 3 s, and away for 15 s; the capture lasts for a minute.
_LEAVES_S, _RETURNS_S, _LEAVER_ENDS_S = 600.0, 3600.0, 12_000.0
_LEAVER_STEP_S = 10.0


def leaver() -> str:
    """Return a capture of 200 minutes: the living room sends all the time, the bedroom is away for 50 minutes."""
    return _START + "".join(_leaver_lines())


def _leaver_lines() -> Iterator[str]:
    for step in range(round(_LEAVER_ENDS_S / _LEAVER_STEP_S)):
        at = _FIRST_PACKET_S + step * _LEAVER_STEP_S
        yield _line(at, LIVING_ROOM, _with_id(_ROOM_A, step % 256))
        if not _LEAVES_S <= at < _RETURNS_S:
            yield _line(at, BEDROOM, _with_id(_ROOM_A, step % 256))


# The time of a capture begins with its first packet. An unknown device sends it, so no test depends on this packet.
_START = _line(0.0, _UNKNOWN, _ROOM_A)
