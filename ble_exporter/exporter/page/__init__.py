"""The page at /: what every device is doing, for people."""
