"""Tests of the check of the sensors, which uses the service's own pipeline."""

import struct
import sys

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from ble_exporter.cli.doctor import sensors as checks
from ble_exporter.cli.doctor.check import CheckContext, CheckResult
from ble_exporter.config.app_config import load_config
from ble_exporter.errors import ScannerError
from ble_exporter.scanner import Listener, MockScanner
from ble_exporter.scanner.capture import Transmission
from tests.cli.conftest import BEDROOM, LIVING_ROOM, Write
from tests.conftest import PACKET_A

KEY = "00112233445566778899aabbccddeeff"
OTHER_KEY = "ffeeddccbbaa99887766554433221100"
FILE = "config.yaml"
PLAIN = "living_room"
ENCRYPTED = f"{{name: living_room, bindkey: {KEY}}}"


def encrypted(address: str, key: str = KEY, counter: int = 1) -> bytes:
    """Return an encrypted BTHome v2 packet of 21.5 °C, built as bthome.io/encryption specifies."""
    count = struct.pack("<I", counter)
    nonce = bytes.fromhex(address.replace(":", "")) + bytes.fromhex("d2fc41") + count
    both = AESCCM(bytes.fromhex(key), tag_length=4).encrypt(nonce, struct.pack("<Bh", 0x02, 2150), None)
    return b"\x41" + both[:-4] + count + both[-4:]


def heard(
    context: CheckContext, write: Write, device: str, *packets: tuple[str, bytes], seconds: float = 1.0
) -> list[CheckResult]:
    """Check one configured device while these packets are received; return the results."""
    context.config = load_config(str(write(f'"{LIVING_ROOM}": {device}')))
    context.seconds = seconds
    context.build = lambda *_settings, **_options: MockScanner(list(packets))
    return list(checks.check_sensors(context))


@pytest.mark.parametrize(
    ("device", "packet", "level", "text", "command"),
    [
        (PLAIN, PACKET_A, "ok", "heard, BTHome v2, -60 dBm", ""),
        (ENCRYPTED, encrypted(LIVING_ROOM), "ok", "heard, BTHome v2, encrypted, -60 dBm", ""),
        (
            ENCRYPTED,
            encrypted(LIVING_ROOM, OTHER_KEY),
            "fail",
            "the configured bindkey does not decrypt its packets",
            "nano +7 ",
        ),
        (ENCRYPTED, PACKET_A, "fail", "a bindkey is configured, but its packets are not encrypted", "nano +7 "),
        (PLAIN, encrypted(LIVING_ROOM), "fail", "its packets are encrypted, but no bindkey is configured", "nano +7 "),
        (PLAIN, b"\x40\x02\x00", "warn", "all its packets are refused: truncated", ""),
    ],
    ids=["plain", "encrypted", "wrong key", "unneeded key", "no key", "broken"],
)
def test_a_device_that_is_heard(  # noqa: PLR0917 - a table
    context: CheckContext, write: Write, device: str, packet: bytes, level: str, text: str, command: str
) -> None:
    """Each cause needs its own remedy; if the configuration is wrong, the command opens it at the device's line."""
    air, result = heard(context, write, device, (LIVING_ROOM, packet))

    assert CheckResult("ok", "air: heard 1 advertisement in 1 s") == air
    assert level == result.level
    assert result.text.startswith(f"living_room ({LIVING_ROOM}): {text}")
    assert result.command == (f"{command}{context.config_path}" if command else "")
    assert (1 if level == "ok" else 0) == context.heard


@pytest.mark.parametrize(
    ("service_data", "level", "text"),
    [
        ({"0000feaa-0000-1000-8000-00805f9b34fb": b"x"}, "fail", "its packets have no known format"),
        ({}, "warn", "its packets had no service data (for example, only its name): listen longer"),
    ],
)
def test_a_device_without_a_known_format(
    context: CheckContext, write: Write, service_data: dict[str, bytes], level: str, text: str
) -> None:
    """Other firmware will never send a known format, but a device that sent only its name may still send readings."""
    context.config = load_config(str(write(f'"{LIVING_ROOM}": living_room')))
    context.build = lambda *_settings, **_options: MockScanner(air=[Transmission(0.0, LIVING_ROOM, -60, service_data)])
    _air, result = checks.check_sensors(context)

    assert level == result.level
    assert f"living_room ({LIVING_ROOM}): {text}" in result.text


