"""
Tests of the page at / in a real Chromium: `make test-page`.

The exporter's application serves on a local port, with real readings and device statuses, and each test sends packets
at times that it chooses. The browser is Debian's package `chromium`; playwright drives it, and installs none.
"""
