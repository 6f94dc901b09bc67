"""The configuration: a YAML file to an AppConfig, or a ConfigError that names file, line, key and remedy."""

import ipaddress
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from ble_exporter.config.devices import read_devices
from ble_exporter.config.yaml_document import Document, Node, elements_of, shown, text_of
from ble_exporter.errors import ConfigError

ScanMode = Literal["auto", "active", "passive"]
OnAdapterFailure = Literal["exit", "continue"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

DEFAULT_LOG_FILE = "./logs/ble_exporter.log"
DEFAULT_SILENCE_LIMIT_S = 90.0
LOG_LEVELS: tuple[LogLevel, ...] = ("DEBUG", "INFO", "WARNING", "ERROR")
SCAN_MODES: tuple[ScanMode, ...] = ("auto", "active", "passive")
ON_ADAPTER_FAILURE: tuple[OnAdapterFailure, ...] = ("exit", "continue")

# Below that the radio is busy with being switched on and off.
_MIN_SECONDS = 1

_MANDATORY = ("scan_interval_seconds", "scan_duration_seconds", "listen_port", "devices")
_OPTIONAL = (
    "log_file",
    "log_level",
    "listen_address",
    "scan_mode",
    "stale_after_seconds",
    "adapter",
    "on_adapter_failure",
    "silence_limit_seconds",
)
KEYS = _MANDATORY + _OPTIONAL
_ADAPTER = re.compile(r"hci[0-9]{1,3}")
_EXAMPLES = {
    "scan_interval_seconds": "30",
    "scan_duration_seconds": "5",
    "silence_limit_seconds": "90",
    "stale_after_seconds": "auto",
    "listen_port": "8000",
    "devices": '{"A4:C1:38:00:00:01": "living_room"}',
}

Choice = TypeVar("Choice", bound=str)


@dataclass(frozen=True)
class AppConfig:
    """
    A valid configuration.

    Attributes:
        scan_interval_seconds: From the start of one scan to the start of the next.
        scan_duration_seconds: How long each scan listens; where it is the interval, the radio listens all the time.
        listen_port: TCP port of the HTTP server.
        devices: Bluetooth address (upper case, colons) to device name; both unique.
        log_file: Path, relative to the working directory or absolute; "-" is standard error.
        log_level: One of LOG_LEVELS.
        listen_address: IP address of the HTTP server; None is every address of the machine.
        scan_mode: One of SCAN_MODES.
        stale_after_seconds: How long a value shows after it was heard; "auto" learns that from each sensor's own
            rhythm; None shows what the latest scan heard.
        adapters: Names of the Bluetooth adapters ("hci0"); none takes the first, by number, that is powered.
        on_adapter_failure: One of ON_ADAPTER_FAILURE.
        silence_limit_seconds: How long the radio may listen and hear nothing at all.
        keys: Bluetooth address to the 16 bytes of its bindkey, of the devices that encrypt.
        key_files: The files that hold them: the configuration, where a key stands in it, and each `bindkey_file`.
    """

    scan_interval_seconds: float
    scan_duration_seconds: float
    listen_port: int
    devices: Mapping[str, str]
    log_file: str = DEFAULT_LOG_FILE
    log_level: LogLevel = "INFO"
    listen_address: str | None = None
    scan_mode: ScanMode = "auto"
    stale_after_seconds: float | Literal["auto"] | None = None
    adapters: tuple[str, ...] = ()
    on_adapter_failure: OnAdapterFailure = "exit"
    silence_limit_seconds: float = DEFAULT_SILENCE_LIMIT_S
    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    key_files: tuple[str, ...] = field(default=(), compare=False)


def load_config(path: str) -> AppConfig:
    """
    Read and check a configuration file.

    Raises:
        ConfigError: The file can't be read, or is not a valid configuration. (A ValueError.)
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        way_out = "name the configuration file with --config"
        if isinstance(error, FileNotFoundError):
            way_out += ", or let `ble-exporter discover --write FILE` make one"
        raise ConfigError(f"{path}: can't be read ({error.strerror}): {way_out}") from error
    return parse_config(path, data)


def parse_config(path: str, data: bytes) -> AppConfig:
    """
    Check what a configuration file holds, or is to hold.

    Args:
        path: The name that stands in each message; a `bindkey_file` may be beside it.
        data: The content.

    Raises:
        ConfigError: It is not a valid configuration. (A ValueError.)
    """
    document = Document(path)
    return _Settings(document, document.entries(data)).app_config()


class _Settings:
    """The keys of one file on their way to an AppConfig; whatever is wrong ends in `fail`, with its line."""

    def __init__(self, document: Document, entries: list[tuple[Node, Node]]) -> None:
        self._document = document
        self._scalar = document.scalar
        self._fail = document.fail
        if not entries:
            self._fail(None, f"holds no keys: write one `key: value` a line; mandatory are {', '.join(_MANDATORY)}")
        self._nodes = document.nodes(entries, KEYS)
        for key in _MANDATORY:
            if key not in self._nodes:
                self._fail(None, f"{key}: mandatory key is missing; add `{key}: {_EXAMPLES[key]}`")

    def app_config(self) -> AppConfig:
        interval = self._seconds("scan_interval_seconds")
        duration = self._seconds("scan_duration_seconds")
        if duration > interval:
            self._fail(
                self._nodes["scan_duration_seconds"],
                f"scan_duration_seconds: {duration:g} is longer than scan_interval_seconds ({interval:g}): "
                "a scan must end before the next begins; make it shorter, or equal to listen all the time",
            )
        devices = read_devices(self._document, self._nodes["devices"])
        return AppConfig(
            scan_interval_seconds=interval,
            scan_duration_seconds=duration,
            listen_port=self._port(),
            devices=devices.names,
            log_file=self._log_file(),
            log_level=self._choice("log_level", "level", LOG_LEVELS, "INFO"),
            listen_address=self._listen_address(),
            scan_mode=self._choice("scan_mode", "mode", SCAN_MODES, "auto"),
            stale_after_seconds=self._stale_after(interval - duration),
            adapters=self._adapters(),
            on_adapter_failure=self._choice("on_adapter_failure", "way to go on", ON_ADAPTER_FAILURE, "exit"),
            silence_limit_seconds=self._seconds("silence_limit_seconds", DEFAULT_SILENCE_LIMIT_S),
            keys=devices.keys,
            key_files=tuple(devices.key_files),
        )

    def _seconds(self, key: str, default: float = math.nan, otherwise: str = "") -> float:
        node = self._nodes.get(key)
        if node is None:
            return default
        value = self._scalar(key, node)
        if isinstance(value, bool) or not isinstance(value, int | float) or not _MIN_SECONDS <= value < math.inf:
            remedy = f"write `{key}: {_EXAMPLES[key]}`"
            self._fail(node, f"{key}: {shown(value)} is not a number from {_MIN_SECONDS} up{otherwise}; {remedy}")
        return value

    def _stale_after(self, pause_s: float) -> float | Literal["auto"] | None:
        key = "stale_after_seconds"
        node = self._nodes.get(key)
        if node is None:
            return None
        if text_of(node) == "auto":
            return "auto"
        seconds = self._seconds(key, otherwise=' and not "auto"')
        if seconds <= pause_s:
            self._fail(
                node,
                f"{key}: {seconds:g} is no longer than the pause between two scans ({pause_s:g} s): every value would "
                f"be gone before it can be heard again; make it longer, or write `{key}: auto`",
            )
        return seconds

    def _port(self) -> int:
        node = self._nodes["listen_port"]
        value = self._scalar("listen_port", node)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
            self._fail(node, f"listen_port: {shown(value)} is not a port; write a whole number from 1 to 65535")
        return value

    def _log_file(self) -> str:
        node = self._nodes.get("log_file")
        if node is None:
            return DEFAULT_LOG_FILE
        value = self._scalar("log_file", node)
        if not isinstance(value, str) or not value or not value.isprintable():
            self._fail(node, f'log_file: {shown(value)} is not a path; write one, or "-" for standard error')
        return value

    def _choice(self, key: str, what: str, choices: tuple[Choice, ...], default: Choice) -> Choice:
        node = self._nodes.get(key)
        if node is None:
            return default
        value = self._scalar(key, node)
        for choice in choices:
            if isinstance(value, str) and value.lower() == choice.lower():
                return choice
        return self._fail(node, f"{key}: {shown(value)} is not a {what}; write one of {', '.join(choices)}")

    def _listen_address(self) -> str | None:
        node = self._nodes.get("listen_address")
        if node is None:
            return None
        value = self._scalar("listen_address", node)
        with suppress(ValueError):
            return str(ipaddress.ip_address(str(value)))
        # Outside of the other error, which a traceback would show, and with it a key that somebody put there.
        remedy = 'write one, as "127.0.0.1", or leave the key out to listen on all'
        return self._fail(node, f"listen_address: {shown(value)} is not an IP address; {remedy}")

    def _adapters(self) -> tuple[str, ...]:
        if "adapter" not in self._nodes:
            return ()
        adapters: list[str] = []
        for node in elements_of(self._nodes["adapter"]):
            value = self._scalar("adapter", node)
            if not isinstance(value, str) or not _ADAPTER.fullmatch(value):
                self._fail(node, f'adapter: {shown(value)} is not an adapter\'s name; write one, as "hci0"')
            if value in adapters:
                self._fail(node, f"adapter: {value} is listed twice; remove one of the two")
            adapters.append(value)
        if not adapters:
            self._fail(
                self._nodes["adapter"], 'adapter: the list is empty; write a name, as "hci0", or leave the key out'
            )
        return tuple(adapters)
