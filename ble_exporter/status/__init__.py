"""Status for people and probes: the state of every device, and whether scans make progress."""
