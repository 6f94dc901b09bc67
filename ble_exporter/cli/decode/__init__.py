"""`ble-exporter decode`: explain every byte of a payload. The service does not load this package."""
