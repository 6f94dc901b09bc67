"""
Reads the devices of a configuration: their addresses, names, bindkeys and other settings.

No message of this module shows a bindkey, or text that is written in place of a bindkey (docs/security.md).
"""

import codecs
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ble_exporter.config.address_type import ADDRESS_TYPE, read_address_type
from ble_exporter.config.glitch_filter import GLITCH_FILTER, read_glitch_filter
from ble_exporter.config.labels import LABELS, read_labels
from ble_exporter.config.offsets import OFFSETS, read_offsets
from ble_exporter.config.public_text import BINDKEY_WITHIN, text_problem
from ble_exporter.config.stale_after import STALE_AFTER, StaleAfter, read_stale_after
from ble_exporter.config.yaml_document import (
    Document,
    Node,
    elements_of,
    entries_of,
    is_bare_number,
    is_empty,
    is_mapping,
    is_scalar,
    line_of,
    text_of,
)
from ble_exporter.formats.measurement import Measurement
from ble_exporter.model import AddressType
from ble_exporter.system.files import read_file
from ble_exporter.utils import hidden_in, number_of

ADDRESS = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")
"""A Bluetooth address in upper case."""

_PLACEHOLDER = re.compile(r"(?=.*[X-Z])[0-9A-FX-Z]{2}(:[0-9A-FX-Z]{2}){5}")
KEYS = ("name", "bindkey", "bindkey_file", STALE_AFTER, ADDRESS_TYPE, GLITCH_FILTER, OFFSETS, LABELS)
"""The keys of a device."""

_ENTRY = '`"A4:C1:38:00:00:01": "living_room"`'
_EXAMPLE = '{name: "living_room", bindkey: "32 hex digits"}'

_BINDKEY = re.compile(r"[0-9A-Fa-f]{32}")
_OLD_BINDKEY = re.compile(r"[0-9A-Fa-f]{24}")
_BINDKEY_HINT = "write the 32 hex digits that the firmware's page shows"

MAX_KEY_FILE_BYTES = 200
"""The maximum size of a file with a bindkey, in bytes: enough for 32 hex digits and some white space."""


@dataclass
class Devices:
    """
    The devices under `devices:`.

    AppConfig has the same fields, except `label_names` and `lines`; there, `names` is called `devices`.
    """

    names: dict[str, str] = field(default_factory=dict)
    keys: dict[str, bytes] = field(default_factory=dict, repr=False)
    key_files: list[str] = field(default_factory=list)
    address_types: dict[str, AddressType] = field(default_factory=dict)
    stale_after: dict[str, StaleAfter] = field(default_factory=dict)
    glitch_filters: dict[str, bool] = field(default_factory=dict)
    offsets: dict[str, Mapping[Measurement, float]] = field(default_factory=dict)
    labels: dict[str, Mapping[str, str]] = field(default_factory=dict)
    label_names: set[str] = field(default_factory=set)
    lines: dict[str, int] = field(default_factory=dict)  # the line of each address and of each name


def read_devices(document: Document, node: Node | None, *, may_be_empty: bool, pause_s: float = 0.0) -> Devices:
    """
    Read the value of `devices:` (None if the key is missing) and the key files, and report their errors.

    `pause_s` is the pause between two scans, in seconds.
    """
    devices = Devices()
    if node is None or (may_be_empty and is_empty(node)):
        return devices
    for address_node, device_node in _entries(document, node):
        if document.errors.is_full:
            break
        _read_device(document, address_node, device_node, devices, pause_s)
    return devices


def _read_device(document: Document, address_node: Node, device_node: Node, devices: Devices, pause_s: float) -> None:
    """Add a device. If its address is invalid, check its other settings all the same."""
    address = ""
    with document.errors:
        address = _address(document, address_node, device_node)
        if address in devices.lines:
            problem = f"{address} is already listed on line {devices.lines[address]}"
            document.fail(address_node, problem, "remove one of the two", key="devices")
        devices.lines[address] = line_of(address_node)
    if text_of(address_node) in document.known:
        return
    of_device = replace(document, device=address or text_of(address_node))
    nodes = of_device.nodes(entries_of(device_node), KEYS)
    with document.errors:
        name = _name(of_device, device_node, nodes)
        if name in devices.lines:
            problem = f'the name "{name}" is already used on line {devices.lines[name]}'
            of_device.fail(device_node, problem, "choose another")
        devices.lines[name] = line_of(address_node)
        devices.names[address] = name
    with document.errors:
        _read_key(of_device, nodes, devices)
    if ADDRESS_TYPE in nodes:
        with document.errors:
            devices.address_types[address] = read_address_type(of_device, nodes[ADDRESS_TYPE])
    stale_after = read_stale_after(of_device, nodes.get(STALE_AFTER), pause_s)
    if stale_after is not None:
        devices.stale_after[address] = stale_after
    glitch_filter = read_glitch_filter(of_device, nodes.get(GLITCH_FILTER))
    if glitch_filter is not None:
        devices.glitch_filters[address] = glitch_filter
    offsets = read_offsets(of_device, nodes.get(OFFSETS))
    if offsets:
        devices.offsets[address] = offsets
    labels = read_labels(of_device, nodes.get(LABELS), devices.label_names)
    if labels:
        devices.labels[address] = labels


