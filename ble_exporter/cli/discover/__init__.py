"""`ble-exporter discover`: find the sensors in reach, and add them to the configuration."""
