"""
The configuration: a YAML file to an AppConfig, or a ConfigError that names file, line, key and remedy.

The only file that knows YAML. The document is read as a tree of nodes, not as Python objects: a node still
knows its line and whether it was quoted, and a mapping still has both of two equal keys.
"""

import ipaddress
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

import yaml

from ble_exporter.errors import ConfigError
from ble_exporter.utils import one_line

DEFAULT_LOG_FILE = "./logs/ble_exporter.log"
DEFAULT_SILENCE_LIMIT_S = 90.0
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

# Below that the radio is busy with being switched on and off.
_MIN_SECONDS = 1

_MANDATORY = ("scan_interval_seconds", "scan_duration_seconds", "listen_port", "devices")
_OPTIONAL = ("log_file", "log_level", "listen_address", "adapter", "silence_limit_seconds")
_ADDRESS = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")
_PLACEHOLDER = re.compile(r"(?=.*[X-Z])[0-9A-FX-Z]{2}(:[0-9A-FX-Z]{2}){5}")
_ADAPTER = re.compile(r"hci[0-9]{1,3}")


@dataclass(frozen=True)
class AppConfig:
    """
    A valid configuration.

    Attributes:
        scan_interval_seconds: From the start of one scan to the start of the next.
        scan_duration_seconds: How long each scan listens; at most the interval.
        listen_port: TCP port of the HTTP server.
        devices: Bluetooth address (upper case, colons) to device name; both unique.
        log_file: Path, relative to the working directory or absolute; "-" is standard error.
        log_level: One of LOG_LEVELS.
        listen_address: IP address of the HTTP server; None is every address of the machine.
        adapter: Name of the Bluetooth adapter ("hci0"); None takes the first, by number, that is powered.
        silence_limit_seconds: How long the radio may listen and hear nothing at all.
    """

    scan_interval_seconds: float
    scan_duration_seconds: float
    listen_port: int
    devices: Mapping[str, str]
    log_file: str = DEFAULT_LOG_FILE
    log_level: str = "INFO"
    listen_address: str | None = None
    adapter: str | None = None
    silence_limit_seconds: float = DEFAULT_SILENCE_LIMIT_S


