"""`ble-exporter capture` on a real stack: btmon reads its captures, and the exporter reads btmon's."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

from ble_exporter.formats.advertising_reports import advertising_reports
from ble_exporter.scanner.btsnoop import EVENT, records

from .air import thermometer_sender, unknown_devices
from .polling import wait_until
from .registry import scenario
from .scenarios_readings import BALCONY, LIVING_ROOM, THERMOMETERS
from .stack import Stack

RECORDS_S = 6
OWN, OF_BTMON, PUBLIC, OF_BLUEZ = (Path(f"/run/{name}.btsnoop") for name in ("own", "btmon", "public", "bluez"))
CONFIG = Path("/run/capture.yaml")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the exporter; fail unless it succeeds."""
    done = subprocess.run(
        [sys.executable, "-m", "ble_exporter", *arguments], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, f"status {done.returncode}, standard error:\n{done.stderr}"
    return done


def events(path: Path) -> list[tuple[int, bytes]]:
    """Return the events with advertising reports in a capture, and their times in microseconds."""
    return [
        (record.at_us, record.packet)
        for record in records(path.read_bytes())
        if record.opcode == EVENT and advertising_reports(record.packet)[0]
    ]


def shown_by_btmon(path: Path) -> str:
    """Return btmon's output for a capture."""
    return subprocess.run(["btmon", "-r", str(path)], capture_output=True, text=True, check=True).stdout


def names_in(path: Path) -> dict[str, str]:
    """Return the sensors that `discover` finds in a capture, and their names."""
    found = run("discover", "--replay", str(path), "--replay-speed", "20", "--seconds", "2", "--json")
    return {sensor["address"]: sensor["name"] for sensor in json.loads(found.stdout)["sensors"]}


@scenario
def captures(stack: Stack) -> None:
    """A capture has the advertising events that btmon records, and their times; each program reads the other's file."""
    radio = stack.start()
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS), *unknown_devices())
    btmon = subprocess.Popen(["btmon", "-w", str(OF_BTMON)], stdout=subprocess.DEVNULL)
    wait_until(lambda: OF_BTMON.exists() and OF_BTMON.stat().st_size > 100, "btmon records")

    own = run("capture", str(OWN), "--seconds", str(RECORDS_S))
    btmon.send_signal(signal.SIGTERM)
    btmon.wait()

    assert "the controller's events, with the kernel's timestamps" in own.stderr, own.stderr
    recorded = events(OWN)
    assert recorded
    missing = [event for event in events(OF_BTMON) if recorded[0][0] <= event[0] <= recorded[-1][0]]
    assert recorded == missing, f"{len(recorded)} events, and btmon has {len(missing)}"

    shown = shown_by_btmon(OWN)
    assert len(recorded) == shown.count("LE Advertising Report"), shown[:5000]
    assert re.search(r"New Index: 00:00:00:00:00:00 \(Primary,\w+,hci0\)", shown), shown[:500]
    assert all(thermometer.address in shown for thermometer in THERMOMETERS), shown[:5000]

    expected = {thermometer.address: f"ATC_{thermometer.address.replace(':', '')[-6:]}" for thermometer in THERMOMETERS}
    for path in (OWN, OF_BTMON):
        names = names_in(path)
        assert expected == {address: name for address, name in names.items() if address in expected}, names
    sys.stdout.write(f"{len(recorded)} events of {len(expected)} sensors and others, the same as btmon's\n")


@scenario
def public_capture(stack: Stack) -> None:
    """A capture of btmon, which contains all traffic of the adapter, can be reduced to the user's own sensors."""
    radio = stack.start()
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS), *unknown_devices())
    btmon = subprocess.Popen(["btmon", "-w", str(OF_BTMON)], stdout=subprocess.DEVNULL)
    settings = "scan_interval_seconds: 5\nscan_duration_seconds: 3\nlisten_port: 8000\near: bluez\n"
    CONFIG.write_text(f'{settings}devices: {{"{LIVING_ROOM.address}": a, "{BALCONY.address}": b}}\n')
    made_up = run("capture", str(OF_BLUEZ), "--seconds", str(RECORDS_S), "--config", str(CONFIG))
    btmon.send_signal(signal.SIGTERM)
    btmon.wait()

    assert "the events are made up from bluetoothd's reports" in made_up.stderr, made_up.stderr
    own = {LIVING_ROOM.address, BALCONY.address}
    assert own <= set(names_in(OF_BLUEZ)), names_in(OF_BLUEZ)
    run("capture", str(PUBLIC), "--replay", str(OF_BTMON), "--config", str(CONFIG), "--only-configured")
    addresses = set(re.findall(r"Address: ([0-9A-F:]{17})", shown_by_btmon(PUBLIC)))
    assert own == addresses, addresses
    assert b"Scale" in OF_BTMON.read_bytes()
    assert b"Scale" not in PUBLIC.read_bytes()
