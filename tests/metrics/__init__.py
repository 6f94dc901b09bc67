"""Tests of `ble_exporter/metrics/`."""
