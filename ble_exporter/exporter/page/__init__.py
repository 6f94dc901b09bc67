"""The web page at /, which shows the status of every device."""
