"""
The devices of a configuration: their names and bindkeys.

No message of this module shows a bindkey, or text that is written in place of a bindkey (docs/security.md).
"""

import codecs
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ble_exporter.config.yaml_document import (
    Document,
    Node,
    entries_of,
    is_bare_number,
    is_empty,
    is_mapping,
    is_scalar,
    line_of,
    text_of,
)

ADDRESS = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")
"""A Bluetooth address in upper case."""

_PLACEHOLDER = re.compile(r"(?=.*[X-Z])[0-9A-FX-Z]{2}(:[0-9A-FX-Z]{2}){5}")
_KEYS = ("name", "bindkey", "bindkey_file")
_EXAMPLE = '{name: "living_room", bindkey: "32 hex digits"}'
_BINDKEY_AS_NAME = f"a bindkey is written in place of the name; write `{_EXAMPLE}`"

_BINDKEY = re.compile(r"[0-9A-Fa-f]{32}")
_OLD_BINDKEY = re.compile(r"[0-9A-Fa-f]{24}")
# Also matches a bindkey with too few or too many digits, or with separators. A Bluetooth address is too short to match.
_BINDKEY_WITHIN = re.compile(r"[0-9A-Fa-f]{20}|([0-9A-Fa-f]{2}[ :.-]){9}[0-9A-Fa-f]{2}")
_BINDKEY_HINT = "write the 32 hex digits that the firmware's page shows"

# A longer key file is not read to its end, because it may be an endless device file.
_MAX_KEY_FILE_BYTES = 200


@dataclass
class Devices:
    """The devices under `devices:`; `names`, `keys` and `key_files` are `devices`, `keys`, `key_files` of AppConfig."""

    names: dict[str, str] = field(default_factory=dict)
    keys: dict[str, bytes] = field(default_factory=dict, repr=False)
    key_files: list[str] = field(default_factory=list)


def read_devices(document: Document, node: Node | None, *, may_be_empty: bool) -> Devices:
    """Read the value of `devices:` (None if the key is missing) and the key files, or raise a ConfigError."""
    devices = Devices()
    if may_be_empty and (node is None or is_empty(node)):
        return devices
    entries = entries_of(node)
    if not entries:
        hint = 'add lines such as `"A4:C1:38:00:00:01": "living_room"`'
        document.fail(node, "no device is listed", hint, key="devices")
    lines: dict[str, int] = {}
    for address_node, device_node in entries:
        address = _address(document, address_node)
        if address in devices.names:
            problem = f"{address} is already listed on line {lines[address]}"
            document.fail(address_node, problem, "remove one of the two", key="devices")
        of_device = replace(document, device=address)
        nodes = of_device.nodes(entries_of(device_node), _KEYS)
        name = _name(of_device, device_node, nodes)
        if name in lines:
            problem = f'the name "{name}" is already used on line {lines[name]}'
            of_device.fail(device_node, problem, "choose another")
        lines[address] = lines[name] = line_of(address_node)
        devices.names[address] = name
        _read_key(of_device, nodes, devices)
    return devices


def world_readable_warnings(key_files: Iterable[str]) -> list[str]:
    """Return a warning for each key file that every user of the machine can read."""
    return [
        f"{path} holds a bindkey, and every user of this machine can read it: run `chmod o-r {path}` "
        "(the user of this program must still be able to read it)"
        for path in key_files
        if Path(path).stat().st_mode & stat.S_IROTH
    ]


def name_problem(name: str) -> str:
    """Return why a device name is invalid, and how to fix it; an empty string if it is valid."""
    if _BINDKEY_WITHIN.search(name):
        # Names are public, because they are labels of the metrics.
        return _BINDKEY_AS_NAME
    if not name.strip():
        return 'the name is empty; write one, such as "living_room"'
    return "" if name.isprintable() else "the name has a control character; use printable characters"


def bindkey_problem(text: str) -> str:
    """Return why a bindkey is invalid, or an empty string. The text never quotes the bindkey."""
    if _BINDKEY.fullmatch(text):
        return ""
    if _OLD_BINDKEY.fullmatch(text):
        return "24 hex digits are a bindkey of an old MiBeacon version, which is not supported"
    if len(text) == 32:
        return "not all of its 32 characters are hex digits"
    return f"it has {len(text)} characters, not 32" if 0 < len(text) < _MAX_KEY_FILE_BYTES else "this is not a bindkey"


