"""Invariants for any bytes from the air, checked by both test_hostile.py and the fuzzer."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from ble_exporter.device import Device
from ble_exporter.device.replay import ReplayGuard
from ble_exporter.errors import REJECT_REASONS, DecodeError
from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.ccm import Ccm
from ble_exporter.formats.decoded import Decoded
from ble_exporter.formats.registry import FORMATS
from ble_exporter.metrics.families import FAMILIES
from ble_exporter.model import Advertisement, Reading
from ble_exporter.parser import keyed_reader, plain_reader
from tests.formats.sealing import ADDRESS, KEY, SEALS

_CIPHER = Ccm(KEY)
# About as many encrypted bytes as an advertisement has room for, beside the header, the counter and the MIC.
_LONGEST_PLAINTEXT = 240


def decoded_or_rejected(uuid: str, payload: bytes, address: str, cipher: Ccm | None) -> Decoded | DecodeError:
    """Decode a payload; check that the result can be stored in a device, or that the error has a known reason."""
    try:
        decoded = FORMATS[uuid].decode(payload, address, cipher)
    except DecodeError as error:
        return _with_reason(error)
    for name, value in decoded.measurements.items():
        base, _, position = name.rpartition("_")
        assert name in FAMILIES or (base in FAMILIES and 2 <= int(position) <= 127)
        assert type(value) is float
        assert 0 == value - value, f"{value} is no measurement"
    assert not decoded.measurements.keys() & set(decoded.impossible)
    assert decoded.packet_id is None or 0 <= decoded.packet_id <= 255
    assert decoded.counter is None or 0 <= decoded.counter.value < 2**decoded.counter.bits
    return decoded


def _with_reason(error: DecodeError) -> DecodeError:
    assert error.reason in REJECT_REASONS
    return error


def opened_or_rejected(uuid: str, seal: Callable[[bytes], bytes], plaintext: bytes) -> Decoded | DecodeError:
    """Encrypt and decode a plaintext; check that no error contains the plaintext or the key."""
    payload = seal(plaintext)
    found = decoded_or_rejected(uuid, payload, ADDRESS, _CIPHER)
    if isinstance(found, DecodeError):
        words = str(found).replace(payload.hex(), "")
        # One or two bytes of plaintext may occur in the text by chance.
        assert len(plaintext) < 3 or plaintext.hex() not in words, "a secret is in an error"
        assert KEY.hex() not in str(found), "the key is in an error"
    else:
        assert found.counter is not None
    return found


def read_or_rejected(
    service_data: Mapping[str, bytes], address: str, cipher: Ccm | None
) -> tuple[Device, Reading | DecodeError]:
    """Read an advertisement with a new device; return the device, and the stored reading or the error."""
    read = plain_reader if cipher is None else keyed_reader(cipher, ReplayGuard(lambda: 0.0))
    device = Device("living_room", address, read)
    advertisement = Advertisement(address, dict(service_data))
    try:
        reading = device.read(advertisement)
    except DecodeError as error:
        return device, _with_reason(error)
    device.update(advertisement, reading, 0.0)
    return device, reading


def _opened(plaintext: bytes, uuid: str, seal: Callable[[bytes], bytes]) -> None:
    opened_or_rejected(uuid, seal, plaintext[:_LONGEST_PLAINTEXT])


def _decoded(payload: bytes, uuid: str, cipher: Ccm | None) -> None:
    decoded_or_rejected(uuid, payload, ADDRESS, cipher)


def _read(data: bytes, cipher: Ccm | None) -> None:
    read_or_rejected(dict(_service_data(data)), ADDRESS, cipher)


def _service_data(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Split bytes into service data; each group has the index of the service, the length and the payload."""
    uuids = [*FORMATS, "another"]
    while data:
        length = data[1] if len(data) > 1 else 0
        yield uuids[data[0] % len(uuids)], data[2 : 2 + length]
        data = data[2 + length :]


NAMES = {
    bthome.UUID: "bthome",
    bthome_v1.UUID: "bthome_v1",
    bthome_v1.UUID_ENCRYPTED: "bthome_v1_encrypted",
    atc.UUID: "atc",
    mibeacon.UUID: "mibeacon",
}
"""Service UUID → the prefix of its targets' names."""

TARGETS: Mapping[str, Callable[[bytes], None]] = {
    **{name: partial(_decoded, uuid=uuid, cipher=None) for uuid, name in NAMES.items()},
    **{f"{name}+key": partial(_decoded, uuid=uuid, cipher=_CIPHER) for uuid, name in NAMES.items()},
    **{f"{NAMES[uuid]}+sealed": partial(_opened, uuid=uuid, seal=seal) for uuid, seal in SEALS},
    "advertisement": partial(_read, cipher=None),
    "advertisement+key": partial(_read, cipher=_CIPHER),
}
"""Targets for each decoder: without a key, with a key, and with encrypted plaintexts; then for whole advertisements."""
