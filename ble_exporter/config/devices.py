"""
The devices of a configuration: their names, and the keys of those that encrypt.

No message of this module shows a key, or what stands where one should: docs/security.md.
"""

import codecs
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from ble_exporter.config.yaml_document import (
    Document,
    Node,
    entries_of,
    is_bare_number,
    is_mapping,
    is_scalar,
    line_of,
    text_of,
)

_ADDRESS = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")
_PLACEHOLDER = re.compile(r"(?=.*[X-Z])[0-9A-FX-Z]{2}(:[0-9A-FX-Z]{2}){5}")
_KEYS = ("name", "bindkey", "bindkey_file")
_EXAMPLE = '{name: "living_room", bindkey: "32 hex digits"}'

_NAME_A_KEY = f"a bindkey stands where the name should; write `{_EXAMPLE}`"

_BINDKEY = re.compile(r"[0-9A-Fa-f]{32}")
_OLD_BINDKEY = re.compile(r"[0-9A-Fa-f]{24}")
# Also one that a digit is missing of, or too many, or whose digits stand in pairs. An address is shorter.
_KEY_WITHIN = re.compile(r"[0-9A-Fa-f]{20}|([0-9A-Fa-f]{2}[ :.-]){9}[0-9A-Fa-f]{2}")

# Of a file that is no key's at all, a device for example, no more than this is read.
_MOST_BYTES = 200


@dataclass
class Devices:
    """
    What stands under `devices:`.

    Attributes:
        names: Address (upper case, colons) to name; both unique.
        keys: Address to the 16 bytes of its key, of the devices that have one.
        key_files: The files that hold those keys, the configuration among them where one stands in it.
    """

    names: dict[str, str] = field(default_factory=dict)
    keys: dict[str, bytes] = field(default_factory=dict, repr=False)
    key_files: list[str] = field(default_factory=list)


def read_devices(document: Document, node: Node) -> Devices:
    """
    Read the devices, and the files of their keys.

    Args:
        document: The configuration.
        node: What stands under `devices:`.

    Raises:
        ConfigError: There is none, one is not as it should be, or a key can't be read.
    """
    entries = entries_of(node)
    if not entries:
        document.fail(node, 'devices: no device is listed; add lines such as `"A4:C1:38:00:00:01": "living_room"`')
    devices = Devices()
    lines: dict[str, int] = {}
    for address_node, device_node in entries:
        address = _address(document, address_node)
        if address in devices.names:
            first = lines[address]
            document.fail(address_node, f"devices: {address} is already listed on line {first}; remove one of the two")
        device = _Device(document, address, device_node)
        name = device.name()
        if name in lines:
            device.fail(device_node, f'the name "{name}" is already used on line {lines[name]}; choose another')
        lines[address] = lines[name] = line_of(address_node)
        devices.names[address] = name
        device.read_key(devices)
    return devices


def open_to_all(key_files: Iterable[str]) -> list[str]:
    """Return, for each file with a key that every user of the machine can read, what is to be done."""
    return [
        f"{path} holds a bindkey, and every user of this machine can read it: `chmod o-r {path}` "
        "(this program's user must still be able to)"
        for path in key_files
        if Path(path).stat().st_mode & stat.S_IROTH
    ]


def problem_of_name(name: str) -> str:
    """Return what is wrong with what should be a device's name, and the way out; empty where nothing is."""
    if _KEY_WITHIN.search(name):
        # Names are public: they are a label of every metric.
        return _NAME_A_KEY
    if not name.strip():
        return 'the name is empty; give one, as "living_room"'
    return "" if name.isprintable() else "the name has a control character; use printable characters"


def problem_of_key(text: str | None) -> str:
    """
    Return what is wrong with what should be a key, without showing any of it; empty where nothing is.

    Args:
        text: What stands there; None for what is no text.
    """
    if text is None:
        return "a list or a mapping stands here"
    if _BINDKEY.fullmatch(text):
        return ""
    if _OLD_BINDKEY.fullmatch(text):
        return "24 hex digits are a key of MiBeacon's old form, which is not supported"
    if len(text) == 32:
        return "not all of its 32 characters are hex digits"
    return f"it has {len(text)} characters, and not 32" if 0 < len(text) < _MOST_BYTES else "this is no key"


