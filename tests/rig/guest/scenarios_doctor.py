"""`ble-exporter doctor` on broken machines: it names the cause, and its command repairs the fault."""

from __future__ import annotations

import itertools
import socket
import struct
import subprocess
import time
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from .air import (
    BTHOME_UUID,
    FLAGS_ONLY,
    SERVICE_DATA_16_BIT_UUID,
    Sender,
    Thermometer,
    thermometer_sender,
    unknown_devices,
)
from .doctor import CONFIG, Device, configure, examine, obey
from .exporter import PORT
from .polling import wait_until
from .registry import scenario
from .scenarios_readings import LIVING_ROOM, THERMOMETERS, incomplete
from .stack import Stack
from .virtual_radio import VirtualRadio

KEY = "00112233445566778899aabbccddeeff"
OTHER_KEY = "ffeeddccbbaa99887766554433221100"
ENCRYPTED_SENSOR = "A4:C1:38:00:00:09"
SECONDS = 2.0
"""The time that doctor listens; the thermometers send every 0.4 s."""
DEVICES: dict[str, Device] = {thermometer.address: thermometer.name for thermometer in THERMOMETERS}


def encrypted_sender(address: str, key: str) -> Sender:
    """Return a thermometer that sends 21.5 °C as encrypted BTHome v2, with an increasing counter."""

    def packet(counter: int) -> bytes:
        information, count = b"\x41", struct.pack("<I", counter)
        mac = bytes.fromhex(address.replace(":", ""))
        nonce = mac + struct.pack("<H", BTHOME_UUID) + information + count
        encrypted = AESCCM(bytes.fromhex(key), tag_length=4).encrypt(nonce, struct.pack("<Bh", 0x02, 2150), None)
        data = struct.pack("<H", BTHOME_UUID) + information + encrypted[:-4] + count + encrypted[-4:]
        return FLAGS_ONLY + bytes([len(data) + 1, SERVICE_DATA_16_BIT_UUID]) + data

    return Sender(address, map(packet, itertools.count(1)), -70)


def start_thermometers(stack: Stack, *options: str) -> VirtualRadio:
    """Start a healthy stack and the configured thermometers."""
    configure(DEVICES)
    radio = stack.start(*options)
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS))
    return radio


@scenario
def doctor_from_nothing(stack: Stack) -> None:
    """D-Bus, bluetoothd and the adapter do not work at first; each run of doctor names one fault and its remedy."""
    configure(DEVICES)
    obey(stack, examine(SECONDS).the_failure("D-Bus can't be reached").command)
    obey(stack, examine(SECONDS).the_failure("bluetoothd is not running").command)
    examine(SECONDS).the_failure("no Bluetooth adapter", "plug one in")
    radio = stack.plug_in(VirtualRadio())
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS))
    stack.block(radio)
    wait_until(lambda: not stack.is_powered(radio), "the adapter is off")
    obey(stack, examine(SECONDS).the_failure("rfkill blocks hci0").command)
    # bluetoothd may or may not power the adapter on by itself.
    wait_until(lambda: stack.is_powered(radio) or stack.set_powered(radio, True), "the adapter is on")
    stack.set_powered(radio, False)
    wait_until(lambda: not stack.is_powered(radio), "the adapter is off")
    obey(stack, examine(SECONDS).the_failure("hci0", "powered off").command)
    wait_until(lambda: stack.is_powered(radio), "the adapter is on")
    report = examine(SECONDS)
    report.assert_well("all is well: 3 of 3 sensors heard", "bluetoothd runs, version 5.", "-60 dBm")


@scenario
def doctor_refused(stack: Stack) -> None:
    """If only root and the group bluetooth may talk to bluetoothd, doctor's command gives the user access."""
    policies = [Path(folder) / "dbus-1/system.d/bluetooth.conf" for folder in ("/etc", "/usr/share")]
    policy = next(filter(Path.exists, policies))
    refusing = '<policy context="default"><deny send_destination="org.bluez"/></policy>'
    policy.write_text(policy.read_text().replace("</busconfig>", f"{refusing}</busconfig>"))
    start_thermometers(stack)
    obey(stack, examine(SECONDS, "nobody").the_failure("D-Bus refuses this user").command)
    examine(SECONDS, "nobody").assert_well("nobody, in the group bluetooth", "3 of 3 sensors heard")


