"""
Prometheus collectors of the readings and of the exporter's own counters.

This module does not import prometheus_client, because `ble-exporter decode` uses metric names and must start quickly on
a Pi.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ble_exporter.metrics.families import FAMILIES, Family

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["FAMILIES", "Family", "update_metrics"]


def update_metrics(
    device_name: str, measurements: Mapping[str, float], registry: "CollectorRegistry | None" = None
) -> None:
    """
    Set the current measurements of one device in a Prometheus registry.

    The values do not expire. A value that is not finite, or beyond ±10^298, is left out as impossible, as in a received
    packet. Other programs and tests use this function; the service does not.

    Args:
        device_name: The `device` label.
        measurements: Measurement name to value, as in the result of `parser.parse_bthome`.
        registry: By default, prometheus_client's default registry.

    Raises:
        ValueError: No metric family exists for a measurement.
    """
    from ble_exporter.metrics.registry import put  # noqa: PLC0415 - see above

    put(device_name, measurements, registry)
