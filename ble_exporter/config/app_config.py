"""Reads a YAML file into an AppConfig, or raises a ConfigError with file, line, key, problem and hint."""

import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn, TypeVar, get_args

from ble_exporter.config.devices import read_devices
from ble_exporter.config.yaml_document import Document, Node, Scalar, elements_of, show_value
from ble_exporter.errors import ConfigError

ScanMode = Literal["auto", "active", "passive"]
OnAdapterFailure = Literal["exit", "continue"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

DEFAULT_LOG_FILE = "./logs/ble_exporter.log"
DEFAULT_SILENCE_LIMIT_S = 90.0

# In a shorter scan, the radio would spend most of the time starting and stopping.
_MIN_SECONDS = 1

_MANDATORY = ("scan_interval_seconds", "scan_duration_seconds", "listen_port", "devices")
KEYS = (
    *_MANDATORY,
    "log_file",
    "log_level",
    "listen_address",
    "allowed_hosts",
    "scan_mode",
    "stale_after_seconds",
    "adapter",
    "on_adapter_failure",
    "silence_limit_seconds",
)
_EXAMPLES = {
    "scan_interval_seconds": "30",
    "scan_duration_seconds": "5",
    "silence_limit_seconds": "90",
    "listen_port": "8000",
    "adapter": '"hci0"',
    "allowed_hosts": '"pi.example.org"',
    "devices": '{"A4:C1:38:00:00:01": "living_room"}',
}

T = TypeVar("T")
Choice = TypeVar("Choice", bound=str)


@dataclass(frozen=True)
class AppConfig:
    """
    A valid configuration; docs/configuration.md describes its keys.

    Attributes:
        devices: Bluetooth address (upper case, colons) to device name; both unique.
        listen_address: IP address of the HTTP server; None means all addresses of the machine.
        allowed_hosts: Host names under which people open the page, in lower case, besides the machine's own.
        stale_after_seconds: How long a value is shown. "auto" learns this time from each sensor's interval; None shows
            the values of the latest scan.
        adapters: Adapter names such as "hci0"; if empty, the powered adapter with the lowest number is used.
        keys: Bluetooth address to bindkey (16 bytes), for devices with encryption.
        key_files: Files that contain bindkeys: each `bindkey_file`, and the configuration file if it has a `bindkey`.
    """

    scan_interval_seconds: float
    scan_duration_seconds: float
    listen_port: int
    devices: Mapping[str, str]
    log_file: str = DEFAULT_LOG_FILE
    log_level: LogLevel = "INFO"
    listen_address: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    scan_mode: ScanMode = "auto"
    stale_after_seconds: float | Literal["auto"] | None = None
    adapters: tuple[str, ...] = ()
    on_adapter_failure: OnAdapterFailure = "exit"
    silence_limit_seconds: float = DEFAULT_SILENCE_LIMIT_S
    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    key_files: tuple[str, ...] = field(default=(), compare=False)

    @property
    def is_continuous(self) -> bool:
        """Whether the radio listens all the time, because scans follow each other without a pause."""
        return self.scan_duration_seconds >= self.scan_interval_seconds


def load_config(path: str) -> AppConfig:
    """Read and check a configuration file, or raise a ConfigError (a ValueError) with the file, line and key."""
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
    Check the content of a configuration file, or raise a ConfigError (a ValueError).

    `path` is shown in messages, and a relative `bindkey_file` is looked up in the folder of `path`. If `needs_devices`
    is false, the configuration may list no devices.
    """
    document = Document(path)
    settings = _read_settings(document, data, needs_devices=needs_devices)
    interval = settings.seconds("scan_interval_seconds")
    duration = settings.seconds("scan_duration_seconds")
    if duration > interval:
        problem = f"{duration:g} is longer than scan_interval_seconds ({interval:g})"
        settings.fail("scan_duration_seconds", problem, "make it shorter, or equal to listen all the time")
    devices = read_devices(document, settings.nodes.get("devices"), may_be_empty=not needs_devices)
    return AppConfig(
        scan_interval_seconds=interval,
        scan_duration_seconds=duration,
        listen_port=settings.read("listen_port", _port, 0, "is not a port", "write a whole number from 1 to 65535"),
        devices=devices.names,
        log_file=settings.read(
            "log_file", _log_file, DEFAULT_LOG_FILE, "is not a path", 'write a path, or "-" for standard error'
        ),
        log_level=settings.choice("log_level", get_args(LogLevel), "INFO"),
        listen_address=settings.listen_address(),
        allowed_hosts=settings.allowed_hosts(),
        scan_mode=settings.choice("scan_mode", get_args(ScanMode), "auto"),
        stale_after_seconds=settings.stale_after(interval - duration),
        adapters=settings.adapters(),
        on_adapter_failure=settings.choice("on_adapter_failure", get_args(OnAdapterFailure), "exit"),
        silence_limit_seconds=settings.seconds("silence_limit_seconds", DEFAULT_SILENCE_LIMIT_S),
        keys=devices.keys,
        key_files=tuple(devices.key_files),
    )


def _read_settings(document: Document, data: bytes, *, needs_devices: bool) -> "_Settings":
    entries = document.entries(data)
    if not entries:
        hint = f"write one `key: value` per line; the mandatory keys are {', '.join(_MANDATORY)}"
        document.fail(None, "no settings found", hint)
    nodes = document.nodes(entries, KEYS)
    for key in _MANDATORY:
        if key not in nodes and (needs_devices or key != "devices"):
            document.fail(None, "mandatory key is missing", f"add `{key}: {_EXAMPLES[key]}`", key=key)
    return _Settings(document, nodes)


@dataclass(frozen=True)
class _Settings:
    """The settings of one file. Reading an invalid setting raises a ConfigError with its line."""

    document: Document
    nodes: Mapping[str, Node]

    def fail(self, key: str, problem: str, hint: str) -> NoReturn:
        self.document.fail(self.nodes[key], problem, hint, key=key)

    def read(self, key: str, accept: Callable[[Scalar], T | None], default: T, problem: str, hint: str) -> T:
        """Return the result of `accept` for a setting's value; if the result is None, the value is rejected."""
        if key not in self.nodes:
            return default
        value = self.document.scalar(self.nodes[key], key)
        accepted = accept(value)
        return self.fail(key, f"{show_value(value)} {problem}", hint) if accepted is None else accepted

    def seconds(self, key: str, default: float = math.nan) -> float:
        problem = f"is not a number of {_MIN_SECONDS} or more"
        return self.read(key, _seconds, default, problem, f"write `{key}: {_EXAMPLES[key]}`")

    def listen_address(self) -> str | None:
        hint = 'write one, such as "127.0.0.1", or remove the key to listen on all addresses'
        return self.read("listen_address", _ip_address, None, "is not an IP address", hint)

    def stale_after(self, pause_s: float) -> float | Literal["auto"] | None:
        key, hint = "stale_after_seconds", "write `stale_after_seconds: auto`"
        problem = f'is neither a number of {_MIN_SECONDS} or more nor "auto"'
        seconds = self.read(key, _seconds_or_auto, None, problem, hint)
        if isinstance(seconds, int | float) and seconds <= pause_s:
            problem = (
                f"{seconds:g} is not longer than the pause between two scans ({pause_s:g} s), so every value would "
                "expire before it can be heard again"
            )
            self.fail(key, problem, f"make it longer, or {hint}")
        return seconds

    def choice(self, key: str, choices: Sequence[Choice], default: Choice) -> Choice:
        by_text = {choice.lower(): choice for choice in choices}
        hint = f"write one of {', '.join(choices)}"
        return self.read(key, lambda value: by_text.get(str(value).lower()), default, "is not allowed", hint)

    def adapters(self) -> tuple[str, ...]:
        hint = f"write one, such as {_EXAMPLES['adapter']}"
        return self._names("adapter", _adapter, "is not the name of an adapter", hint)

    def allowed_hosts(self) -> tuple[str, ...]:
        hint = f"write only the name, such as {_EXAMPLES['allowed_hosts']}, without http:// and without a port"
        return self._names("allowed_hosts", _host_name, "is not a host name", hint)

    def _names(self, key: str, accept: Callable[[Scalar], str | None], problem: str, hint: str) -> tuple[str, ...]:
        """Return the names of a list, or the only name."""
        if key not in self.nodes:
            return ()
        names: list[str] = []
        for node in elements_of(self.nodes[key]):
            value = self.document.scalar(node, key)
            name = accept(value)
            if name is None:
                self.document.fail(node, f"{show_value(value)} {problem}", hint, key=key)
            if name in names:
                self.document.fail(node, f"{name} is listed twice", "remove one of the two", key=key)
            names.append(name)
        if not names:
            self.fail(key, "the list is empty", f"write a name, such as {_EXAMPLES[key]}, or remove the key")
        return tuple(names)


def _seconds(value: Scalar) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if _MIN_SECONDS <= value < math.inf else None


def _seconds_or_auto(value: Scalar) -> float | Literal["auto"] | None:
    return "auto" if value == "auto" else _seconds(value)


def _port(value: Scalar) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535 else None


def _log_file(value: Scalar) -> str | None:
    return value if isinstance(value, str) and value and value.isprintable() else None


def _ip_address(value: Scalar) -> str | None:
    try:
        return str(ipaddress.ip_address(str(value)))
    except ValueError:
        return None


def _adapter(value: Scalar) -> str | None:
    return value if isinstance(value, str) and re.fullmatch("hci[0-9]{1,3}", value) else None


def _host_name(value: Scalar) -> str | None:
    """Return the name as browsers send it: in lower case, and in Punycode if it has letters outside ASCII."""
    if not isinstance(value, str):
        return None
    name = value.lower().removesuffix(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            return None
    # 32 hex digits are a bindkey in the wrong line, not a name.
    return name if re.fullmatch(r"(?![0-9a-f]{32}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", name) else None
