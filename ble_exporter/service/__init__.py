"""The service: hear the sensors, and serve their readings."""

from ble_exporter.service.serve import listen_error, serve

__all__ = ["listen_error", "serve"]
