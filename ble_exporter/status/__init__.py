"""What people and probes are told: the state of every device, and whether scans make progress."""
