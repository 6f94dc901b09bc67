"""Tests of `ble_exporter/config/`."""
