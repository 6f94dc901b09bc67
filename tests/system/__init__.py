"""Tests of `ble_exporter.system`."""
