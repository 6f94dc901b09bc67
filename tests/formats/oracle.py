"""
Access to bthome-ble, the decoder of Home Assistant: an independent implementation of the same specification.

bthome-ble needs Python 3.11 or newer. Without it, this module can be imported, but its functions can't be used.
"""

import importlib
import importlib.util
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, NamedTuple

from tests.formats.sealing import ADDRESS

IS_MISSING = importlib.util.find_spec("bthome_ble") is None
WHY_MISSING = "bthome-ble needs Python 3.11 or newer"

# Imported dynamically, so that Python 3.10 and its type checker do not need it.
_BTHOME_BLE: Any = None if IS_MISSING else importlib.import_module("bthome_ble")
_MEASUREMENT_TYPES: Any = {} if IS_MISSING else importlib.import_module("bthome_ble.const").MEAS_TYPES

Place = tuple[str, str]
"""Kind ("sensor", "binary", "event" or "device") and key ("temperature_2") of a value of bthome-ble."""


class Kind(NamedTuple):
    """
    bthome-ble's description of an object id.

    Attributes:
        kind: See Place.
        key: The name, without the number that bthome-ble gives to a repeated name.
        unit: The unit; repeated keys are numbered separately for each unit.
        data_format: The encoding in version 2.
        size: Bytes of the value in version 2; meaningless if the object has a length byte.
    """

    kind: str
    key: str
    unit: str
    data_format: str
    size: int


def _kind(object_id: int) -> Kind:
    """Return a row of bthome-ble's table; device information has no description, and an event has only a name."""
    row = _MEASUREMENT_TYPES[object_id]
    described = row.meas_format
    if described is None:
        return Kind("device", row.data_format, "", row.data_format, row.data_length)
    if not hasattr(described, "device_class"):
        return Kind("event", str(described), "", row.data_format, row.data_length)
    unit = getattr(described, "native_unit_of_measurement", None)
    kind = "binary" if type(described).__name__ == "BaseBinarySensorDescription" else "sensor"
    return Kind(kind, str(described.device_class), str(unit or ""), row.data_format, row.data_length)


KINDS: Mapping[int, Kind] = {object_id: _kind(object_id) for object_id in _MEASUREMENT_TYPES}
"""Object id → its description."""

DECIMALS: Mapping[int, int] = {
    object_id: -int(f"{row.factor:e}".split("e")[-1]) for object_id, row in _MEASUREMENT_TYPES.items()
}
"""Object id → the number of decimals to which bthome-ble rounds."""


class Object(NamedTuple):
    """
    One object of a payload.

    Attributes:
        object_id: The object's id.
        value_type: Bits 5 to 7 of the control byte; None in version 2, whose ids have one type.
        data: The value, without a length byte.
    """

    object_id: int
    value_type: int | None
    data: bytes


class Answer(NamedTuple):
    """
    bthome-ble's result for a payload.

    Attributes:
        raised: The name of the exception that bthome-ble raised; empty if it returned.
        is_accepted: Whether bthome-ble found any value and, in an encrypted packet, decrypted it.
        values: The values that bthome-ble found.
        counter: The counter of a decrypted packet; None for others.
    """

    raised: str
    is_accepted: bool
    values: Mapping[Place, object]
    counter: int | None


class Device:
    """
    One instance of bthome-ble, for one device. The instance has state: its results depend on earlier packets.

    Args:
        key: The device's bindkey, or None.
    """

    def __init__(self, key: bytes | None = None) -> None:
        logging.getLogger("bthome_ble").setLevel(logging.CRITICAL + 1)
        self._device: Any = _BTHOME_BLE.BTHomeBluetoothDeviceData(key)

    def asked(self, uuid: str, payload: bytes) -> Answer:
        """Return the result for a payload; all payloads are received at the same time."""
        device = self._device
        service_info = SimpleNamespace(
            name="x",
            address=ADDRESS,
            rssi=-60,
            manufacturer_data={},
            service_data={uuid: payload},
            service_uuids=[],
            source="",
            time=0.0,
        )
        try:
            update = device.update(service_info)
        except Exception as error:
            return Answer(type(error).__name__, False, {}, None)
        is_open = not device.decryption_failed
        is_encrypted = device.encryption_scheme.name == "BTHOME_BINDKEY"
        is_accepted = device.last_service_info is not None and is_open == is_encrypted
        counter = int(device.encryption_counter) if is_open else None
        return Answer("", is_accepted, self._values(update), counter)

    def _values(self, heard: object) -> dict[Place, object]:
        update: Any = heard
        values: dict[Place, object] = {
            ("sensor", key.key): value.native_value
            for key, value in update.entity_values.items()
            if key.key != "signal_strength"
        }
        values |= {("binary", key.key): value.native_value for key, value in update.binary_entity_values.items()}
        values |= {("event", key.key): event for key, event in update.events.items()}
        if self._device.device_type_id is not None:
            values["device", "device_type_id"] = self._device.device_type_id
        version = update.devices[None].sw_version if None in update.devices else None
        # Without a version from the sensor, bthome-ble returns the version of BTHome.
        if version and not version.startswith("BTHome"):
            values["device", "firmware_version"] = version
        return values


def asked(uuid: str, payload: bytes, key: bytes | None = None) -> Answer:
    """Return the result of a new instance for one payload."""
    return Device(key).asked(uuid, payload)


def places(objects: Sequence[Object]) -> list[tuple[Place, int]]:
    """
    Return the place of each object's value among bthome-ble's values, and its position.

    A key that occurs once has no number; if a key occurs twice, the first has a number, too.
    """
    groups = [KINDS.get(one.object_id) and KINDS[one.object_id][:3] for one in objects]
    # bthome-ble skips an empty text or raw object of version 2 before it counts.
    is_counted = [bool(one.data) or one.value_type is not None for one in objects]
    counted = [group if counts else None for group, counts in zip(groups, is_counted, strict=True)]
    times = Counter(counted)
    so_far: Counter[tuple[str, str, str]] = Counter()
    found = []
    for group in counted:
        if group is None:
            found.append((("", ""), 0))
            continue
        kind, key, _ = group
        if kind == "device":
            found.append(((kind, key.removesuffix("_3").removesuffix("_4")), 0))
            continue
        so_far[group] += 1
        position = so_far[group]
        found.append(((kind, f"{key}_{position}" if times[group] > 1 else key), position))
    return found


def as_ours(value: object, one: Object) -> object:
    """Convert bthome-ble's value of an object to the form that our decoders return."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, int | float):
        return int(value) if one.object_id == 0xF0 else float(value)
    if isinstance(value, str):
        return bytes.fromhex(value) if one.object_id == 0x54 and one.value_type in (None, 4) else value
    return _event_as_ours(value, one)


def _event_as_ours(value: object, one: Object) -> str:
    event: Any = value
    properties = event.event_properties or {}
    arguments = properties.get("args", "")
    if "steps" in properties:
        arguments = properties["steps"].to_bytes(len(one.data) - 1, "little").hex()
    return f"{event.event_type} {arguments}".rstrip()