def load_config(path: str) -> AppConfig:
    """
    Read and check a configuration file.

    Raises:
        ConfigError: The file can't be read, or is not a valid configuration. (A ValueError.)
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: can't be read ({error.strerror}): name the configuration file with --config"
        ) from error
    return _Document(path).app_config(data)


class _Loader(yaml.SafeLoader):
    """
    A loader that takes for a number, a truth value or nothing only what YAML 1.2 does.

    PyYAML follows YAML 1.1, in which `no` is False, `010` is 8 and an unquoted 12:34:56:12:34:56 the number
    9783981296.
    """


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), list(_first))

_Scalar = str | int | float | bool | None

_MANY_DIGITS = 18
_EXAMPLES = {
    "scan_interval_seconds": "30",
    "scan_duration_seconds": "5",
    "silence_limit_seconds": "90",
    "listen_port": "8000",
    "devices": '{"A4:C1:38:00:00:01": "living_room"}',
}


class _Document:
    """One configuration file on its way to an AppConfig; whatever is wrong ends in `_fail`, with its line."""

    def __init__(self, path: str) -> None:
        self._path = path

    def app_config(self, data: bytes) -> AppConfig:
        nodes = self._top_level(self._root(data))
        interval = self._seconds("scan_interval_seconds", nodes)
        duration = self._seconds("scan_duration_seconds", nodes)
        if duration > interval:
            self._fail(
                nodes["scan_duration_seconds"],
                f"scan_duration_seconds: {duration:g} is longer than scan_interval_seconds ({interval:g}): "
                "a scan must end before the next begins; make it shorter, or equal to listen all the time",
            )
        return AppConfig(
            interval,
            duration,
            self._port(nodes["listen_port"]),
            self._devices(nodes["devices"]),
            self._log_file(nodes["log_file"]) if "log_file" in nodes else DEFAULT_LOG_FILE,
            self._log_level(nodes["log_level"]) if "log_level" in nodes else "INFO",
            self._listen_address(nodes["listen_address"]) if "listen_address" in nodes else None,
            self._adapter(nodes["adapter"]) if "adapter" in nodes else None,
            self._seconds("silence_limit_seconds", nodes, DEFAULT_SILENCE_LIMIT_S),
        )

    def _root(self, data: bytes) -> yaml.MappingNode:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise ConfigError(f"{self._path}:{line}: not UTF-8 text; save the file as UTF-8") from error
        try:
            node = yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            at = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
            problem = ", ".join(filter(None, (error.context, error.problem)))
            raise ConfigError(f"{self._path}{at}: not valid YAML: {problem}") from error
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise ConfigError(f"{self._path}:{line}: a control character stands here; remove it") from error
        except RecursionError as error:
            raise ConfigError(f"{self._path}: not valid YAML: nested too deeply") from error
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(
                f"{self._path}: holds no keys: write one `key: value` a line; mandatory are {', '.join(_MANDATORY)}"
            )
        return node

    def _top_level(self, root: yaml.MappingNode) -> dict[str, yaml.Node]:
        nodes: dict[str, yaml.Node] = {}
        lines: dict[str, int] = {}
        known = _MANDATORY + _OPTIONAL
        for key_node, value_node in root.value:
            key = _text(key_node)
            if key not in known:
                close = get_close_matches(key, known, 1)
                hint = f"did you mean {close[0]}?" if close else f"the known keys are {', '.join(known)}"
                self._fail(key_node, f"{key}: unknown key; {hint}")
            if key in nodes:
                self._fail(key_node, f"{key}: is already set on line {lines[key]}; remove one of the two")
            nodes[key] = value_node
            lines[key] = _line(key_node)
        for key in _MANDATORY:
            if key not in nodes:
                raise ConfigError(f"{self._path}: {key}: mandatory key is missing; add `{key}: {_EXAMPLES[key]}`")
        return nodes

    def _devices(self, node: yaml.Node) -> dict[str, str]:
        if not isinstance(node, yaml.MappingNode) or not node.value:
            self._fail(node, 'devices: no device is listed; add lines such as `"A4:C1:38:00:00:01": "living_room"`')
        lines: dict[str, int] = {}
        devices: dict[str, str] = {}
        for address_node, name_node in node.value:
            address = self._address(address_node)
            if address in devices:
                first = lines[address]
                self._fail(address_node, f"devices: {address} is already listed on line {first}; remove one of the two")
            name = self._device_name(address, name_node)
            if name in lines:
                problem = f'the name "{name}" is already used on line {lines[name]}; choose another'
                self._fail(name_node, f"devices: {address}: {problem}")
            lines[address] = lines[name] = _line(address_node)
            devices[address] = name
        return devices

    def _address(self, node: yaml.Node) -> str:
        text = _text(node)
        address = text.upper()
        if isinstance(node, yaml.ScalarNode) and node.style is None and _is_no_string_in_yaml_1_1(text):
            self._fail(node, f'devices: {text} is not quoted, and YAML reads it as a number; write "{text}"')
        if _PLACEHOLDER.fullmatch(address):
            self._fail(node, f"devices: {text} is a placeholder; put in the address of your sensor")
        if not _ADDRESS.fullmatch(address):
            remedy = 'write six pairs of hex digits, as "A4:C1:38:00:00:01"'
            self._fail(node, f"devices: {text} is not a Bluetooth address; {remedy}")
        return address

    def _device_name(self, address: str, node: yaml.Node) -> str:
        name = self._scalar(f"devices: {address}", node)
        if name is None or (isinstance(name, str) and not name.strip()):
            problem = 'the name is empty; give one, as "living_room"'
        elif not isinstance(name, str):
            problem = f'the name must be text; put it in quotes, as "{_text(node)}"'
        elif not name.isprintable():
            problem = "the name has a control character; use printable characters"
        else:
            return name
        return self._fail(node, f"devices: {address}: {problem}")

    def _seconds(self, key: str, nodes: Mapping[str, yaml.Node], default: float = math.nan) -> float:
        value = self._scalar(key, nodes[key]) if key in nodes else default
        if isinstance(value, bool) or not isinstance(value, int | float) or not _MIN_SECONDS <= value < math.inf:
            remedy = f"write `{key}: {_EXAMPLES[key]}`"
            self._fail(nodes[key], f"{key}: {_shown(value)} is not a number from {_MIN_SECONDS} up; {remedy}")
        return value

    def _port(self, node: yaml.Node) -> int:
        value = self._scalar("listen_port", node)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
            self._fail(node, f"listen_port: {_shown(value)} is not a port; write a whole number from 1 to 65535")
        return value

    def _log_file(self, node: yaml.Node) -> str:
        value = self._scalar("log_file", node)
        if not isinstance(value, str) or not value or not value.isprintable():
            self._fail(node, f'log_file: {_shown(value)} is not a path; write one, or "-" for standard error')
        return value

    def _log_level(self, node: yaml.Node) -> str:
        value = self._scalar("log_level", node)
        if not isinstance(value, str) or value.upper() not in LOG_LEVELS:
            self._fail(node, f"log_level: {_shown(value)} is not a level; write one of {', '.join(LOG_LEVELS)}")
        return value.upper()

    def _listen_address(self, node: yaml.Node) -> str:
        value = self._scalar("listen_address", node)
        try:
            return str(ipaddress.ip_address(str(value)))
        except ValueError:
            remedy = 'write one, as "127.0.0.1", or leave the key out to listen on all'
            self._fail(node, f"listen_address: {_shown(value)} is not an IP address; {remedy}")

    def _adapter(self, node: yaml.Node) -> str:
        value = self._scalar("adapter", node)
        if not isinstance(value, str) or not _ADAPTER.fullmatch(value):
            self._fail(node, f'adapter: {_shown(value)} is not an adapter\'s name; write one, as "hci0"')
        return value

    def _scalar(self, key: str, node: yaml.Node) -> _Scalar:
        if not isinstance(node, yaml.ScalarNode):
            self._fail(node, f"{key}: a list or a mapping stands here; write a single value")
        text = _text(node)
        kind = node.tag.rpartition(":")[2]
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in ("int", "float"):
            try:
                # A float for more digits than any setting has: int() refuses thousands of them in its own words.
                return int(text) if kind == "int" and len(text) < _MANY_DIGITS else float(text)
            except ValueError:
                self._fail(node, f"{key}: {text} is not a number; write one")
        return text

    def _fail(self, node: yaml.Node, problem: str) -> NoReturn:
        raise ConfigError(f"{self._path}:{_line(node)}: {one_line(problem)}")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _text(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else "(no text)"


def _shown(value: _Scalar) -> str:
    if value is None:
        return "nothing"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _is_no_string_in_yaml_1_1(text: str) -> bool:
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], ())
    return any(pattern.match(text) for _tag, pattern in resolvers)
