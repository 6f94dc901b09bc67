"""The state of one measurement of a device, and of its reception by one adapter. Times are monotonic seconds."""

import math
from dataclasses import dataclass

from ble_exporter.device.history import LastHour
from ble_exporter.device.rhythm import Rhythm


@dataclass(slots=True)
class Series:
    """
    One measurement of one device.

    Attributes:
        heard_s: The time when it was last heard, duplicates included.
        rhythm: The intervals at which it is heard.
        value: The latest value, in the unit of the formats' tables.
        is_shown: Whether it is visible, because it has not expired.
        packet_id: The packet id under which it was last heard; None if that packet had no id.
        has_changed: Whether another value was heard before.
        said_in: The number of the transmission in which `value` was first heard.
        last_hour: The points of the last hour; None if the device has too many series.
    """

    heard_s: float
    rhythm: Rhythm
    value: float = 0.0
    is_shown: bool = False
    packet_id: int | None = None
    has_changed: bool = False
    said_in: int = 0
    last_hour: LastHour | None = None


@dataclass(slots=True)
class Reception:
    """
    How one adapter receives one device.

    Attributes:
        labels: The device label, and the adapter label if the adapter has a name.
        heard_s: The time when the latest advertisement was heard.
        rssi: Received signal strength of the latest advertisement, in dBm; None if unknown.
        is_shown: Whether it is visible, because it has not expired.
    """

    labels: dict[str, str]
    heard_s: float
    rhythm: Rhythm
    rssi: int | None = None
    is_shown: bool = False


@dataclass(slots=True)
class Revision:
    """
    The combined state of all devices that share a scrape.

    Attributes:
        number: Increases with every change in the output of a scrape.
        expires_at: Nothing expires before this time.
    """

    number: int = 0
    expires_at: float = math.inf
