"""The operating system: files, listening ports, signals, and the standard streams."""
