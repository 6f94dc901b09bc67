"""The service, which receives the sensors' advertisements and serves the readings over HTTP."""

from ble_exporter.service.foreign_logs import forwarded
from ble_exporter.service.reload import ReloadSource
from ble_exporter.service.serve import serve

__all__ = ["ReloadSource", "forwarded", "serve"]
