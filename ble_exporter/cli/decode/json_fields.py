"""Find service data in the JSON of gateways and diagnostics, and in similar lists of names and values."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

_STRING = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
# A name and its value. A shell removes the quotes of JSON that is not itself in quotes.
_PAIR = re.compile(
    rf"""(?:["'](?P<quoted>[\w .-]{{1,60}})["']|\b(?P<bare>[A-Za-z_]\w{{0,60}}))\s*[:=]{{1,2}}\s*"""
    rf"""(?P<value>{_STRING}|\[[-\w\s,"']*\]|\{{[^{{}}]{{0,99}}"repr"\s*:\s*{_STRING}\s*\}}"""
    rf"""|[0-9A-Fa-f][0-9A-Fa-fx:+/=-]{{3,}}(?!["'\w]))"""
)
_UUID = re.compile(r"(?:0x)?([0-9a-f]{4})|0000([0-9a-f]{4})-0000-1000-8000-00805f9b34fb", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:[0-9A-F]{2}[:-]?){5}[0-9A-F]{2}", re.IGNORECASE)
_SERVICE_DATA = frozenset({"servicedata", "svcdata", "servicedatahex"})
_OTHER_DATA = frozenset(
    {"rawdata", "rawadv", "raw", "advdata", "advertisement", "advertisingdata", "adv", "payload", "p", "hex", "data"}
)
_SERVICES = frozenset({"servicedatauuid", "svcuuid", "serviceuuid", "uuid"})
_ADDRESSES = frozenset({"id", "mac", "macaddress", "address", "addr", "bdaddr"})


class Found(NamedTuple):
    """
    The bytes under one name in a text.

    Attributes:
        value: The text of the bytes, in any notation.
        service: The 16-bit UUID of the service: four lower-case hex digits, or empty.
        address: The sender's address; empty if there is none.
    """

    value: str
    service: str = ""
    address: str = ""


def fields_in(text: str) -> list[Found]:
    """Return the service data in a text or, if there is none, the bytes under other known names, if any."""
    pairs = list(_pairs(text))
    names = {name for name, _ in pairs}
    services = [uuid for name, value in pairs if name in _SERVICES and (uuid := _short_uuid(value))]
    addresses = {value for name, value in pairs if name in _ADDRESSES and _ADDRESS.fullmatch(value)}
    address = addresses.pop() if len(addresses) == 1 else ""
    # Service data under its UUID, as a separate value or, in diagnostics of Home Assistant, as a repr.
    by_uuid = [Found(value, _short_uuid(name), address) for name, value in pairs if _short_uuid(name) and value]
    if "servicedata" in text.replace("_", "").lower() and by_uuid:
        return by_uuid
    service = services[0] if len(set(services)) == 1 else ""
    is_uuid = re.compile(r"[0-9A-F]{8}-", re.IGNORECASE).match
    found = [Found(value, service, address) for name, value in pairs if name in _SERVICE_DATA and not is_uuid(value)]
    if len(found) == len(services) > 1:
        found = [one._replace(service=uuid) for one, uuid in zip(found, services, strict=True)]
    if found or not (names & (_ADDRESSES | _SERVICES) or '":' in text):
        return found
    return [Found(value, service, address) for name, value in pairs if name in _OTHER_DATA]


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the names, lower case and without separators, and the values without quotes and escapes."""
    for found in _PAIR.finditer(text):
        name, value = found["quoted"] or found["bare"], found["value"]
        if value[0] == "{":
            # Home Assistant's diagnostics show bytes as {"__type": …, "repr": …}.
            value = value.rstrip("} \n")[value.index('"repr"') + len('"repr"') :].lstrip(": \n")
        if value[0] in "\"'":
            try:
                value = str(json.loads(f'"{value[1:-1]}"'))
            except ValueError:
                value = value[1:-1]
        yield name if _UUID.fullmatch(name) else re.sub(r"[^a-z0-9]", "", name.lower()), value


def _short_uuid(text: str) -> str:
    found = _UUID.fullmatch(text)
    return (found[1] or found[2]).lower() if found else ""