def _address(document: Document, node: Node) -> str:
    text = text_of(node)
    address = text.upper()
    if is_bare_number(node):
        document.fail(node, f'devices: {text} is not quoted, and YAML reads it as a number; write "{text}"')
    if _PLACEHOLDER.fullmatch(address):
        document.fail(node, f"devices: {text} is a placeholder; put in the address of your sensor")
    if not _ADDRESS.fullmatch(address):
        remedy = 'write six pairs of hex digits, as "A4:C1:38:00:00:01"'
        document.fail(node, f"devices: {text} is not a Bluetooth address; {remedy}")
    return address


class _Device:
    """One device: a name, or a mapping with a name and perhaps a key."""

    def __init__(self, document: Document, address: str, node: Node) -> None:
        self._document = document
        self._address = address
        self._node = node
        # Whoever confuses the two sides of a colon has a bindkey in the place of a key.
        self._nodes = document.nodes(entries_of(node), _KEYS, f"devices: {address}: ", shows_keys=False)

    def fail(self, node: Node, problem: str) -> NoReturn:
        self._document.fail(node, f"devices: {self._address}: {problem}")

    def name(self) -> str:
        if is_mapping(self._node) and "name" not in self._nodes:
            self.fail(self._node, f"name: mandatory key is missing; write `{_EXAMPLE}`")
        node = self._nodes.get("name", self._node)
        # Its text: what is no text may be a key that consists of digits.
        if _KEY_WITHIN.search(text_of(node)):
            self.fail(node, _NAME_A_KEY)
        name = self._document.scalar(f"devices: {self._address}", node)
        if not isinstance(name, str | None):
            self.fail(node, f'the name must be text; put it in quotes, as "{text_of(node)}"')
        problem = problem_of_name(name or "")
        return self.fail(node, problem) if name is None or problem else name

    def read_key(self, devices: Devices) -> None:
        """Add the device's key, where it has one."""
        key, file = self._nodes.get("bindkey"), self._nodes.get("bindkey_file")
        if key is not None and file is not None:
            self.fail(file, "bindkey and bindkey_file are both set; remove one of the two")
        if key is not None:
            devices.keys[self._address] = self._key(key, "bindkey", text_of(key) if is_scalar(key) else None)
            key_file = self._document.path
        elif file is not None:
            path = self._path(file)
            devices.keys[self._address] = self._key(file, f"bindkey_file: {path}", self._content(file, path))
            key_file = str(path)
        else:
            return
        if key_file not in devices.key_files:
            devices.key_files.append(key_file)

    def _key(self, node: Node, where: str, text: str | None) -> bytes:
        problem = problem_of_key(text)
        if text is None or problem:
            self.fail(node, f"{where}: {problem}; write the 32 hex digits that the firmware's page shows")
        return bytes.fromhex(text)

    def _path(self, node: Node) -> Path:
        """Return the file that a `bindkey_file` means: systemd's credentials first, then beside the configuration."""
        text = self._document.scalar(f"devices: {self._address}: bindkey_file", node)
        if not isinstance(text, str) or not text or not text.isprintable():
            self.fail(node, 'bindkey_file: no path stands here; write one, as "/etc/ble_exporter/living_room.key"')
        if _BINDKEY.fullmatch(text) or _OLD_BINDKEY.fullmatch(text):
            self.fail(node, "bindkey_file: a bindkey stands where the path should; write it as `bindkey:`")
        # Of two paths the second, where it is absolute, is the whole.
        beside = Path(self._document.path).parent / text
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")
        # Of what can't be looked at, os.path says that it is not there, and Path raises an error.
        is_credential = credentials is not None and os.path.exists(os.path.join(credentials, text))  # noqa: PTH110, PTH118
        return Path(credentials, text) if credentials and is_credential else beside

    def _content(self, node: Node, path: Path) -> str:
        try:
            content = _beginning(path)
        except OSError as error:
            remedy = "put the key's 32 hex digits there, in a file that this user may read"
            self.fail(node, f"bindkey_file: {path} can't be read ({error.strerror}): {remedy}")
        # Bytes that are no text are no hex digits either.
        text = content.removeprefix(codecs.BOM_UTF8).decode("latin-1")
        return text.strip(" \t\r\n") if len(content) < _MOST_BYTES else text


def _beginning(path: Path) -> bytes:
    """Return the first bytes of a file; of a pipe what is in it now, for nobody may ever write into it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(descriptor, _MOST_BYTES)
    finally:
        os.close(descriptor)
