"""`ble-exporter doctor`: find what stands between the user and readings."""
