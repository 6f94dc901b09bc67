"""Reads a YAML file into an AppConfig, or raises a ConfigError with file, line, key, problem and hint."""

import ipaddress
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn, TypeVar

from ble_exporter.config.devices import read_devices
from ble_exporter.config.yaml_document import Document, Node, Scalar, elements_of, show_value, text_of
from ble_exporter.errors import ConfigError

ScanMode = Literal["auto", "active", "passive"]
OnAdapterFailure = Literal["exit", "continue"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

DEFAULT_LOG_FILE = "./logs/ble_exporter.log"
DEFAULT_SILENCE_LIMIT_S = 90.0
LOG_LEVELS: tuple[LogLevel, ...] = ("DEBUG", "INFO", "WARNING", "ERROR")
SCAN_MODES: tuple[ScanMode, ...] = ("auto", "active", "passive")
ON_ADAPTER_FAILURE: tuple[OnAdapterFailure, ...] = ("exit", "continue")

# In a shorter scan the radio spends its time starting and stopping.
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
        scan_duration_seconds: How long each scan listens; equal to the interval, the radio listens all the time.
        listen_port: TCP port of the HTTP server.
        devices: Bluetooth address (upper case, colons) to device name; both unique.
        log_file: Path, relative to the working directory or absolute; "-" is standard error.
        log_level: One of LOG_LEVELS.
        listen_address: IP address of the HTTP server; None is every address of the machine.
        scan_mode: One of SCAN_MODES.
        stale_after_seconds: How long a value is shown after it was last heard; "auto" learns that from each sensor's
            interval; None shows what the latest scan heard.
        adapters: Names of the Bluetooth adapters ("hci0"); if empty, the powered one with the lowest number is used.
        on_adapter_failure: One of ON_ADAPTER_FAILURE.
        silence_limit_seconds: How long the radio may listen without hearing any device.
        keys: Bluetooth address to bindkey (16 bytes), for devices that encrypt.
        key_files: The files that hold bindkeys: each `bindkey_file`, and the configuration if it contains one.
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

    @property
    def is_continuous(self) -> bool:
        """Whether the radio listens all the time: scans follow each other without a pause."""
        return self.scan_duration_seconds >= self.scan_interval_seconds


def load_config(path: str) -> AppConfig:
    """
    Read and check a configuration file.

    Raises:
        ConfigError: The file can't be read, or is not a valid configuration. (A ValueError.)
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        hint = "name the configuration file with --config"
        if isinstance(error, FileNotFoundError):
            hint += ", or create one with `ble-exporter discover --write FILE`"
        raise ConfigError(f"can't be read ({error.strerror})", hint, path=path) from error
    return parse_config(path, data)


def parse_config(path: str, data: bytes, *, needs_devices: bool = True) -> AppConfig:
    """
    Check the content of a configuration file.

    Args:
        path: The file's name for messages; a relative `bindkey_file` is looked for in its folder.
        data: The content.
        needs_devices: False accepts a configuration that lists no devices yet.

    Raises:
        ConfigError: It is not a valid configuration. (A ValueError.)
    """
    document = Document(path)
    return _Settings(document, document.entries(data)).app_config(needs_devices=needs_devices)


class _Settings:
    """The settings of one file; reading one checks it, and raises a ConfigError with its line."""

    def __init__(self, document: Document, entries: list[tuple[Node, Node]]) -> None:
        self._document = document
        if not entries:
            hint = f"write one `key: value` per line; mandatory are {', '.join(_MANDATORY)}"
            document.fail(None, "no settings found", hint)
        self._nodes = document.nodes(entries, KEYS)

    def app_config(self, *, needs_devices: bool) -> AppConfig:
        for key in _MANDATORY:
            if key not in self._nodes and (needs_devices or key != "devices"):
                self._document.fail(None, "mandatory key is missing", f"add `{key}: {_EXAMPLES[key]}`", key=key)
        interval = self._seconds("scan_interval_seconds")
        duration = self._seconds("scan_duration_seconds")
        if duration > interval:
            self._fail(
                "scan_duration_seconds",
                f"{duration:g} is longer than scan_interval_seconds ({interval:g})",
                "make it shorter, or equal to listen all the time",
            )
        devices = read_devices(self._document, self._nodes.get("devices"), may_be_empty=not needs_devices)
        return AppConfig(
            scan_interval_seconds=interval,
            scan_duration_seconds=duration,
            listen_port=self._port(),
            devices=devices.names,
            log_file=self._log_file(),
            log_level=self._choice("log_level", LOG_LEVELS, "INFO"),
            listen_address=self._listen_address(),
            scan_mode=self._choice("scan_mode", SCAN_MODES, "auto"),
            stale_after_seconds=self._stale_after(interval - duration),
            adapters=self._adapters(),
            on_adapter_failure=self._choice("on_adapter_failure", ON_ADAPTER_FAILURE, "exit"),
            silence_limit_seconds=self._seconds("silence_limit_seconds", DEFAULT_SILENCE_LIMIT_S),
            keys=devices.keys,
            key_files=tuple(devices.key_files),
        )

    def _fail(self, key: str, problem: str, hint: str, node: Node | None = None) -> NoReturn:
        self._document.fail(node or self._nodes[key], problem, hint, key=key)

    def _value(self, key: str) -> Scalar:
        return self._document.scalar(self._nodes[key], key)

    def _seconds(self, key: str, default: float = math.nan, or_else: str = "") -> float:
        if key not in self._nodes:
            return default
        value = self._value(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not _MIN_SECONDS <= value < math.inf:
            problem = f"{show_value(value)} is not a number from {_MIN_SECONDS} up{or_else}"
            self._fail(key, problem, f"write `{key}: {_EXAMPLES[key]}`")
        return value

    def _stale_after(self, pause_s: float) -> float | Literal["auto"] | None:
        key = "stale_after_seconds"
        node = self._nodes.get(key)
        if node is None:
            return None
        if text_of(node) == "auto":
            return "auto"
        seconds = self._seconds(key, or_else=' and not "auto"')
        if seconds <= pause_s:
            self._fail(
                key,
                f"{seconds:g} is not longer than the pause between two scans ({pause_s:g} s), so every value would "
                "expire before it can be heard again",
                f"make it longer, or write `{key}: auto`",
            )
        return seconds

    def _port(self) -> int:
        value = self._value("listen_port")
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
            self._fail("listen_port", f"{show_value(value)} is not a port", "write a whole number from 1 to 65535")
        return value

    def _log_file(self) -> str:
        if "log_file" not in self._nodes:
            return DEFAULT_LOG_FILE
        value = self._value("log_file")
        if not isinstance(value, str) or not value or not value.isprintable():
            self._fail("log_file", f"{show_value(value)} is not a path", 'write one, or "-" for standard error')
        return value

    def _choice(self, key: str, choices: tuple[Choice, ...], default: Choice) -> Choice:
        if key not in self._nodes:
            return default
        value = self._value(key)
        for choice in choices:
            if isinstance(value, str) and value.lower() == choice.lower():
                return choice
        return self._fail(key, f"{show_value(value)} is not allowed", f"write one of {', '.join(choices)}")

    def _listen_address(self) -> str | None:
        if "listen_address" not in self._nodes:
            return None
        value = self._value("listen_address")
        with suppress(ValueError):
            return str(ipaddress.ip_address(str(value)))
        # Raised outside of the ValueError, which quotes the value in tracebacks: it may be a bindkey.
        hint = 'write one, such as "127.0.0.1", or remove the key to listen on all'
        return self._fail("listen_address", f"{show_value(value)} is not an IP address", hint)

    def _adapters(self) -> tuple[str, ...]:
        if "adapter" not in self._nodes:
            return ()
        adapters: list[str] = []
        for node in elements_of(self._nodes["adapter"]):
            value = self._document.scalar(node, "adapter")
            if not isinstance(value, str) or not _ADAPTER.fullmatch(value):
                problem = f"{show_value(value)} is not the name of an adapter"
                self._fail("adapter", problem, 'write one, such as "hci0"', node)
            if value in adapters:
                self._fail("adapter", f"{value} is listed twice", "remove one of the two", node)
            adapters.append(value)
        if not adapters:
            self._fail("adapter", "the list is empty", 'write a name, such as "hci0", or remove the key')
        return tuple(adapters)
