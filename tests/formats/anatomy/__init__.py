"""Tests of `ble_exporter.formats.anatomy`."""
