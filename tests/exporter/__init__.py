"""Tests of `ble_exporter/exporter/`."""
