"""`ble-exporter decode`: explain each byte of a payload."""