@scenario
def doctor_elsewhere(stack: Stack) -> None:
    """An unprivileged user learns of faults of the clock, the configuration, the log and the port."""
    configure(DEVICES)
    CONFIG.write_text(CONFIG.read_text().replace("scan_duration_seconds", "scan_duration_second"))
    now = time.time()
    # A Pi that starts without a network continues with the time at which it was switched off.
    time.clock_settime(time.CLOCK_REALTIME, 1_700_000_000)
    report = examine(0, "nobody")
    time.clock_settime(time.CLOCK_REALTIME, now)
    (warning,) = report.of("warn")
    assert "2023-11-14" in warning.text, warning
    assert "sudo timedatectl set-ntp true" == warning.command, warning
    configuration = report.of("fail")[0]
    assert f"{CONFIG}:2: scan_duration_second: unknown key" in configuration.text, configuration
    assert f"sudo nano +2 {CONFIG}" == configuration.command, configuration
    configure(DEVICES, log_file="/var/ble/logs/exporter.log")
    stack.start()
    obey(stack, examine(0, "nobody").the_failure("/var/ble/logs/exporter.log can't be written by nobody").command)
    with socket.create_server(("127.0.0.1", PORT)):
        obey(stack, examine(0, "nobody").the_failure(f"port {PORT} is in use").command)
        report = examine(0, "nobody")
    assert 0 == report.status, report.text
    assert f"port: {PORT + 1} is free" in report.text, report.text


@scenario
def doctor_keys(stack: Stack) -> None:
    """Doctor reports a wrong, a missing and an unneeded key, and a sensor that is missing or not configured."""
    absent = Thermometer("attic", "A4:C1:38:00:00:0A", 1.0, 1.0, 1, 1.0, -90)
    wrong: dict[str, Device] = {
        ENCRYPTED_SENSOR: {"name": "safe", "bindkey": OTHER_KEY},
        LIVING_ROOM.address: {"name": LIVING_ROOM.name, "bindkey": KEY},
        absent.address: absent.name,
    }
    configure(wrong)
    CONFIG.chmod(0o600)
    radio = stack.start()
    stack.start_air(radio, thermometer_sender(LIVING_ROOM), encrypted_sender(ENCRYPTED_SENSOR, KEY), *unknown_devices())
    report = examine(SECONDS)
    safe, living_room = report.of("fail")
    assert "bindkey does not decrypt" in safe.text, report.text
    assert f"nano +7 {CONFIG}" == safe.command, report.text
    assert "packets are not encrypted" in living_room.text, report.text
    assert f"nano +8 {CONFIG}" == living_room.command, report.text
    (attic,) = report.of("warn")
    assert "not heard in 2 s" in attic.text, report.text
    assert "1 sensor that is not configured can be heard" in attic.text, report.text
    configure({ENCRYPTED_SENSOR: "safe", LIVING_ROOM.address: LIVING_ROOM.name})
    examine(SECONDS).the_failure("safe", "no bindkey is configured")
    configure({ENCRYPTED_SENSOR: {"name": "safe", "bindkey": KEY}, LIVING_ROOM.address: LIVING_ROOM.name})
    CONFIG.chmod(0o600)
    examine(SECONDS).assert_well("safe (A4:C1:38:00:00:09): heard, BTHome v2, encrypted", "all is well: 2 of 2")


@scenario
def doctor_passive(stack: Stack) -> None:
    """A passive scan is configured, but bluetoothd offers no monitors; doctor's command enables them."""
    radio = start_thermometers(stack)
    configure(DEVICES, scan_mode="passive")
    obey(stack, examine(SECONDS).the_failure("can't scan passively").command)
    wait_until(lambda: stack.is_powered(radio) or stack.set_powered(radio, True), "the adapter is on")
    examine(SECONDS).assert_well("passive works", "all is well: 3 of 3 sensors heard")


@scenario
def doctor_others(stack: Stack) -> None:
    """Doctor warns of a scan by another program, but recognises the scan of the running exporter."""
    radio = start_thermometers(stack)
    scanning = subprocess.Popen(["bluetoothctl", "--timeout", "60", "scan", "on"], stdout=subprocess.DEVNULL)
    wait_until(lambda: radio.scanning, "bluetoothctl scans")
    report = examine(SECONDS)
    scanning.kill()
    scanning.wait()
    (warning,) = report.of("warn")
    assert f"perhaps bluetoothctl (process {scanning.pid})" in warning.text, report.text
    wait_until(lambda: not radio.scanning, "no program scans")
    exporter = stack.start_exporter(THERMOMETERS, scan_interval_seconds=60, scan_duration_seconds=60)
    exporter.wait_until_right(incomplete)
    examine(SECONDS).assert_well(
        "is used by the running exporter", "scans for the running exporter", "3 of 3 sensors heard"
    )
