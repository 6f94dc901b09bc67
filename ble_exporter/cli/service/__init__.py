"""`ble-exporter service`: installs the program as a systemd service, and removes the service again."""
