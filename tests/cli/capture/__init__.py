"""Tests of `ble-exporter capture`."""
