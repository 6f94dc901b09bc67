"""
The readings and the exporter's own counts, as Prometheus collectors.

This file does not import prometheus_client: `ble-exporter decode` names metrics, and must answer at once on a Pi.
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
    Put one device's measurements, heard now, on a Prometheus registry.

    The values do not expire: this is for other programs and for tests, and the service does not use it.

    Args:
        device_name: The `device` label.
        measurements: Measurement name to value, as `parser.parse_bthome` returns them.
        registry: By default prometheus_client's own.

    Raises:
        ValueError: A measurement has no family.
    """
    from ble_exporter.metrics.registry import put  # noqa: PLC0415 - see above

    put(device_name, measurements, registry)
