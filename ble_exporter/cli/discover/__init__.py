"""`ble-exporter discover`: find the sensors in range, and add them to the configuration."""
