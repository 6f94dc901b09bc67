"""Tests of `ble_exporter/device/`."""
