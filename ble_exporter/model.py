"""The two records that pass through the program: an advertisement, and the reading decoded from it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from ble_exporter.errors import DecodeError
from ble_exporter.formats.measurement import Measurement

AddressType = Literal["", "public", "random"]
"""The type of a Bluetooth address; empty if it is unknown."""


class Batch:
    """
    Advertisements that a listener handles at the same time, so that it reads its clock once for all of them.

    In some guests, reading the clock is a system call, and would cost more than reading the advertisement.
    """

    __slots__ = ("_now",)

    def __init__(self) -> None:
        self._now: float | None = None

    def now(self, clock: Callable[[], float]) -> float:
        """Return the time at which the listener handles the batch, by the listener's clock."""
        if self._now is None:
            self._now = clock()
        return self._now


class Advertisement(NamedTuple):
    """
    One advertisement that a scanner received.

    Attributes:
        address: The sender's Bluetooth address, upper case with colons ("A4:C1:38:00:00:01").
        service_data: Service data by service UUID (128 bits, lower case); the bytes do not include the UUID.
        rssi: Received signal strength in dBm; None if unknown.
        adapter: Name of the adapter that received the advertisement ("hci0"); empty if there is none (simulation).
        name: The sender's local name, which may be any text; empty if unknown. Usually only active scans receive names.
        address_type: The type of the address; empty if it is unknown, as in a simulation.
        manufacturer_data: Manufacturer data by company id; the bytes do not include the id.
        age_s: Seconds between the reception of the advertisement and its delivery to the listener.
        batch: The advertisements that are delivered with this one; None if it is delivered alone.
    """

    address: str
    service_data: Mapping[str, bytes]
    rssi: int | None = None
    adapter: str = ""
    name: str = ""
    address_type: AddressType = ""
    manufacturer_data: Mapping[int, bytes] = MappingProxyType({})
    age_s: float = 0.0
    batch: Batch | None = None

    def received_at(self, clock: Callable[[], float]) -> float:
        """Return the time of reception by the listener's clock, in seconds."""
        return (clock() if self.batch is None else self.batch.now(clock)) - self.age_s


class Remarks(NamedTuple):
    """
    Irregularities of an advertisement, which the pipeline counts and logs.

    Attributes:
        unknown_objects: Ids of objects that are not in the table of their format. BTHome v2 decoding stops at the
            first.
        impossible: Measurements that were left out because no sensor can have made them.
        refused: The errors of invalid service data in the same advertisement.
        has_restarted: Whether the sensor's counter has restarted, as after a battery change.
    """

    unknown_objects: tuple[int, ...] = ()
    impossible: tuple[Measurement, ...] = ()
    refused: tuple[DecodeError, ...] = ()
    has_restarted: bool = False


class Reading(NamedTuple):
    """
    The decoded content of one advertisement of a configured device.

    Attributes:
        measurements: The value of each measurement, in the unit given by its format's table.
        others: Values that are not measurements: events, texts, raw bytes, versions.
        packet_id: The number that the packets of one transmission share, 0 to 255; None if the packet has none.
        formats: Names of the formats that were decoded.
        remarks: Irregularities of the advertisement; None if there are none, which is the usual case.
        is_triggered: Whether the advertisement says that its sensor sends only when something happens.
    """

    measurements: Mapping[Measurement, float]
    others: Mapping[Measurement, int | str | bytes]
    packet_id: int | None
    formats: tuple[str, ...] = ()
    remarks: Remarks | None = None
    is_triggered: bool = False
