"""Tests of `ble_exporter.logger`."""
