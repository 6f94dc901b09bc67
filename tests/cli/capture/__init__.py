"""Tests of `ble-exporter recover`."""
