"""
Adds devices to a configuration file; its other lines stay unchanged.

The new lines are inserted into the text at a position taken from the YAML tree. The result is parsed as the service
would parse it, and is written only if it has the old settings and the new devices.
"""

import codecs
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ble_exporter.config.app_config import AppConfig, parse_config, read_config
from ble_exporter.config.devices import bindkey_problem, name_problem
from ble_exporter.config.in_place import check_writable, write_in_place
from ble_exporter.config.yaml_document import Document, Node, column_of, entries_of, is_flow, span_of, text_of
from ble_exporter.config.yaml_faults import LINE_BREAK
from ble_exporter.config.yaml_loader import MAX_ENTRIES
from ble_exporter.errors import ConfigError

NEW_FILE = """\
# The configuration of ble-exporter. Check it with:  ble-exporter --config FILE --config.check
# docs/configuration.md describes every key.

# Time between the starts of two scans, and duration of a scan, in seconds. If they are equal, the radio always listens.
scan_interval_seconds: 30
scan_duration_seconds: 30

# How long a value is shown after it was last heard; auto learns this time from each sensor's interval.
stale_after_seconds: auto

# Prometheus scrapes http://…:8000/metrics
listen_port: 8000
# Every machine that can reach this port can read the metrics, unless you uncomment the next line.
# listen_address: "127.0.0.1"

# "-" logs to standard error, for journald; a path logs to a file of limited size.
log_file: "-"

# Bluetooth address to name. Other devices in range are not exported.
# For a sensor with encryption, write a name and a bindkey below its address. Other users of this machine should then be
# unable to read this file.
devices: {}
"""

_COMMENT = re.compile(rf"( *)#[^\r\n]*(?:{LINE_BREAK.pattern}|\Z)")
# Braces that contain a comment do not match.
_EMPTY_BRACES = re.compile(r"\{ *\}")


@dataclass(frozen=True)
class NewDevice:
    """A device to add: its address (upper case, with colons), name, and bindkey (32 hex digits, or empty)."""

    address: str
    name: str
    bindkey: str = field(default="", repr=False)


def check_can_add(path: str) -> AppConfig:
    """
    Return the configuration in a file, or that of a new file if the file is missing or blank.

    The configuration may list no devices. Raises a ConfigError if the configuration is invalid, or devices can't be
    added to the file. `discover` calls this function before the user chooses devices.
    """
    data = _content(path)
    config = parse_config(path, data if data.strip() else NEW_FILE.encode(), needs_devices=False)
    unused_name = "x" * (max(map(len, config.devices.values()), default=0) + 1)
    check_writable(path, data, insert_devices(path, data, [NewDevice("FF:FF:FF:FF:FF:FF", unused_name)]))
    return config


def add_devices(path: str, devices: Sequence[NewDevice]) -> None:
    """
    Add devices to a file, or write a complete new file; on failure, undo the change and raise a ConfigError.

    The file is written in place, so it keeps its owner, permissions and other attributes. But if it receives a bindkey,
    users outside its group lose access to it, and the group loses the right to write.
    """
    old = _content(path)
    new = insert_devices(path, old, devices)
    write_in_place(path, old, new, holds_key=any(device.bindkey for device in devices))


def yaml_lines(devices: Sequence[NewDevice]) -> str:
    """Return the lines that add the devices to a configuration, below `devices:`."""
    return _block(devices, 2, "\n")


