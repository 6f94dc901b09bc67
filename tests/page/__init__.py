"""
The page at /, in a real Chromium: `make test-page`.

The exporter's own application serves on a port of this machine, with real readings and device statuses. Each test says
what is heard, and when. Debian's package `chromium` is the browser; playwright drives it, and brings none.
"""
