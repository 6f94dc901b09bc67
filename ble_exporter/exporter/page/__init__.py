"""The page at /: the status of every device, for people."""
