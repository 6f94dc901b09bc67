"""Tests of `ble_exporter/cli/discover/`."""
