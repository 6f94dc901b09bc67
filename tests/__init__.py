"""The tests mirror the modules of `ble_exporter`; vectors and configurations are data files next to them."""