def _address(document: Document, node: Node) -> str:
    text = text_of(node)
    address = text.upper()
    if is_bare_number(node):
        problem = f"{text} is not quoted, and YAML reads it as a number"
        document.fail(node, problem, f'write "{text}"', key="devices")
    if _PLACEHOLDER.fullmatch(address):
        document.fail(node, f"{text} is a placeholder", "write the address of your sensor", key="devices")
    if not ADDRESS.fullmatch(address):
        hint = 'write six pairs of hex digits, such as "A4:C1:38:00:00:01"'
        document.fail(node, f"{text} is not a Bluetooth address", hint, key="devices")
    return address


def _name(document: Document, device_node: Node, nodes: Mapping[str, Node]) -> str:
    if is_mapping(device_node) and "name" not in nodes:
        document.fail(device_node, "mandatory key is missing", f"write `{_EXAMPLE}`", key="name")
    node = nodes.get("name", device_node)
    # The check uses the text, not the value, because YAML reads a bindkey of decimal digits as a number.
    if _BINDKEY_WITHIN.search(text_of(node)):
        document.fail(node, _BINDKEY_AS_NAME)
    name = document.scalar(node)
    if not isinstance(name, str | None):
        document.fail(node, "the name must be text", f'put it in quotes: "{text_of(node)}"')
    problem = name_problem(name or "")
    return document.fail(node, problem) if name is None or problem else name


def _read_key(document: Document, nodes: Mapping[str, Node], devices: Devices) -> None:
    """Add the device's bindkey, if it has one."""
    if "bindkey" in nodes and "bindkey_file" in nodes:
        document.fail(nodes["bindkey_file"], "bindkey and bindkey_file are both set", "remove one of the two")
    if "bindkey" in nodes:
        key, where, key_file = "bindkey", "", document.path
        text = text_of(nodes[key])
        problem = bindkey_problem(text) if is_scalar(nodes[key]) else "a list or a mapping is not a bindkey"
    elif "bindkey_file" in nodes:
        key = "bindkey_file"
        path = _path(document, nodes[key])
        where, key_file = f"{path}: ", str(path)
        text = _content(document, nodes[key], path)
        problem = bindkey_problem(text)
    else:
        return
    if problem:
        document.fail(nodes[key], where + problem, _BINDKEY_HINT, key=key)
    devices.keys[document.device] = bytes.fromhex(text)
    if key_file not in devices.key_files:
        devices.key_files.append(key_file)


def _path(document: Document, node: Node) -> Path:
    """Return the path of a `bindkey_file`: a systemd credential, otherwise relative to the configuration's folder."""
    key = "bindkey_file"
    text = document.scalar(node, key)
    if not isinstance(text, str) or not text or not text.isprintable():
        document.fail(node, "not a path", 'write one, such as "/etc/ble_exporter/living_room.key"', key=key)
    if _BINDKEY.fullmatch(text) or _OLD_BINDKEY.fullmatch(text):
        document.fail(node, "a bindkey is written in place of the path", "write it as `bindkey:`", key=key)
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    # os.path is used, because Path.exists raises for a path that can't be looked up.
    if credentials and os.path.exists(os.path.join(credentials, text)):  # noqa: PTH110, PTH118
        return Path(credentials, text)
    # Joining leaves an absolute path unchanged.
    return Path(document.path).parent / text


def _content(document: Document, node: Node, path: Path) -> str:
    try:
        # O_NONBLOCK prevents waiting for the writer of a named pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            content = os.read(descriptor, _MAX_KEY_FILE_BYTES)
        finally:
            os.close(descriptor)
    except OSError as error:
        hint = "write the 32 hex digits into that file, and make it readable for this user"
        document.fail(node, f"{path} can't be read ({error.strerror})", hint, key="bindkey_file")
    # Latin-1 decodes all bytes, so the check of the bindkey rejects the bytes that are not hex digits.
    text = content.removeprefix(codecs.BOM_UTF8).decode("latin-1")
    return text.strip(" \t\r\n") if len(content) < _MAX_KEY_FILE_BYTES else text
