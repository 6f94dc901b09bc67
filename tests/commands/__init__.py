"""Tests of `ble_exporter.commands`."""
