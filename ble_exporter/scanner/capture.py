"""
Capture files: recorded advertisements, one per line, which the simulated radio plays.

    # seconds  address            RSSI  UUID  service data
    0.0        A4:C1:38:AA:BB:CC  -61   fcd2  4000b00151028d0a038d11

The seconds count from an arbitrary start, and never decrease. The UUID has 4 hex digits, or all 32 with dashes. A "-"
in place of UUID and service data stands for an advertisement without service data. Empty lines and everything after a
"#" are ignored.
"""

import re
from typing import NamedTuple

from ble_exporter.errors import ConfigError
from ble_exporter.files import read_file


class Transmission(NamedTuple):
    """One advertisement that the simulated radio receives."""

    at: float  # seconds from the start of the capture or the simulation
    address: str
    rssi: int  # dBm
    service_data: dict[str, bytes]  # by service UUID (128 bits)
    name: str = ""  # the sender's local name; a capture file contains no names


_LINE = re.compile(
    r"(?P<at>[0-9]{1,15}(\.[0-9]*)?)\s+(?P<address>[0-9A-F]{2}(:[0-9A-F]{2}){5})\s+(?P<rssi>-?[0-9]{1,3})"
    r"\s+((?P<uuid>[0-9a-f]{4}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\s+(?P<data>([0-9a-f]{2})*)|-)",
    re.IGNORECASE,
)
_LINE_HINT = (
    "write `seconds address RSSI UUID service-data`, such as `0.0 A4:C1:38:AA:BB:CC -61 fcd2 4000b00151028d0a038d11`"
)
_ANOTHER_FILE = "name another file with --replay"


def load_capture(path: str) -> list[Transmission]:
    """Return the advertisements of a capture file in order, with the first at 0 s. Raises ConfigError."""
    try:
        lines = read_file(path).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"the capture can't be read ({cause})", _ANOTHER_FILE, path=path) from error
    transmissions: list[Transmission] = []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise ConfigError("not an advertisement", _LINE_HINT, path=path, line=number)
        sent = _transmission(match)
        if transmissions and sent.at < transmissions[-1].at:
            raise ConfigError(
                "the time is earlier than on the line before",
                "sort the lines by their first column",
                path=path,
                line=number,
            )
        transmissions.append(sent)
    if not transmissions:
        raise ConfigError("contains no advertisement", _ANOTHER_FILE, path=path)
    return [sent._replace(at=sent.at - transmissions[0].at) for sent in transmissions]


def _transmission(match: re.Match[str]) -> Transmission:
    uuid = (match["uuid"] or "").lower()
    if len(uuid) == 4:
        uuid = f"0000{uuid}-0000-1000-8000-00805f9b34fb"
    service_data = {uuid: bytes.fromhex(match["data"])} if uuid else {}
    return Transmission(float(match["at"]), match["address"].upper(), int(match["rssi"]), service_data)
