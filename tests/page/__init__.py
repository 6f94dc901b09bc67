"""
The page at /, in a real Chromium: `make test-page`.

The exporter's own application, with a real store and roster, serves on a port of this machine; what is heard, and when,
a test says. Debian's package `chromium` is the browser; playwright drives it, and brings none.
"""
