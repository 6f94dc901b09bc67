"""`ble-exporter discover` on a real stack: the sensors it finds, and the file it writes."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

from .air import BTHOME_ENCRYPTED, Sender, local_name, service_data, thermometer_sender, unknown_devices
from .hci import AdvertisingType
from .registry import scenario
from .scenarios_readings import BALCONY, LIVING_ROOM, THERMOMETERS
from .stack import Stack

LISTENS_S = 8
ENCRYPTED = Sender(
    address="54:48:E6:8F:80:A5",
    packets=itertools.repeat(service_data(BTHOME_ENCRYPTED)),
    rssi_dbm=-66,
    kind=AdvertisingType.ADV_IND,
    scan_response=local_name("ATC_8F80A5"),
)
CONFIG = Path("/run/found.yaml")


@scenario
def discover(stack: Stack) -> None:
    """While an exporter runs, `discover` lists sensors and other devices, and adds only the requested sensor."""
    radio = stack.start()
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS), ENCRYPTED, *unknown_devices())
    stack.start_exporter(THERMOMETERS)
    request = f"{BALCONY.address}=balcony"
    arguments = ["--json", "--all", "--seconds", str(LISTENS_S), "--write", str(CONFIG), "--add", request]
    run = subprocess.run(
        [sys.executable, "-m", "ble_exporter", "discover", *arguments], capture_output=True, text=True, check=False
    )
    assert 0 == run.returncode, f"status {run.returncode}, standard error:\n{run.stderr}"
    document = json.loads(run.stdout)
    sensors = {sensor["address"]: sensor for sensor in document["sensors"]}

    names = {address: sensor["name"] for address, sensor in sensors.items()}
    assert {
        "A4:C1:38:00:00:01": "ATC_000001",
        "A4:C1:38:00:00:02": "ATC_000002",
        "A4:C1:38:00:00:03": "ATC_000003",
        "A4:C1:38:EE:00:01": "ATC_EE0001",
        "54:48:E6:8F:80:A5": "ATC_8F80A5",
    } == names, names
    assert [ENCRYPTED.address] == [address for address, sensor in sensors.items() if sensor["needs_bindkey"]], sensors
    assert sensors[LIVING_ROOM.address]["measurements"]["voltage"] == LIVING_ROOM.voltage_volts, sensors
    assert sensors[LIVING_ROOM.address]["rssi_dbm"] == LIVING_ROOM.rssi_dbm, sensors
    assert 0.3 <= sensors[LIVING_ROOM.address]["interval_seconds"] <= 0.6, sensors
    assert "Scale" in [other["name"] for other in document["others"]], document
    assert BALCONY.address in CONFIG.read_text()
    assert LIVING_ROOM.address not in CONFIG.read_text(), "the file has a sensor that was not requested"
