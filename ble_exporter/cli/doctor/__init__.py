"""`ble-exporter doctor`: check everything that can prevent readings."""
