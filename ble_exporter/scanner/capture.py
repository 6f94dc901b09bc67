"""
Capture files: advertisements that were recorded, one a line, for the simulated radio to play.

    # seconds  address            RSSI  UUID  service data
    0.0        A4:C1:38:AA:BB:CC  -61   fcd2  4000b00151028d0a038d11

The seconds count from any moment and never go back. The UUID has 4 hex digits, or all 32 with dashes; a "-" in place of
UUID and service data is an advertisement without any. Empty lines, and all behind a "#", are ignored.
"""

import re
from pathlib import Path
from typing import NamedTuple

from ble_exporter.errors import ConfigError


class Transmission(NamedTuple):
    """
    One advertisement on the simulated air.

    Attributes:
        at: When, in seconds since the radio was switched on.
        address: The sender's address.
        rssi: With which signal strength it arrives, in dBm.
        service_data: Service UUID (128 bits) to service data.
        name: What the sender calls itself; empty where it does not. A capture file has none.
    """

    at: float
    address: str
    rssi: int
    service_data: dict[str, bytes]
    name: str = ""


_LINE = re.compile(
    r"(?P<at>\d+(\.\d*)?)\s+(?P<address>[0-9A-F]{2}(:[0-9A-F]{2}){5})\s+(?P<rssi>-?\d{1,3})"
    r"\s+((?P<uuid>[0-9a-f]{4}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\s+(?P<data>([0-9a-f]{2})*)|-)",
    re.IGNORECASE,
)
_LINE_HINT = (
    "write `seconds address RSSI UUID service-data`, as `0.0 A4:C1:38:AA:BB:CC -61 fcd2 4000b00151028d0a038d11`"
)
_ANOTHER_FILE = "name another file with --replay"


def load_capture(path: str) -> list[Transmission]:
    """
    Read a capture file.

    Returns:
        Its advertisements in order, the first at 0 s.

    Raises:
        ConfigError: The file can't be read, is empty, or a line is not as above.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the capture can't be read ({error})", _ANOTHER_FILE, path=path) from error
    transmissions: list[Transmission] = []
    first = 0.0
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        sent = _transmission(text)
        if sent is None:
            raise ConfigError("not an advertisement", _LINE_HINT, path=path, line=number)
        if not transmissions:
            first = sent.at
        sent = sent._replace(at=sent.at - first)
        if transmissions and sent.at < transmissions[-1].at:
            raise ConfigError("the time goes back", "sort the lines by their first column", path=path, line=number)
        transmissions.append(sent)
    if not transmissions:
        raise ConfigError("holds no advertisement", _ANOTHER_FILE, path=path)
    return transmissions


def _transmission(text: str) -> Transmission | None:
    """Return the advertisement that a line describes; None where it is none."""
    match = _LINE.fullmatch(text)
    if match is None:
        return None
    service_data = {_long_uuid(match["uuid"]): bytes.fromhex(match["data"])} if match["uuid"] else {}
    return Transmission(float(match["at"]), match["address"].upper(), int(match["rssi"]), service_data)


def _long_uuid(uuid: str) -> str:
    uuid = uuid.lower()
    return f"0000{uuid}-0000-1000-8000-00805f9b34fb" if len(uuid) == 4 else uuid