def test_refused_packets_are_counted_next_to_valid_ones(context: CheckContext, write: Write) -> None:
    """Noise, or another sender with the same address, must not hide that the sensor works."""
    _air, result = heard(context, write, PLAIN, (LIVING_ROOM, PACKET_A), (LIVING_ROOM, b"\x40\x02\x00"))

    assert CheckResult("ok", f"living_room ({LIVING_ROOM}): heard, BTHome v2, -60 dBm; 1 refused: truncated") == result


def test_unknown_sensors_nearby_are_a_hint_if_one_is_not_heard(context: CheckContext, write: Write) -> None:
    """The address may be mistyped, so the user should compare it with those of the sensors nearby."""
    neighbours = [(BEDROOM, PACKET_A), (BEDROOM, PACKET_A), ("A4:C1:38:00:00:09", encrypted("A4:C1:38:00:00:09"))]
    not_a_sensor = ("A4:C1:38:00:00:0A", b"\x40\x02\x00")
    _air, near = heard(context, write, PLAIN, *neighbours, not_a_sensor)
    _air, one = heard(context, write, PLAIN, *neighbours[:2])

    causes = "it is out of range, its battery is flat, it sends less often (--seconds), or its address differs"
    text = f"living_room ({LIVING_ROOM}): not heard in 1 s: {causes}"
    assert ("warn", f"{text}; 2 sensors that are not configured can be heard") == (near.level, near.text)
    assert ("warn", f"{text}; 1 sensor that is not configured can be heard") == (one.level, one.text)
    assert f"{sys.executable} -m ble_exporter discover" == near.command


def test_a_door_that_is_not_heard_need_not_be_broken(context: CheckContext, write: Write) -> None:
    """A door sensor is silent while the door does not move, so the user must be told to move it."""
    _air, result = heard(context, write, "{name: door, stale_after_seconds: never}", (BEDROOM, PACKET_A))

    assert "it sends only when something happens, so use it while `doctor` listens; otherwise it is" in result.text


@pytest.mark.parametrize(("seconds", "level"), [(10.0, "fail"), (2.0, "warn")])
def test_silence_is_a_failure_only_if_it_lasts(context: CheckContext, write: Write, seconds: float, level: str) -> None:
    """Phones advertise nearly everywhere, so ten seconds of silence suggest a fault, but two do not."""
    air, device = heard(context, write, PLAIN, seconds=seconds)

    assert f"air: nothing was heard in {seconds:g} s, not even from unknown devices" in air.text
    assert (level, "bluetoothctl power off && bluetoothctl power on") == (air.level, air.command)
    assert device.text.endswith("or its address differs")


@pytest.mark.parametrize(("setting", "is_advised"), [("exit", True), ("reset", False)])
def test_resets_are_advised_unless_they_are_configured(
    context: CheckContext, write: Write, setting: str, is_advised: bool
) -> None:
    """A user whose adapter hangs again and again should not have to power-cycle it by hand."""
    air, _device = heard(context, write, PLAIN + f"\non_silence: {setting}")

    assert is_advised == air.text.endswith("; with on_silence: reset, the exporter tries a power cycle by itself")


class Failing(MockScanner):
    """A radio that fails when it starts."""

    def __init__(self, error: ScannerError) -> None:
        super().__init__([])
        self._error = error

    async def run(self, listener: Listener, started: object) -> None:  # noqa: ARG002 - Radio's
        """See Radio."""
        raise self._error


@pytest.mark.parametrize(
    ("error", "command"),
    [
        (ScannerError("it hangs", "see `dmesg`, or power it off", "bluetoothctl power off"), "bluetoothctl power off"),
        (ScannerError("org.bluez.Error.Failed: no idea"), "sudo systemctl restart bluetooth"),
    ],
)
def test_a_radio_that_fails_is_a_failed_check(
    context: CheckContext, write: Write, error: ScannerError, command: str
) -> None:
    """A scan can fail after every other check has passed, and the user then needs a command that may help."""
    context.config = load_config(str(write()))
    context.build = lambda *_settings, **_options: Failing(error)

    assert [CheckResult("fail", str(error), command)] == list(checks.check_sensors(context))
    assert context.heard is None
