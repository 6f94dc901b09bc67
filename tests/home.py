"""Devices without a radio, and scrapes of their values, on a clock that the test sets."""

from collections.abc import Mapping

from ble_exporter.device import Device
from ble_exporter.device.clock import Clock
from ble_exporter.device.lifetime import Lifetime
from ble_exporter.device.rhythm import NO_LIMIT, Limit, learned_limit
from ble_exporter.metrics.readings import Readings
from ble_exporter.model import Advertisement, Reading
from tests.data import named

EPOCH_S = 1_700_000_000.0
"""Unix time at the monotonic second 0."""


class Home:
    """
    A home with sensors.

    Args:
        names: The names of the devices; without names, there is one device, "attic".
        limit: How long a value, or the RSSI of an adapter, is shown after it was last heard.
        presence_limit: How long a device counts as heard after its latest packet; learned by default.
        lifetime: All limits, in place of the two arguments above.

    Attributes:
        now: Monotonic seconds; Unix time is EPOCH_S later.
        set_ahead_s: Seconds by which the wall clock was set ahead of that Unix time.
        devices: The devices by name.
        readings: The collector of a scrape.
    """

    def __init__(
        self,
        *names: str,
        limit: Limit = NO_LIMIT,
        presence_limit: Limit | None = None,
        lifetime: Lifetime | None = None,
    ) -> None:
        self.now = 5000.0
        self.set_ahead_s = 0.0
        lifetime = lifetime or Lifetime(limit, limit, presence_limit or learned_limit())
        self.devices = {
            name: Device(name, f"A4:C1:38:00:00:{number:02X}", lifetime=lifetime)
            for number, name in enumerate(names or ("attic",), 1)
        }
        self.clock = Clock(lambda: self.now, lambda: EPOCH_S + self.now + self.set_ahead_s)
        self.readings = Readings(self.devices.values(), self.clock)
        self._scan_began = self.now

    def hear(
        self,
        measurements: Mapping[str, float] | None = None,
        *,
        device: str = "attic",
        packet_id: int | None = None,
        adapter: str = "",
        rssi: int | None = -60,
        others: Mapping[str, int | str | bytes] | None = None,
        formats: tuple[str, ...] = (),
        is_triggered: bool = False,
    ) -> None:
        """Update a device with a packet that is heard now; `others` are the values that are not measurements."""
        heard = self.devices[device]
        advertisement = Advertisement(heard.address, {}, rssi, adapter)
        reading = Reading(named(measurements or {}), named(others or {}), packet_id, formats, None, is_triggered)
        heard.update(advertisement, reading, self.now)

    def begin_scan(self) -> None:
        """Begin a scan."""
        self._scan_began = self.now

    def end_scan(self) -> None:
        """Expire the values that were not heard since the scan began."""
        for device in self.devices.values():
            device.expire_unheard_since(self._scan_began)

    def scrape(self) -> dict[str, float]:
        """Return the series of a scrape: see samples_of."""
        return samples_of(self.readings)


OF_RECEPTION = ("packets_received", "measurements", "measurements_missed", "advertisement_interval_seconds")
"""The families that describe how well a device is received."""


def samples_of(readings: Readings, *, of_reception: bool = False) -> dict[str, float]:
    """
    Return the series of a scrape as `name['value of a label', …]` → value, with the prefix `ble_sensor_` removed.

    With `of_reception`, return only the families of OF_RECEPTION; otherwise, return all others.
    """
    return {
        sample.name.removeprefix("ble_sensor_") + str(sorted(sample.labels.values())): sample.value
        for family in readings.collect()
        if (family.name.removeprefix("ble_sensor_") in OF_RECEPTION) == of_reception
        for sample in family.samples
    }
