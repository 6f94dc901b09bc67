"""
Adds devices to a configuration file: all that stood there stays, byte for byte.

Lines are inserted into the text at the place that the YAML tree tells; nothing is written from the tree. Whether that
went well is not a matter of trust: what came out is read as the service will read it, and replaces the file only if it
says what the old one said, and the new devices.
"""

import codecs
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from ble_exporter.config.app_config import AppConfig, parse_config
from ble_exporter.config.devices import problem_of_key, problem_of_name
from ble_exporter.config.yaml_document import (
    Document,
    Node,
    column_of,
    entries_of,
    is_flow,
    is_nothing,
    quoted,
    span_of,
    text_of,
)
from ble_exporter.errors import ConfigError

_NEW_FILE = """\
# The configuration of ble-exporter. Look whether it is right:  ble-exporter --config FILE --config.check
# docs/configuration.md describes every key.

# How often a scan begins, and how long it listens, in seconds. Equal: the radio listens all the time.
scan_interval_seconds: 30
scan_duration_seconds: 30

# How long a value is shown after it was heard; auto learns that from each sensor's own rhythm.
stale_after_seconds: auto

# Prometheus fetches the readings from this port: http://…:8000/metrics
listen_port: 8000
# Without this line, every machine that reaches this one can read them.
# listen_address: "127.0.0.1"

# "-" logs to standard error, for journald; a path would be a file, kept small.
log_file: "-"

# Bluetooth address to name. Nothing else that is in reach is exported.
# A sensor that encrypts has a name and a bindkey below its address; then let nobody else read this file.
devices: {}
"""

_NOT_SAFELY = (
    "devices: they are written in a way that nothing can be added to safely; write one a line below it, as "
    '`"A4:C1:38:00:00:01": "living_room"`, or add the new ones yourself'
)

_NO_PLACE = 'devices: mandatory key is missing; add `devices: {"A4:C1:38:00:00:01": "living_room"}` with your own'

# As YAML has it.
_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")

_COMMENT = re.compile(rf"( *)#[^\r\n\x85\u2028\u2029]*(?:{_BREAK.pattern}|\Z)")

# Not those with a comment in them.
_EMPTY_BRACES = re.compile(r"\{ *\}")

# What a file that holds a key may allow: its owner everything it had, its group to read.
_MODE_WITH_KEY = 0o640


@dataclass(frozen=True)
class Addition:
    """
    A device that a user chose.

    Attributes:
        address: Upper case, with colons.
        name: As devices.problem_of_name wants it.
        key: 32 hex digits; empty where it has none.
    """

    address: str
    name: str
    key: str = field(default="", repr=False)


def addable(path: str) -> AppConfig | None:
    """
    Look whether devices can be added to a file, before a user takes trouble over it.

    Returns:
        What it says so far; None where there is no file yet, or one that lists no device.

    Raises:
        ConfigError: They can't: the file is no configuration, or can't be written.
    """
    target = os.path.realpath(path)
    data = _content(path, target)
    if not os.access(Path(target).parent, os.W_OK):
        raise ConfigError(f"{path}: its folder does not exist, or this user can't write there: name another file")
    config = _said_so_far(path, data)
    longest = max(map(len, config.devices.values())) if config else 0
    new = with_devices(path, data, [Addition("FF:FF:FF:FF:FF:FF", "x" * (longest + 1))])
    with _written_beside(path, target, new, holds_key=False):
        return config


def add(path: str, additions: Sequence[Addition]) -> None:
    """
    Add devices to a file, or make a new one that is complete.

    The file is replaced by a new one in one step, so that whatever happens there is one or the other. It keeps its
    owner and its mode, but for the permissions of others where a key comes into it.

    Raises:
        ConfigError: It can't be written, or they can't be added; then it is as it was.
    """
    target = os.path.realpath(path)
    new = with_devices(path, _content(path, target), additions)
    holds_key = any(addition.key for addition in additions)
    with _written_beside(path, target, new, holds_key=holds_key) as temporary:
        parse_config(path, Path(temporary).read_bytes())
        Path(temporary).replace(target)


@contextmanager
def _written_beside(path: str, target: str, content: bytes, *, holds_key: bool) -> Iterator[str]:
    """Write what can take a file's place, with its owner and mode; at the end it is gone, if it has not taken it."""
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{Path(target).name}.", dir=Path(target).parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            _take_owner_and_mode(path, target, file.fileno(), holds_key=holds_key)
        yield temporary
    except OSError as error:
        raise ConfigError(f"{path}: can't be written ({error.strerror}): name another file, or make room") from error
    finally:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108 - a Path of nothing would be the folder


