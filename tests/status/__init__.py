"""Tests of `ble_exporter/status/`."""
