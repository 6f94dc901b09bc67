"""`ble-exporter recover`: resets a hung Bluetooth adapter by means that only root has."""
