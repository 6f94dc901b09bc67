"""The final report of `discover`: tables with notes, or a JSON document."""

from collections.abc import Mapping, Sequence
from textwrap import wrap

from ble_exporter.cli.discover.choice import Refusal
from ble_exporter.cli.discover.discovered import ConfiguredNames, DiscoveredDevice, Discovery
from ble_exporter.cli.discover.table import CUT, Line, counted, other_lines, sensor_lines
from ble_exporter.config.editor import NewDevice


def report_lines(
    discovery: Discovery,
    configured: ConfiguredNames,
    max_width: int,
    *,
    lists_others: bool = False,
    numbers: Mapping[str, int] | None = None,
) -> list[Line]:
    """Return the tables and the notes below them, at most `max_width` columns wide; `numbers` as in sensor_lines."""
    sensors, others = discovery.sensors(), discovery.others()
    rose = frozenset(sensor.address for sensor in sensors if sensor.rose)
    tables = [sensor_lines(sensors, configured, max_width, rose, numbers)]
    if lists_others and others:
        tables.append(other_lines(others, max_width))
    lines = [line for table in tables if table for line in (*table, Line(""))]
    listing = " (--all lists them)" if others and not lists_others else ""
    heard = {sensor.address for sensor in sensors}
    missing = [f"{name} ({address})" for address, name in configured.items() if address not in heard]
    no_sensor = (
        "No sensor was heard. Is one in range, is its battery good, does it send BTHome? "
        "`--seconds 120` listens longer."
    )
    is_cut = any(CUT in line.text for table in tables for line in table)
    notes = [
        (f"Heard {counted(len(sensors), len(others))}{listing}.", True),
        (no_sensor, not sensors),
        ("ok already configured", not heard.isdisjoint(configured)),
        (f"{CUT}  the row is cut: a wider terminal or --json shows the rest", is_cut),
        ("*  rose while listening, for example because somebody breathed on the sensor", bool(rose)),
        (
            "Encrypted: the firmware's web page shows the bindkey, which --write asks for.",
            any(sensor.needs_key for sensor in sensors),
        ),
        (f"Configured, but not heard: {', '.join(missing)}.", bool(missing)),
    ]
    return lines + [Line(part) for note, applies in notes if applies for part in wrap(note, max_width)]


def discovery_document(
    discovery: Discovery, configured: ConfiguredNames, listened_s: float, *, lists_others: bool = False
) -> dict[str, object]:
    """Return the report as a JSON document."""
    sensors, others = discovery.sensors(), discovery.others()
    document: dict[str, object] = {
        "listened_seconds": round(listened_s, 1),
        "sensors": [
            {
                **_device_document(sensor),
                "formats": sensor.formats,
                "encrypted": sensor.encrypts,
                "needs_bindkey": sensor.needs_key,
                "configured_as": configured.get(sensor.address),
                "measurements": sensor.measurements,
                "events": sensor.events,
                "rose": sensor.rose,
            }
            for sensor in sensors
        ],
        "other_devices": len(others),
    }
    if lists_others:
        document["others"] = [{**_device_document(other), "rejected": other.rejected} for other in others]
    return document


def added_document(added: Sequence[NewDevice], refused: Sequence[Refusal]) -> dict[str, object]:
    """Return the added and the refused devices as a part of the JSON document, without bindkeys."""
    return {
        "added": [{"address": device.address, "name": device.name} for device in added],
        "not_added": [{"address": refusal.address, "reason": refusal.reason} for refusal in refused],
    }


def _device_document(device: DiscoveredDevice) -> dict[str, object]:
    interval_s = device.interval_s
    return {
        "address": device.address,
        "name": device.name or None,
        "rssi_dbm": None if device.rssi is None else round(device.rssi),
        "packets": device.packets,
        "interval_seconds": None if interval_s is None else round(interval_s, 3),
    }
