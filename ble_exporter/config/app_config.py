"""Reads a YAML file into an AppConfig, or raises a ConfigError that states the place of each error and a hint."""

import errno
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from ble_exporter.config.devices import KEYS as DEVICE_KEYS
from ble_exporter.config.devices import read_devices, world_readable_warnings
from ble_exporter.config.glitch_filter import GLITCH_FILTER, read_glitch_filter
from ble_exporter.config.in_place import backup_of_unfinished_write, backups_of
from ble_exporter.config.settings import EXAMPLES, Settings
from ble_exporter.config.stale_after import STALE_AFTER, StaleAfter, read_stale_after
from ble_exporter.config.yaml_document import Document
from ble_exporter.config.yaml_loader import MAX_ENTRIES
from ble_exporter.errors import ConfigError
from ble_exporter.formats.measurement import Measurement
from ble_exporter.model import AddressType
from ble_exporter.system.files import read_file

ScanMode = Literal["auto", "active", "passive"]
EarChoice = Literal["auto", "monitor", "bluez"]
OnAdapterFailure = Literal["exit", "continue"]
OnSilence = Literal["exit", "reset"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

DEFAULT_PATH = "config.yaml"
"""The configuration that is read without the option --config."""
DEFAULT_LOG_FILE = "./logs/ble_exporter.log"
DEFAULT_SILENCE_LIMIT_S = 90.0

# Enough for MAX_ENTRIES devices with bindkeys and comments. PyYAML reads at most 1 MB a second, less on a Raspberry Pi.
_MAX_BYTES = 2_000_000

_MANDATORY = ("scan_interval_seconds", "scan_duration_seconds", "listen_port", "devices")
KEYS = (
    *_MANDATORY,
    "log_file",
    "log_level",
    "listen_address",
    "allowed_hosts",
    "scan_mode",
    "ear",
    "stale_after_seconds",
    "adapter",
    "on_adapter_failure",
    "silence_limit_seconds",
    "on_silence",
    GLITCH_FILTER,
)


@dataclass(frozen=True)
class AppConfig:
    """
    A valid configuration; docs/configuration.md describes its keys.

    Attributes:
        devices: Bluetooth address (upper case, colons) to device name; both unique.
        listen_address: IP address of the HTTP server; None means all addresses of the machine.
        allowed_hosts: Host names under which people open the page, in lower case, in addition to the machine's own.
        stale_after_seconds: How long a value is shown: for a number of seconds, for a time learned from the sensor's
            interval ("auto"), until the value changes ("never"), or until the end of a scan without the value (None).
        stale_after: Bluetooth address to `stale_after_seconds`, for devices that have their own setting.
        adapters: Adapter names such as "hci0"; if empty, the powered adapter with the lowest number is used.
        glitch_filter: Whether improbable values are held back until the next measurement.
        glitch_filters: Bluetooth address to `glitch_filter`, for devices that have their own setting.
        offsets: Bluetooth address to the offsets by measurement, in the units of the formats' tables.
        labels: Bluetooth address to the labels by name, for devices that have some.
        address_types: Bluetooth address to its type, for devices that have the setting.
        keys: Bluetooth address to bindkey (16 bytes), for devices with encryption.
        key_files: Files that contain bindkeys: each `bindkey_file`, and the configuration file if it has a `bindkey`.
        backup: The backup that was read in place of a file that `discover` did not finish writing; usually empty.
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
    ear: EarChoice = "auto"
    stale_after_seconds: StaleAfter | None = None
    stale_after: Mapping[str, StaleAfter] = field(default_factory=dict)
    adapters: tuple[str, ...] = ()
    on_adapter_failure: OnAdapterFailure = "exit"
    silence_limit_seconds: float = DEFAULT_SILENCE_LIMIT_S
    on_silence: OnSilence = "exit"
    glitch_filter: bool = False
    glitch_filters: Mapping[str, bool] = field(default_factory=dict)
    offsets: Mapping[str, Mapping[Measurement, float]] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    address_types: Mapping[str, AddressType] = field(default_factory=dict)
    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    key_files: tuple[str, ...] = field(default=(), compare=False)
    backup: str = field(default="", compare=False)

    @property
    def is_continuous(self) -> bool:
        """Whether the radio listens all the time, because scans follow each other without a pause."""
        return self.scan_duration_seconds >= self.scan_interval_seconds


def load_config(path: str) -> AppConfig:
    """
    Read and check a configuration file.

    If the file is invalid because `discover --write` was interrupted while writing it, for example by a power cut, the
    old content is read from the backup.

    Raises:
        ConfigError: The file can't be read or is invalid. The error is a ValueError with file, line and key. For
            several errors, it is a ConfigErrors, and `parts` has each of them.
    """
    data = read_config(path)
    try:
        return parse_config(path, data)
    except ConfigError:
        backup = backup_of_unfinished_write(path)
        if backup:
            with suppress(ConfigError, OSError):
                return replace(parse_config(path, read_file(backup, _MAX_BYTES)), backup=backup)
        raise


def warnings_of(config: AppConfig) -> list[str]:
    """Return the warnings about the files of a valid configuration."""
    backup = config.backup
    damaged = f"`discover --write` was interrupted, so the configuration was read from its backup: copy {backup} back"
    return [damaged] * bool(backup) + world_readable_warnings(config.key_files)


def read_config(path: str, option: str = "--config") -> bytes:
    """Return the content of a configuration file, or raise a ConfigError; `option` is the one that names the file."""
    try:
        return read_file(path, _MAX_BYTES)
    except OSError as error:
        hint = f"name the configuration file with {option}" if path == DEFAULT_PATH else "check the path"
        if error.errno == errno.ENOENT:
            hint += ", or create one with `ble-exporter discover --write FILE`"
        elif error.errno == errno.EFBIG:
            hint = f"a configuration has at most {MAX_ENTRIES:,} devices; {hint}"
        raise ConfigError(f"can't be read ({error.strerror})", hint, path=path) from error


def parse_config(path: str, data: bytes, *, needs_devices: bool = True) -> AppConfig:
    """
    Parse and check the content of a configuration file; raise the same errors as load_config.

    `path` is shown in messages, and a relative `bindkey_file` is looked up in the folder of `path`. If `needs_devices`
    is false, the configuration may list no devices.
    """
    document = Document(path, known=(*KEYS, *DEVICE_KEYS))
    config = _read(document, document.text(data), needs_devices=needs_devices)
    if document.errors:
        # Parse the text again, with the faults of single lines mended: these faults may have caused other errors.
        document = Document(path, known=document.known)
        config = _read(document, document.without_faults(document.text(data)), needs_devices=needs_devices)
        for backup in backups_of(path):
            with document.errors:
                hint = "copy it to this file if this file is damaged, or remove it"
                problem = f"{backup} has the content from before `discover --write` was interrupted"
                document.fail(None, problem, hint)
    document.errors.raise_all()
    return config


def _read(document: Document, text: str, *, needs_devices: bool) -> AppConfig:
    """Return the configuration; report invalid values to the document, and replace them with defaults."""
    settings = _read_settings(document, text, needs_devices=needs_devices)
    interval = settings.seconds("scan_interval_seconds")
    duration = settings.seconds("scan_duration_seconds")
    if duration > interval:
        with document.errors:
            problem = f"{duration:g} is longer than scan_interval_seconds ({interval:g})"
            settings.fail("scan_duration_seconds", problem, "shorten it, or make both equal to listen all the time")
    pause_s = interval - duration
    devices = read_devices(document, settings.nodes.get("devices"), may_be_empty=not needs_devices, pause_s=pause_s)
    return AppConfig(
        scan_interval_seconds=interval,
        scan_duration_seconds=duration,
        listen_port=settings.port(),
        devices=devices.names,
        log_file=settings.log_file(DEFAULT_LOG_FILE),
        log_level=settings.choice("log_level", get_args(LogLevel), "INFO"),
        listen_address=settings.listen_address(),
        allowed_hosts=settings.allowed_hosts(),
        scan_mode=settings.choice("scan_mode", get_args(ScanMode), "auto"),
        ear=settings.choice("ear", get_args(EarChoice), "auto"),
        stale_after_seconds=read_stale_after(document, settings.nodes.get(STALE_AFTER), pause_s),
        stale_after=devices.stale_after,
        adapters=settings.adapters(),
        on_adapter_failure=settings.choice("on_adapter_failure", get_args(OnAdapterFailure), "exit"),
        silence_limit_seconds=settings.seconds("silence_limit_seconds", DEFAULT_SILENCE_LIMIT_S),
        on_silence=settings.choice("on_silence", get_args(OnSilence), "exit"),
        glitch_filter=read_glitch_filter(document, settings.nodes.get(GLITCH_FILTER)) or False,
        glitch_filters=devices.glitch_filters,
        offsets=devices.offsets,
        labels=devices.labels,
        address_types=devices.address_types,
        keys=devices.keys,
        key_files=tuple(devices.key_files),
    )


def _read_settings(document: Document, text: str, *, needs_devices: bool) -> Settings:
    entries = document.entries(text)
    if not entries:
        with document.errors:
            hint = f"write one `key: value` per line; the mandatory keys are {', '.join(_MANDATORY)}"
            document.fail(None, "no settings found", hint, is_missing=True)
        return Settings(document, {})
    nodes = document.nodes(entries, KEYS)
    for key in _MANDATORY:
        if key not in nodes and (needs_devices or key != "devices"):
            with document.errors:
                hint = f"add `{key}: {EXAMPLES[key]}`"
                document.fail(None, "mandatory key is missing", hint, key=key, is_missing=True)
    return Settings(document, nodes)
