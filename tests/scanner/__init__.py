"""Tests of `ble_exporter.scanner`."""
