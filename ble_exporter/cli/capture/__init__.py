"""`ble-exporter capture`: records the received advertisements in a file that other programs read."""
