"""A service that scans continuously, and its configuration file, for the tests of reloads."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ble_exporter.config.app_config import AppConfig, load_config
from ble_exporter.device.clock import Clock
from ble_exporter.exporter.hosts import Hosts
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import AddressType, Advertisement
from ble_exporter.scanner import Listener
from ble_exporter.service.reload import Outcome, Reload, ReloadSource
from ble_exporter.service.scan_cycle import ScanCycle
from ble_exporter.service.systemd import Notifier
from tests.home import samples_of
from tests.radios import Radio

LIVING_ROOM, BEDROOM, ATTIC = (f"A4:C1:38:00:00:{number:02X}" for number in range(1, 4))
SETTINGS = "scan_interval_seconds: 30\nscan_duration_seconds: 30\nlisten_port: 8000\nstale_after_seconds: auto\n"


def text_of(devices: dict[str, str], settings: str = SETTINGS) -> str:
    """Return the text of a configuration; the devices map an address to a name, or to a mapping in YAML."""
    return settings + "devices:\n" + "".join(f'  "{address}": {text}\n' for address, text in devices.items())


def packet(centidegrees: int) -> bytes:
    """Return a BTHome v2 payload with a temperature."""
    return bytes.fromhex("4002") + centidegrees.to_bytes(2, "little", signed=True)


class Air(Radio):
    """A radio that delivers the test's packets."""

    listener: Listener

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Listen until cancelled."""
        self.listener = listener
        started()
        await asyncio.Event().wait()


@dataclass
class House:
    """
    A service that scans continuously, and its configuration file.

    Attributes:
        now: Monotonic seconds.
        loads: The number of times that a reload has read the file.
        fault: The exception that reading the file raises, or None.
    """

    path: Path
    log: logging.Logger
    notifier: Notifier
    now: float = 1000.0
    loads: int = 0
    fault: Exception | None = None
    air: Air = field(default_factory=Air)

    def __post_init__(self) -> None:
        config = load_config(str(self.path))
        clock = Clock(lambda: self.now, lambda: 1_700_000_000 + self.now)
        self.cycle = ScanCycle(config, self.air, self.log, clock, self.notifier)
        self.hosts = Hosts(config.allowed_hosts, ["pi"])
        self.requested = asyncio.Event()
        source = ReloadSource(self._load, self.requested)
        self.reloading = Reload(
            config,
            source,
            cycle=self.cycle,
            hosts=self.hosts,
            log=self.log,
            notifier=self.notifier,
            in_thread=_at_once,
        )

    def _load(self) -> AppConfig:
        self.loads += 1
        if self.fault is not None:
            raise self.fault
        return load_config(str(self.path))

    async def reload(self, text: str) -> Outcome:
        """Write the file, and reload it."""
        self.path.write_text(text)
        return await self.reloading.reload()

    def hear(self, address: str, payload: bytes, address_type: AddressType = "public") -> None:
        """Receive an advertisement a second after the previous one."""
        self.now += 1
        if self.air.listener.wants(address):
            self.air.listener.handle(Advertisement(address, {UUID: payload}, -60, "hci0", address_type=address_type))

    def labels(self) -> dict[str, dict[str, str]]:
        """Return the labels in a scrape, by the name of the device."""
        samples = [one for family in self.cycle.device_labels.collect() for one in family.samples]
        return {
            one.labels["device"]: {key: one.labels[key] for key in one.labels if key != "device"} for one in samples
        }

    def scrape(self) -> dict[str, float]:
        """Return the series of a scrape: see samples_of."""
        return samples_of(self.cycle.readings)

    def packets(self) -> dict[str, int]:
        """Return the number of packets of each device, by its address."""
        return {address: device.packets for address, device in self.cycle.devices.items()}


async def _at_once(load: Callable[[], AppConfig]) -> AppConfig:
    return load()


Script = Callable[[House], object]
Run = Callable[..., None]


TWO = text_of({LIVING_ROOM: "living_room", BEDROOM: "bedroom"})