def with_devices(path: str, data: bytes, additions: Sequence[Addition]) -> bytes:
    """
    Return the content of a configuration file with more devices.

    Args:
        path: The name that stands in each message.
        data: The content so far; without any it becomes a complete configuration.
        additions: The devices.

    Raises:
        ConfigError: The content is no configuration (though it may list no device), a device or a name is already
            there, or what is there is written in a way that can't be added to.
    """
    if not data.strip():
        data = _NEW_FILE.encode()
    old = _said_so_far(path, data)
    names, keys = (dict(old.devices), dict(old.keys)) if old else ({}, {})
    for addition in additions:
        problem = problem_of_name(addition.name) or (addition.key and problem_of_key(addition.key))
        if problem:
            raise ConfigError(f"{path}: devices: {addition.address}: {problem}")
        if addition.address in names:
            raise ConfigError(f"{path}: devices: {addition.address} is already listed; change its line yourself")
        if addition.name in names.values():
            raise ConfigError(f'{path}: devices: the name "{addition.name}" is already used; choose another')
        names[addition.address] = addition.name
        if addition.key:
            keys[addition.address] = bytes.fromhex(addition.key)
    document = Document(path)
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    text = _inserted(document.text(data), _node_of_devices(document, data), additions)
    new = mark + text.encode()
    try:
        config = parse_config(path, new)
        is_right = config == replace(old or config, devices=names, keys=keys)
    except ConfigError:
        is_right = False
    if not is_right:
        raise ConfigError(f"{path}: {_NOT_SAFELY}")
    return new


def _content(path: str, target: str) -> bytes:
    if Path(target).exists() and not Path(target).is_file():
        raise ConfigError(f"{path}: is no file; name a configuration file")
    try:
        return Path(target).read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ConfigError(f"{path}: can't be read ({error.strerror}): name another file") from error


def _said_so_far(path: str, data: bytes) -> AppConfig | None:
    """Return what a configuration says; None for one that is right, but that it lists no device, or holds nothing."""
    if not data.strip():
        return None
    try:
        return parse_config(path, data)
    except ConfigError:
        document = Document(path)
        entry = _node_of_devices(document, data)
        if entry is not None and not is_nothing(entry[1]):
            raise
        # What else is wrong is found with a device, in braces: so each line keeps its number.
        text = document.text(data)
        device = '{"FF:FF:FF:FF:FF:FF": "x"}'
        if entry is None:
            with_device = f"{text}\ndevices: {device}\n".encode()
            try:
                document.entries(with_device)
            except ConfigError:
                # The file itself is YAML: the way out is none of a line that is not there.
                raise ConfigError(f"{path}: {_NO_PLACE}") from None
            parse_config(path, with_device)
        else:
            begin, end = span_of(entry[1])
            parse_config(path, f"{text[:begin]} {device}{text[end:]}".encode())
        return None


def _node_of_devices(document: Document, data: bytes) -> tuple[Node, Node] | None:
    return next((entry for entry in document.entries(data) if text_of(entry[0]) == "devices"), None)


def _inserted(text: str, devices: tuple[Node, Node] | None, additions: Sequence[Addition]) -> str:
    breaks = _BREAK.search(text)
    line_break = breaks[0] if breaks else "\n"
    if devices is None:
        separator = "" if text.endswith(line_break) else line_break
        return text + separator + _lines(["devices:", *_block(additions, 2)], line_break)
    key, value = devices
    entries = entries_of(value)
    begin, end = span_of(value)
    if is_flow(value) and (entries or not _EMPTY_BRACES.fullmatch(text[begin:end])):
        at = max(span_of(part)[1] for part in entries[-1]) if entries else begin + 1
        inserted = ", ".join(map(_in_braces, additions))
        return text[:at] + (", " if entries else "") + inserted + text[at:]
    if not entries:
        # Nothing, or what says so: `{}`, `null`, `~`.
        before = text[:begin].rstrip(" ")
        text = before + text[end:]
        end = len(before)
    at = _next_line(text, end)
    indentation = column_of(entries[0][0]) if entries else column_of(key) + 2
    while entries and (comment := _COMMENT.match(text, at)) and len(comment[1]) > indentation:
        # It stands below the last device as its values do: it is about that one, and not about the next.
        at = comment.end()
    separator = "" if at == 0 or _BREAK.fullmatch(text[at - 1]) else line_break
    return text[:at] + separator + _lines(_block(additions, indentation), line_break) + text[at:]


def _next_line(text: str, position: int) -> int:
    """Return where the line behind a position begins; the position itself, where one begins there."""
    if position and _BREAK.fullmatch(text[position - 1]):
        return position
    found = _BREAK.search(text, position)
    return found.end() if found else len(text)


def _block(additions: Sequence[Addition], indentation: int) -> list[str]:
    lines = []
    for addition in additions:
        if addition.key:
            lines += [f'"{addition.address}":', f"  name: {quoted(addition.name)}", f'  bindkey: "{addition.key}"']
        else:
            lines.append(f'"{addition.address}": {quoted(addition.name)}')
    return [" " * indentation + line for line in lines]


def _in_braces(addition: Addition) -> str:
    name = quoted(addition.name)
    device = f'{{name: {name}, bindkey: "{addition.key}"}}' if addition.key else name
    return f'"{addition.address}": {device}'


def _lines(lines: Sequence[str], line_break: str) -> str:
    return "".join(line + line_break for line in lines)


def _take_owner_and_mode(path: str, target: str, descriptor: int, *, holds_key: bool) -> None:
    """Give a new file the owner and the mode of the one that it will replace."""
    try:
        old = os.stat(target)  # noqa: PTH116 - beside fstat
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        os.fchmod(descriptor, 0o600 if holds_key else 0o666 & ~umask)
        return
    new = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except PermissionError as error:
            raise ConfigError(f"{path}: belongs to another user or group; run this as its owner, or as root") from error
    mode = stat.S_IMODE(old.st_mode)
    os.fchmod(descriptor, mode & _MODE_WITH_KEY if holds_key else mode)
