"""What is kept about one measurement of one device, and about its reception by one adapter."""

from ble_exporter.device.history import LastHour
from ble_exporter.device.rhythm import Rhythm


class Series:
    """
    One measurement of one device.

    Args:
        now_s: When it was heard for the first time, in monotonic seconds.

    Attributes:
        value: The latest value, in the unit of the formats' tables.
        is_shown: Whether it has not expired.
        heard_s: When it was last heard, in monotonic seconds, be it as a repeat.
        packet_id: The packet id under which it was last heard; None where the packet had none.
        said_in: The number of the device's transmission that said the value: see Device.
        rhythm: How often it is heard.
        last_hour: Its points; None where the device has too many series.
    """

    __slots__ = ("heard_s", "is_shown", "last_hour", "packet_id", "rhythm", "said_in", "value")

    def __init__(self, now_s: float) -> None:
        self.value = 0.0
        self.is_shown = False
        self.heard_s = now_s
        self.packet_id: int | None = None
        self.said_in = 0
        self.rhythm = Rhythm(now_s)
        self.last_hour: LastHour | None = None


class Reception:
    """
    How one adapter receives one device.

    Args:
        now_s: When it was heard for the first time, in monotonic seconds.

    Attributes:
        rssi: Received signal strength of the latest advertisement, in dBm; None where it is not known.
        is_shown: Whether it has not expired.
        heard_s: When the latest advertisement was heard, in monotonic seconds.
        rhythm: How often advertisements are heard.
    """

    __slots__ = ("heard_s", "is_shown", "rhythm", "rssi")

    def __init__(self, now_s: float) -> None:
        self.rssi: int | None = None
        self.is_shown = False
        self.heard_s = now_s
        self.rhythm = Rhythm(now_s)
