"""The HTTP server: `/metrics`, `/status`, `/history`, the probes, and the page."""

from ble_exporter.exporter.app import StatusTracker, create_app

__all__ = ["StatusTracker", "create_app"]
