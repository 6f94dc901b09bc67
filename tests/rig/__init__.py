"""The radio rig: the exporter on the real Linux Bluetooth stack, without hardware."""
