"""What a device keeps about one measurement, and about its reception by one adapter. Moments are monotonic seconds."""

import math
from dataclasses import dataclass

from ble_exporter.device.history import LastHour
from ble_exporter.device.rhythm import Rhythm


@dataclass(slots=True)
class Series:
    """
    One measurement of one device.

    Attributes:
        heard_s: When it was last heard, also in a duplicate.
        rhythm: How often it is heard.
        value: The latest value, in the unit of the formats' tables.
        is_shown: Whether it has not expired.
        packet_id: The packet id under which it was last heard; None if the packet had none.
        said_in: The number of the device's transmission in which it got its value.
        last_hour: Its points; None if the device has too many series.
    """

    heard_s: float
    rhythm: Rhythm
    value: float = 0.0
    is_shown: bool = False
    packet_id: int | None = None
    said_in: int = 0
    last_hour: LastHour | None = None


@dataclass(slots=True)
class Reception:
    """
    How one adapter receives one device.

    Attributes:
        labels: The device's and the adapter's, if it has a name.
        heard_s: When the latest advertisement was heard.
        rssi: Received signal strength of the latest advertisement, in dBm; None if it is not known.
        is_shown: Whether it has not expired.
    """

    labels: dict[str, str]
    heard_s: float
    rhythm: Rhythm
    rssi: int | None = None
    is_shown: bool = False


@dataclass(slots=True)
class Revision:
    """
    The state of all devices that share a scrape.

    Attributes:
        number: Grows with every change of what a scrape shows.
        expires_at: Nothing expires before this moment.
    """

    number: int = 0
    expires_at: float = math.inf
