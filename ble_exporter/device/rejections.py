"""
The raw packets of the latest rejections, for /status: a user who asks why a packet was rejected needs its bytes.

The packets are kept as they were received: those of an encrypted sensor are still encrypted.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Literal, NamedTuple

from ble_exporter.device.device import Device
from ble_exporter.errors import RejectReason
from ble_exporter.formats.measurement import Measurement
from ble_exporter.model import Advertisement

MOST_REJECTIONS = 20
"""The maximum number of rejections kept. As an advertisement has at most about 1,650 bytes, this bounds the memory."""

MOST_OF_A_DEVICE = 5
"""The maximum number of rejections kept of one device, which must not displace those of the others."""

KeptReason = RejectReason | Literal["glitch"]
"""Why a packet, or one of its values, was rejected."""


class Rejection(NamedTuple):
    """
    A packet of a configured device that was rejected, as a whole or in part.

    Attributes:
        device: The device under whose address it was sent.
        reason: Why it was rejected.
        advertisement: The packet.
        heard_s: The time when it was heard, in monotonic seconds.
        measurement: The rejected measurement; None if the packet, or its service data of one format, was rejected.
        value: The rejected value, in the unit of the formats' tables; None if it is not known.
    """

    device: Device
    reason: KeptReason
    advertisement: Advertisement
    heard_s: float
    measurement: Measurement | None = None
    value: float | None = None


class Rejections:
    """
    The latest rejections of all devices, oldest first.

    Anybody can send thousands of invalid packets under a sensor's address. When there is no more room, the reason with
    the most entries therefore loses its oldest one: a rare rejection stays, however frequent another reason is.
    """

    def __init__(self) -> None:
        self._kept: list[Rejection] = []

    def __iter__(self) -> Iterator[Rejection]:
        return iter(self._kept)

    def keep_only_of(self, devices: Collection[Device]) -> None:
        """Forget the rejections of all other devices."""
        self._kept = [one for one in self._kept if one.device in devices]

    def keep(self, rejection: Rejection) -> None:
        """Add the latest rejection, which may displace an older one."""
        self._kept.append(rejection)
        own = [one for one in self._kept if one.device is rejection.device]
        if len(own) > MOST_OF_A_DEVICE:
            self._kept.remove(_expendable(own))
        elif len(self._kept) > MOST_REJECTIONS:
            self._kept.remove(_expendable(self._kept))


def _expendable(kept: Sequence[Rejection]) -> Rejection:
    """Return the oldest rejection of the most frequent reason."""
    counts = Counter(one.reason for one in kept)
    return max(kept, key=lambda one: counts[one.reason])
