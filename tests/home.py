"""Devices without a radio, and a scrape of them, on a clock that the test sets."""

from collections.abc import Mapping

from ble_exporter.device import Device
from ble_exporter.device.rhythm import NO_LIMIT, Limit
from ble_exporter.metrics.readings import Readings
from ble_exporter.model import Advertisement, Reading
from tests.data import named

EPOCH_S = 1_700_000_000.0
"""Unix time at the monotonic second 0."""


class Home:
    """
    A home with sensors.

    Args:
        names: Those of the devices.
        limit: For how long a value shows after it was heard.

    Attributes:
        now: Monotonic seconds; Unix time is EPOCH_S later.
        devices: By name.
        readings: What a scrape collects.
    """

    def __init__(self, *names: str, limit: Limit = NO_LIMIT, presence_limit: Limit | None = None) -> None:
        self.now = 5000.0
        self.devices = {
            name: Device(name, f"A4:C1:38:00:00:{number:02X}", limit=limit, presence_limit=presence_limit)
            for number, name in enumerate(names or ("attic",), 1)
        }
        self.readings = Readings(self.devices.values(), lambda: self.now)
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
    ) -> None:
        """Let a device be heard now, with these values, and with this that is no measurement."""
        heard = self.devices[device]
        advertisement = Advertisement(heard.address, {}, EPOCH_S + self.now, rssi, adapter)
        reading = Reading(named(measurements or {}), named(others or {}), packet_id, formats)
        heard.update(advertisement, reading, self.now)

    def begin_scan(self) -> None:
        """Begin a scan that decides, at its end, what shows."""
        self._scan_began = self.now

    def end_scan(self) -> None:
        """Expire what was not heard since the scan began."""
        for device in self.devices.values():
            device.expire_unheard_since(self._scan_began)

    def scrape(self) -> dict[str, float]:
        """Return the series: see samples_of."""
        return samples_of(self.readings)


def samples_of(readings: Readings) -> dict[str, float]:
    """Return the series of a scrape: `name['label', …]` to value, without the `ble_sensor_` in front."""
    return {
        sample.name.removeprefix("ble_sensor_") + str(sorted(sample.labels.values())): sample.value
        for family in readings.collect()
        for sample in family.samples
    }
