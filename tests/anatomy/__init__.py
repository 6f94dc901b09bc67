"""Tests of `ble_exporter.anatomy`."""
