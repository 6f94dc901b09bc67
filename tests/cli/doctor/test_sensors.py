"""What is heard of each sensor, judged; by the very pipeline of the service."""

import struct
import sys

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from ble_exporter.cli.doctor import sensors as checks
from ble_exporter.cli.doctor.check import Examination, Finding
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
SEALED = f"{{name: living_room, bindkey: {KEY}}}"


def sealed(address: str, key: str = KEY, counter: int = 1) -> bytes:
    """Return an encrypted BTHome v2 packet of 21.5 °C, made as bthome.io/encryption says."""
    count = struct.pack("<I", counter)
    nonce = bytes.fromhex(address.replace(":", "")) + bytes.fromhex("d2fc41") + count
    both = AESCCM(bytes.fromhex(key), tag_length=4).encrypt(nonce, struct.pack("<Bh", 0x02, 2150), None)
    return b"\x41" + both[:-4] + count + both[-4:]


def heard(
    examination: Examination, write: Write, device: str, *packets: tuple[str, bytes], seconds: float = 1.0
) -> list[Finding]:
    """Judge one configured device on such an air."""
    examination.config = load_config(str(write(f'"{LIVING_ROOM}": {device}')))
    examination.seconds = seconds
    examination.make_radio = lambda _config: MockScanner(list(packets))
    return list(checks.sensors(examination))


@pytest.mark.parametrize(
    ("device", "packet", "level", "text", "remedy"),
    [
        (PLAIN, PACKET_A, "ok", "heard, BTHome v2, -60 dBm", ""),
        (SEALED, sealed(LIVING_ROOM), "ok", "heard, BTHome v2, encrypted, -60 dBm", ""),
        (SEALED, sealed(LIVING_ROOM, OTHER_KEY), "fail", "its bindkey does not decrypt what it sends", "nano +7 "),
        (SEALED, PACKET_A, "fail", "it has a bindkey, and sends in plain", "nano +7 "),
        (PLAIN, sealed(LIVING_ROOM), "fail", "it encrypts, and has no bindkey in the configuration", "nano +7 "),
        (PLAIN, b"\x40\x02\x00", "warn", "all that it sends is refused: truncated", ""),
    ],
    ids=["plain", "encrypted", "wrong key", "a key too many", "no key", "broken"],
)
def test_a_device_that_is_heard(  # noqa: PLR0917 - a table
    examination: Examination, write: Write, device: str, packet: bytes, level: str, text: str, remedy: str
) -> None:
    """Each of the causes has a remedy of its own, and it is at the device's line."""
    air, finding = heard(examination, write, device, (LIVING_ROOM, packet))

    assert Finding("ok", "air: heard 1 advertisement in 1 s") == air
    assert level == finding.level
    assert finding.text.startswith(f"living_room ({LIVING_ROOM}): {text}")
    assert finding.remedy == (f"{remedy}{examination.config_path}" if remedy else "")
    assert (1 if level == "ok" else 0) == examination.heard


@pytest.mark.parametrize(
    ("service_data", "level", "text"),
    [
        ({"0000feaa-0000-1000-8000-00805f9b34fb": b"x"}, "fail", "it sends none of the known formats"),
        ({}, "warn", "it was heard, but only its name or the like"),
    ],
)
def test_a_device_that_says_something_else(
    examination: Examination, write: Write, service_data: dict[str, bytes], level: str, text: str
) -> None:
    """Another firmware, or a sound one that was only heard to say its name."""
    examination.config = load_config(str(write(f'"{LIVING_ROOM}": living_room')))
    examination.make_radio = lambda _config: MockScanner(air=[Transmission(0.0, LIVING_ROOM, -60, service_data)])
    _air, finding = checks.sensors(examination)

    assert level == finding.level
    assert f"living_room ({LIVING_ROOM}): {text}" in finding.text


def test_what_is_refused_beside_what_is_heard_is_told(examination: Examination, write: Write) -> None:
    """Noise, or somebody else under its address; its readings come."""
    _air, finding = heard(examination, write, PLAIN, (LIVING_ROOM, PACKET_A), (LIVING_ROOM, b"\x40\x02\x00"))

    assert Finding("ok", f"living_room ({LIVING_ROOM}): heard, BTHome v2, -60 dBm; 1 refused: truncated") == finding


def test_sensors_nearby_are_a_hint_where_one_is_not_heard(examination: Examination, write: Write) -> None:
    """Most often the address is a typing error; those are counted that are sensors, each once."""
    neighbours = [(BEDROOM, PACKET_A), (BEDROOM, PACKET_A), ("A4:C1:38:00:00:09", sealed("A4:C1:38:00:00:09"))]
    stranger = ("A4:C1:38:00:00:0A", b"\x40\x02\x00")
    _air, near = heard(examination, write, PLAIN, *neighbours, stranger)
    _air, one = heard(examination, write, PLAIN, *neighbours[:2])

    text = f"living_room ({LIVING_ROOM}): not heard in 1 s: out of reach, a flat battery, or another address"
    assert ("warn", f"{text}; 2 sensors that are not configured can be heard") == (near.level, near.text)
    assert ("warn", f"{text}; 1 sensor that is not configured can be heard") == (one.level, one.text)
    assert f"{sys.executable} -m ble_exporter discover" == near.remedy


@pytest.mark.parametrize(("seconds", "level"), [(10.0, "fail"), (2.0, "warn")])
def test_silence_is_a_failure_only_where_it_lasted(
    examination: Examination, write: Write, seconds: float, level: str
) -> None:
    """Somebody's phone is heard nearly anywhere, but not within a second."""
    air, device = heard(examination, write, PLAIN, seconds=seconds)

    assert f"air: nothing at all was heard in {seconds:g} s, not even from strangers" in air.text
    assert (level, "bluetoothctl power off && bluetoothctl power on") == (air.level, air.remedy)
    assert device.text.endswith("or another address")


class Failing(MockScanner):
    """A radio that fails at its start."""

    def __init__(self, problem: str) -> None:
        super().__init__([])
        self._problem = problem

    async def run(self, listener: Listener, started: object) -> None:  # noqa: ARG002 - Radio's
        """See Radio."""
        raise ScannerError(self._problem)


@pytest.mark.parametrize(
    ("problem", "remedy"),
    [
        ("it may hang; try `bluetoothctl power off`, `bluetoothctl power on`", "bluetoothctl power off"),
        ("org.bluez.Error.Failed: no idea", "sudo systemctl restart bluetooth"),
    ],
)
def test_a_radio_that_fails_is_a_finding(examination: Examination, write: Write, problem: str, remedy: str) -> None:
    """All looked well, and then it does not scan."""
    examination.config = load_config(str(write()))
    examination.make_radio = lambda _config: Failing(problem)

    assert [Finding("fail", problem, remedy)] == list(checks.sensors(examination))
    assert examination.heard is None
