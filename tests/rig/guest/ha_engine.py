"""
A minimal program with the Bluetooth engine of Home Assistant: habluetooth listens, and bthome-ble decodes.

It scans as Home Assistant does by default: actively, all the time, through bluetoothd and, as root, also through the
kernel's management socket. On SIGTERM it prints the time of the first value, the values that it has decoded, and the
payloads that it has received.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time

from bthome_ble import BTHomeBluetoothDeviceData
from habluetooth import BluetoothManager, BluetoothScanningMode, BluetoothServiceInfoBleak, HaScanner, set_manager

BTHOME_UUID = "0000fcd2-0000-1000-8000-00805f9b34fb"
KEYS = ("temperature", "voltage")


class Manager(BluetoothManager):  # type: ignore[misc] # mypy does not follow this import
    """A manager that decodes the packets of all BTHome sensors, with one parser for each, as Home Assistant does."""

    def __init__(self) -> None:
        """Start without sensors."""
        super().__init__()
        self.began_s: float | None = None
        self.values: set[tuple[str, str, float]] = set()
        self.payloads: set[tuple[str, str]] = set()
        self._parsers: dict[str, BTHomeBluetoothDeviceData] = {}

    def _discover_service_info(self, service_info: BluetoothServiceInfoBleak) -> None:
        if BTHOME_UUID not in service_info.service_data:
            return
        address = service_info.address
        self.payloads.add((address, service_info.service_data[BTHOME_UUID].hex()))
        parser = self._parsers.setdefault(address, BTHomeBluetoothDeviceData())
        for device_key, value in parser.update(service_info).entity_values.items():
            if device_key.key in KEYS:
                self.values.add((address, device_key.key, value.native_value))
        if self.began_s is None and self.values:
            self.began_s = time.monotonic()


async def listen() -> None:
    """Listen with the first adapter until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    manager = Manager()
    set_manager(manager)
    await manager.async_setup()
    adapters = await manager.async_get_bluetooth_adapters()
    scanner = HaScanner(BluetoothScanningMode.ACTIVE, "hci0", adapters["hci0"]["address"])
    scanner.async_setup()
    manager.async_register_scanner(scanner)
    await scanner.async_start()
    await stop.wait()
    await scanner.async_stop()
    manager.async_stop()
    said = {"began_s": manager.began_s, "values": sorted(manager.values), "payloads": sorted(manager.payloads)}
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    asyncio.run(listen())
