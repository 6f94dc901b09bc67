"""Tests of `ble_exporter/service/`."""
