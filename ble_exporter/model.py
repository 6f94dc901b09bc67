"""The two values that pass through the program: what was heard, and what it meant."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
        rssi: Received signal strength in dBm; None where the source does not know it.
        adapter: Name of the adapter that heard it ("hci0"); empty where there is none, as in a capture.
        name: What the sender calls itself, any text at all; empty where it has not said so. Only a scan response has
            it, as a rule, and so only an active scan.
    """

    address: str
    service_data: Mapping[str, bytes]
    heard_at: float
    rssi: int | None = None
    adapter: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """
    What one advertisement of a configured device said.

    Attributes:
        device: The device's configured name.
        measurements: Measurement name to value, in the unit of its row in the format's table.
        heard_at: When it was heard, in seconds since the Unix epoch.
        rssi: Received signal strength in dBm; None where the source does not know it.
        unknown_objects: Ids of objects that are in no table. (In BTHome v2 what stood behind them was not read.)
        adapter: Name of the adapter that heard it; empty where there is none.
        packet_id: The number that the packets of one measurement share, 0 to 255; None where the packet has none.
        impossible: Names of measurements that no sensor can have made, and which are left out.
        refused: Why other service data of the same advertisement, of a known format too, was not read.
        others: What is no measurement: events, text, raw, versions; the repeated names as in the measurements.
        formats: Names of the formats that it came in.
    """

    device: str
    measurements: Mapping[Measurement, float]
    heard_at: float
    rssi: int | None = None
    unknown_objects: tuple[int, ...] = ()
    adapter: str = ""
    packet_id: int | None = None
    impossible: tuple[Measurement, ...] = ()
    refused: tuple[DecodeError, ...] = ()
    others: Mapping[Measurement, int | str | bytes] = field(default_factory=dict)
    formats: tuple[str, ...] = ()
