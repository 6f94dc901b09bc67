"""Tests of `ble_exporter/monitor_channel/`."""