def _entries(document: Document, node: Node) -> list[tuple[Node, Node]]:
    """Return the addresses and devices under `devices:`; report a list as an error, but use its elements."""
    entries = entries_of(node)
    with document.errors:
        if not is_mapping(node) and not is_scalar(node) and elements_of(node):
            entries = [entry for element in elements_of(node) for entry in entries_of(element)]
            entries = [entry for entry in entries if ADDRESS.fullmatch(text_of(entry[0]).upper())]
            problem = "a list is not allowed here"
            document.fail(node, problem, f"write each device as {_ENTRY}, without a dash", key="devices")
        if is_scalar(node) and not is_empty(node):
            problem = "the devices are not indented below `devices:`, or a colon has no space after it"
            hint = f"write each device on a line such as {_ENTRY}"
            document.fail(node, problem, hint, key="devices", is_missing=True)
        if not entries:
            document.fail(node, "no device is listed", f"add lines such as {_ENTRY}", key="devices", is_missing=True)
    return entries


def world_readable_warnings(key_files: Iterable[str], content: str = "a bindkey") -> list[str]:
    """Return a warning for each file with a secret that every user of the machine can read."""
    return [
        f"{path} holds {content}, and every user of this machine can read it: run `chmod o-r {path}` "
        "(the user of this program must still be able to read it)"
        for path in key_files
        if _is_world_readable(path)
    ]


def _is_world_readable(path: str) -> bool:
    try:
        return bool(Path(path).stat().st_mode & stat.S_IROTH)
    except OSError:
        # The file was probably removed after it had been read.
        return False


def name_problem(name: str) -> str:
    """Return why a device name is invalid, and how to fix it; an empty string if it is valid."""
    return text_problem("name", name, bindkey_hint=f"write `{_EXAMPLE}`", example="living_room")


def path_problem(path: str) -> tuple[str, str]:
    """Return a problem and a hint for a path whose beginning a shell would expand (~ or $); else empty strings."""
    if not re.match(r"~|\$\w|\$\{", path):
        return "", ""
    whole = os.path.expandvars(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises an error
    example = f': "{whole}"' if whole.startswith("/") else ", beginning with /"
    return f"{path.partition('/')[0]} has a meaning only in a shell", f"write the whole path{example}"


def bindkey_problem(text: str) -> str:
    """Return why a bindkey is invalid, or an empty string. The text never quotes the bindkey."""
    if _BINDKEY.fullmatch(text):
        return ""
    if _OLD_BINDKEY.fullmatch(text):
        return "24 hex digits are a bindkey of an old MiBeacon version, which is not supported"
    if len(text) == 32:
        return "not all of its 32 characters are hex digits"
    characters = number_of(len(text), "character")
    return f"it has {characters}, not 32" if 0 < len(text) < MAX_KEY_FILE_BYTES else "this is not a bindkey"


def _address(document: Document, node: Node, device_node: Node) -> str:
    text = text_of(node)
    address = text.upper()
    if is_bare_number(node):
        problem = f"{text} is not quoted, and YAML reads it as a number"
        document.fail(node, problem, f'write "{text}"', key="devices")
    if _PLACEHOLDER.fullmatch(address):
        document.fail(node, f"{text} is a placeholder", "write the address of your sensor", key="devices")
    if not ADDRESS.fullmatch(address):
        hint = 'write six pairs of hex digits, such as "A4:C1:38:00:00:01"'
        if ADDRESS.fullmatch(text_of(device_node).upper()):
            hint = f'write the address before the name: "{text_of(device_node)}": "{text}"'
        elif text in KEYS:
            hint = "indent this line more than the address above it"
        elif text in document.known:
            hint = "to set this key, begin the line in the first column"
        document.fail(node, f"{text} is not a Bluetooth address", hint, key="devices")
    return address


def _name(document: Document, device_node: Node, nodes: Mapping[str, Node]) -> str:
    if is_mapping(device_node) and "name" not in nodes:
        document.fail(device_node, "mandatory key is missing", f"write `{_EXAMPLE}`", key="name", is_missing=True)
    node = nodes.get("name", device_node)
    key, colon, value = text_of(node).partition(":")
    if node is device_node and colon and key in KEYS:
        document.fail(node, "a space is missing after the colon", f"write `{key}: {value}`", key=key)
    # The check uses the text, not the value, because YAML reads a bindkey of decimal digits as a number.
    if BINDKEY_WITHIN.search(text_of(node)):
        document.fail(node, name_problem(text_of(node)))
    name = document.scalar(node)
    if not isinstance(name, str | None):
        document.fail(node, "the name must be text", f'put it in quotes: "{text_of(node)}"')
    problem = name_problem(name or "")
    if name is None or problem:
        document.fail(node, problem, is_missing=name is None)
    return name


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
    """Return the path of a `bindkey_file`: of a systemd credential, absolute, or in the configuration's folder."""
    key = "bindkey_file"
    text = document.scalar(node, key)
    if not isinstance(text, str) or not text or hidden_in(text):
        document.fail(node, "not a path", 'write one, such as "/etc/ble_exporter/living_room.key"', key=key)
    if _BINDKEY.fullmatch(text) or _OLD_BINDKEY.fullmatch(text):
        document.fail(node, "a bindkey is written in place of the path", "write it as `bindkey:`", key=key)
    problem, hint = path_problem(text)
    if problem:
        document.fail(node, problem, hint, key=key)
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    # Path.exists would raise an error for a path that can't be looked up.
    if credentials and os.path.exists(os.path.join(credentials, text)):  # noqa: PTH110, PTH118
        return Path(credentials, text)
    # Joining leaves an absolute path unchanged.
    return Path(document.path).parent / text


def _content(document: Document, node: Node, path: Path) -> str:
    try:
        content = read_file(path, MAX_KEY_FILE_BYTES)
    except OSError as error:
        hint = "write the 32 hex digits into that file, and make it readable for this user"
        document.fail(node, f"{path} can't be read ({error.strerror})", hint, key="bindkey_file")
    # Latin-1 decodes any byte, so bytes that are not text reach the check of the bindkey, which reports them.
    return content.removeprefix(codecs.BOM_UTF8).decode("latin-1").strip(" \t\r\n")
