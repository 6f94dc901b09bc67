"""An invented format, written like a file of `ble_exporter/formats/`: a packet id and a temperature."""

from collections.abc import Iterator
from functools import partial

from ble_exporter.formats.decoded import CERTAIN, Guess
from ble_exporter.formats.field import Field, check_room, check_size
from ble_exporter.formats.numbers import sint
from ble_exporter.formats.values import fold

UUID = "0000cafe-0000-1000-8000-00805f9b34fb"
NUMBERS = (sint("temperature", 1, 1, "°C"),)


def fields(payload: bytes, _sender: str | None) -> Iterator[Field]:
    """Yield the packet id, then the temperature."""
    check_size(payload)
    yield Field(0, 1, "number", "packet_id", payload[0])
    end = check_room(payload, 1, 0, 1, "the temperature")
    yield NUMBERS[0].field(payload, 1, 1, end, "temperature")


decode = partial(fold, fields)


def guess(payload: bytes) -> Guess | None:
    """Return a certain guess for a payload of two bytes, otherwise None."""
    return Guess(CERTAIN, UUID, "it has two bytes") if len(payload) == 2 else None
