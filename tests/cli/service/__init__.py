"""Tests of `ble_exporter/cli/service/`."""
