"""The two values that pass through the program: an advertisement, and the reading made from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ble_exporter.errors import DecodeError
from ble_exporter.formats.measurement import Measurement


@dataclass(frozen=True, slots=True)
class Advertisement:
    """
    One advertisement, as a scanner heard it.

    Attributes:
        address: The sender's Bluetooth address, upper case with colons ("A4:C1:38:00:00:01").
        service_data: Service UUID (128 bits, lower case) to the service data, without the UUID.
        heard_at: When it was heard, in seconds since the Unix epoch.
        rssi: Received signal strength in dBm; None if it is not known.
        adapter: Name of the adapter that heard it ("hci0"); empty if there is none, as in a capture.
        name: The sender's local name, any text; empty if it is not known. Usually only active scans receive it.
    """

    address: str
    service_data: Mapping[str, bytes]
    heard_at: float
    rssi: int | None = None
    adapter: str = ""
    name: str = ""


class Remarks(NamedTuple):
    """
    What the pipeline counts and logs about a reading, apart from its values.

    Attributes:
        unknown_objects: Ids of objects that are in no table. (In BTHome v2 the objects after them were not read.)
        impossible: Measurements that were left out, because no sensor can have made them.
        refused: The errors of invalid service data in the same advertisement.
        has_restarted: Whether the sensor's counter has restarted, as with a new battery.
    """

    unknown_objects: tuple[int, ...] = ()
    impossible: tuple[Measurement, ...] = ()
    refused: tuple[DecodeError, ...] = ()
    has_restarted: bool = False


class Reading(NamedTuple):
    """
    The meaning of one advertisement of a configured device.

    Attributes:
        measurements: Measurement to value, in the unit of the formats' tables.
        others: Events, texts, raw bytes, versions: values that are not measurements.
        packet_id: The number that the packets of one transmission share, 0 to 255; None if the packet has none.
        formats: Names of the formats that it came in.
        remarks: None for nearly every reading.
    """

    measurements: Mapping[Measurement, float]
    others: Mapping[Measurement, int | str | bytes]
    packet_id: int | None
    formats: tuple[str, ...] = ()
    remarks: Remarks | None = None
