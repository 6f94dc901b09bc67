"""
The devices of a configuration: their names and bindkeys.

No message of this module shows a bindkey, or a text in the place of one: docs/security.md.
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
# Also a bindkey with too few or too many digits, or with separators. A Bluetooth address is shorter.
_BINDKEY_WITHIN = re.compile(r"[0-9A-Fa-f]{20}|([0-9A-Fa-f]{2}[ :.-]){9}[0-9A-Fa-f]{2}")
_BINDKEY_HINT = "write the 32 hex digits that the firmware's page shows"

# Read no more than this of a key file: it may be a device that never ends.
_MAX_KEY_FILE_BYTES = 200


@dataclass
class Devices:
    """
    The devices listed under `devices:`.

    Attributes:
        names: Address (upper case, colons) to name; both unique.
        keys: Address to bindkey (16 bytes), for the devices that have one.
        key_files: The files that hold the bindkeys; the configuration itself if it contains one.
    """

    names: dict[str, str] = field(default_factory=dict)
    keys: dict[str, bytes] = field(default_factory=dict, repr=False)
    key_files: list[str] = field(default_factory=list)


def read_devices(document: Document, node: Node | None, *, may_be_empty: bool = False) -> Devices:
    """
    Read the devices and their key files.

    Args:
        document: The configuration.
        node: The value of `devices:`; None if the key is missing.
        may_be_empty: Whether the configuration may list no devices.

    Raises:
        ConfigError: No device is listed, an entry is invalid, or a key file can't be read.
    """
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
        device = _Device(document, address, device_node)
        name = device.name()
        if name in lines:
            device.fail(device_node, f'the name "{name}" is already used on line {lines[name]}', "choose another")
        lines[address] = lines[name] = line_of(address_node)
        devices.names[address] = name
        device.read_key(devices)
    return devices


def world_readable_warnings(key_files: Iterable[str]) -> list[str]:
    """Return a warning for each key file that every user of the machine can read."""
    return [
        f"{path} holds a bindkey, and every user of this machine can read it: `chmod o-r {path}` "
        "(this program's user must still be able to)"
        for path in key_files
        if Path(path).stat().st_mode & stat.S_IROTH
    ]


def name_problem(name: str) -> str:
    """Return why a device name is invalid, and what to do; an empty string if it is valid."""
    if _BINDKEY_WITHIN.search(name):
        # Names are public: they are a label of every metric.
        return _BINDKEY_AS_NAME
    if not name.strip():
        return 'the name is empty; write one, such as "living_room"'
    return "" if name.isprintable() else "the name has a control character; use printable characters"


def bindkey_problem(text: str | None) -> str:
    """Return why a bindkey is invalid, or an empty string. Never quotes it; None stands for a list or a mapping."""
    if text is None:
        return "a list or a mapping is not a bindkey"
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


class _Device:
    """One entry: a name, or a mapping with a name and perhaps a bindkey."""

    def __init__(self, document: Document, address: str, node: Node) -> None:
        self._document = document
        self._address = address
        self._node = node
        # With the two sides of a colon confused, a bindkey is in the place of a key.
        self._nodes = document.nodes(entries_of(node), _KEYS, address, shows_keys=False)

    def fail(self, node: Node, problem: str, hint: str = "", key: str = "") -> NoReturn:
        self._document.fail(node, problem, hint, key=key, device=self._address)

    def name(self) -> str:
        if is_mapping(self._node) and "name" not in self._nodes:
            self.fail(self._node, "mandatory key is missing", f"write `{_EXAMPLE}`", key="name")
        node = self._nodes.get("name", self._node)
        # Its text, not its value: a bindkey of digits alone is a number.
        if _BINDKEY_WITHIN.search(text_of(node)):
            self.fail(node, _BINDKEY_AS_NAME)
        name = self._document.scalar(node, device=self._address)
        if not isinstance(name, str | None):
            self.fail(node, "the name must be text", f'put it in quotes: "{text_of(node)}"')
        problem = name_problem(name or "")
        return self.fail(node, problem) if name is None or problem else name

    def read_key(self, devices: Devices) -> None:
        """Add the device's bindkey, if it has one."""
        key, file = self._nodes.get("bindkey"), self._nodes.get("bindkey_file")
        if key is not None and file is not None:
            self.fail(file, "bindkey and bindkey_file are both set", "remove one of the two")
        if key is not None:
            devices.keys[self._address] = self._bindkey(key, "bindkey", text_of(key) if is_scalar(key) else None)
            key_file = self._document.path
        elif file is not None:
            path = self._path(file)
            devices.keys[self._address] = self._bindkey(file, "bindkey_file", self._content(file, path), f"{path}: ")
            key_file = str(path)
        else:
            return
        if key_file not in devices.key_files:
            devices.key_files.append(key_file)

    def _bindkey(self, node: Node, key: str, text: str | None, where: str = "") -> bytes:
        problem = bindkey_problem(text)
        if text is None or problem:
            self.fail(node, where + problem, _BINDKEY_HINT, key)
        return bytes.fromhex(text)

    def _path(self, node: Node) -> Path:
        """Return the path of a `bindkey_file`: among systemd's credentials, else relative to the configuration."""
        key = "bindkey_file"
        text = self._document.scalar(node, key, self._address)
        if not isinstance(text, str) or not text or not text.isprintable():
            self.fail(node, "not a path", 'write one, such as "/etc/ble_exporter/living_room.key"', key)
        if _BINDKEY.fullmatch(text) or _OLD_BINDKEY.fullmatch(text):
            self.fail(node, "a bindkey is written in place of the path", "write it as `bindkey:`", key)
        # Joined to an absolute path, the folder drops out.
        beside = Path(self._document.path).parent / text
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")
        # os.path, because Path.exists raises for a path that can't be looked up.
        is_credential = credentials is not None and os.path.exists(os.path.join(credentials, text))  # noqa: PTH110, PTH118
        return Path(credentials, text) if credentials and is_credential else beside

    def _content(self, node: Node, path: Path) -> str:
        try:
            content = _read_start(path)
        except OSError as error:
            hint = "write the 32 hex digits into that file, and let this user read it"
            self.fail(node, f"{path} can't be read ({error.strerror})", hint, "bindkey_file")
        # Bytes that are not text are not hex digits either.
        text = content.removeprefix(codecs.BOM_UTF8).decode("latin-1")
        return text.strip(" \t\r\n") if len(content) < _MAX_KEY_FILE_BYTES else text


def _read_start(path: Path) -> bytes:
    """Return the first bytes of a file, without waiting for somebody to write into a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(descriptor, _MAX_KEY_FILE_BYTES)
    finally:
        os.close(descriptor)
