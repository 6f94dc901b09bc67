"""The status for users and probes: the state of every device, and whether scans make progress."""