def insert_devices(path: str, data: bytes, devices: Sequence[NewDevice]) -> bytes:
    """
    Return the content of a configuration file with devices added; blank content becomes a complete configuration.

    Raises:
        ConfigError: The content is not a valid configuration, an address or a name is invalid or already used, there
            are too many devices, or the listed devices are written in a style that can't be extended safely.
    """
    data = data if data.strip() else NEW_FILE.encode()
    old = parse_config(path, data, needs_devices=False)
    names, keys = dict(old.devices), dict(old.keys)
    document = Document(path)
    for device in devices:
        problem = name_problem(device.name) or (device.bindkey and bindkey_problem(device.bindkey))
        if problem:
            raise ConfigError(problem, path=path, device=device.address)
        if device.address in names:
            document.fail(None, f"{device.address} is already listed", "change its line yourself", key="devices")
        if device.name in names.values():
            document.fail(None, f'the name "{device.name}" is already used', "choose another", key="devices")
        names[device.address] = device.name
        if device.bindkey:
            keys[device.address] = bytes.fromhex(device.bindkey)
    entry = next((entry for entry in document.entries(document.text(data)) if text_of(entry[0]) == "devices"), None)
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    new = mark + _insert(document.text(data), entry, devices).encode()
    if len(names) > MAX_ENTRIES:
        hint = "remove some, or run a second exporter"
        document.fail(None, f"more than {MAX_ENTRIES:,} devices", hint, key="devices")
    try:
        is_right = parse_config(path, new) == replace(old, devices=names, keys=keys)
    except ConfigError:
        is_right = False
    if not is_right:
        problem = "can't be extended safely as it is written" if entry else "mandatory key is missing"
        hint = 'add the devices yourself, each on a line such as `"A4:C1:38:00:00:01": "living_room"`'
        document.fail(None, problem, hint, key="devices")
    return new


def _content(path: str) -> bytes:
    if path.endswith(os.sep):
        raise ConfigError("it is the name of a folder, not of a file", "name a file with --write", path=path)
    try:
        return read_config(path, "--write")
    except ConfigError as error:
        # If the target of a link is missing, the file is created at the target.
        if isinstance(error.__cause__, FileNotFoundError):
            return b""
        raise


def _insert(text: str, entry: tuple[Node, Node] | None, devices: Sequence[NewDevice]) -> str:
    """Return the text with devices added to the entry `devices`, or to a new `devices` entry at the end."""
    found = LINE_BREAK.search(text)
    line_break = found[0] if found else "\n"
    if entry is None:
        separator = "" if text.endswith(line_break) else line_break
        return f"{text}{separator}devices:{line_break}{_block(devices, 2, line_break)}"
    key, value = entry
    children = entries_of(value)
    start, end = span_of(value)
    if is_flow(value) and (children or not _EMPTY_BRACES.fullmatch(text[start:end])):
        at = max(span_of(part)[1] for part in children[-1]) if children else start + 1
        inserted = ", ".join(map(_flow_entry, devices))
        return text[:at] + (", " if children else "") + inserted + text[at:]
    if not children:
        # Replace an empty value, `{}`, `null` or `~`.
        before = text[:start].rstrip(" ")
        text = before + text[end:]
        end = len(before)
    at = _next_line(text, end)
    indentation = column_of(children[0][0]) if children else column_of(key) + 2
    while children and (comment := _COMMENT.match(text, at)) and len(comment[1]) > indentation:
        # A comment with a deeper indentation than the devices belongs to the last device.
        at = comment.end()
    separator = "" if at == 0 or LINE_BREAK.fullmatch(text[at - 1]) else line_break
    return text[:at] + separator + _block(devices, indentation, line_break) + text[at:]


def _next_line(text: str, position: int) -> int:
    """Return the offset of the first line start at or after `position`."""
    if position and LINE_BREAK.fullmatch(text[position - 1]):
        return position
    found = LINE_BREAK.search(text, position)
    return found.end() if found else len(text)


def _block(devices: Sequence[NewDevice], indentation: int, line_break: str) -> str:
    lines = []
    for device in devices:
        if device.bindkey:
            lines += [f'"{device.address}":', f"  name: {_quoted(device.name)}", f'  bindkey: "{device.bindkey}"']
        else:
            lines.append(f'"{device.address}": {_quoted(device.name)}')
    return "".join(" " * indentation + line + line_break for line in lines)


def _flow_entry(device: NewDevice) -> str:
    name = _quoted(device.name)
    value = f'{{name: {name}, bindkey: "{device.bindkey}"}}' if device.bindkey else name
    return f'"{device.address}": {value}'


def _quoted(text: str) -> str:
    """Return printable text as a JSON string, which is also valid YAML."""
    return json.dumps(text, ensure_ascii=False)
