"""Reads the configuration file into a valid `AppConfig`."""

from ble_exporter.config.app_config import (
    DEFAULT_SILENCE_LIMIT_S,
    KEYS,
    AppConfig,
    ScanMode,
    load_config,
    parse_config,
)

__all__ = ["DEFAULT_SILENCE_LIMIT_S", "KEYS", "AppConfig", "ScanMode", "load_config", "parse_config"]
