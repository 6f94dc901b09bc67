"""The service, which receives the sensors' advertisements and serves the readings over HTTP."""

from ble_exporter.service.foreign_logs import forwarded
from ble_exporter.service.serve import listen_error, serve

__all__ = ["forwarded", "listen_error", "serve"]
