"""The operating system: files, listening ports, and the standard streams."""
