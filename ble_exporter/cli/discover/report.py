"""What a search has heard, when it is over: a table and what it does not show, or a document for a program."""

from collections.abc import Mapping, Sequence
from textwrap import wrap

from ble_exporter.cli.discover.choice import Refusal
from ble_exporter.cli.discover.discovered import Sender, Survey
from ble_exporter.cli.discover.table import Line, counted, other_lines, sensor_lines
from ble_exporter.config.editor import NewDevice


def report(
    survey: Survey,
    configured: Mapping[str, str],
    width_there: int,
    *,
    lists_others: bool = False,
    numbers: Mapping[str, int] | None = None,
) -> list[Line]:
    """
    Return the lines of the table, and below it what is to be known about it.

    Args:
        survey: What was heard.
        configured: Address to name of those that are configured.
        width_there: How many columns there are for the tables.
        lists_others: Whether those are listed that send nothing that this program reads.
        numbers: Address to the number by which a user chooses it.
    """
    sensors, others = survey.sensors(), survey.others()
    rose = frozenset(sensor.address for sensor in sensors if sensor.rose)
    tables = [sensor_lines(sensors, configured, width_there, rose, numbers)]
    if lists_others and others:
        tables.append(other_lines(others, width_there))
    lines = [line for table in tables if table for line in (*table, Line(""))]
    notes = _notes(sensors, others, configured, lists_others=lists_others)
    return lines + [Line(part) for note in notes for part in wrap(note, width_there)]


def document(
    survey: Survey, configured: Mapping[str, str], listened_s: float, *, lists_others: bool = False
) -> dict[str, object]:
    """Return what a program is told, to be written as JSON; see report."""
    sensors, others = survey.sensors(), survey.others()
    told: dict[str, object] = {
        "listened_seconds": round(listened_s, 1),
        "sensors": [
            {
                **_heard(sensor),
                "formats": sensor.formats,
                "encrypted": sensor.encrypts,
                "needs_bindkey": sensor.needs_key,
                "configured_as": configured.get(sensor.address),
                "measurements": sensor.measurements,
                "rose": sensor.rose or None,
            }
            for sensor in sensors
        ],
        "other_devices": len(others),
    }
    if lists_others:
        told["others"] = [{**_heard(other), "rejected": other.rejected} for other in others]
    return told


def outcome(added: Sequence[NewDevice], refused: Sequence[Refusal]) -> dict[str, object]:
    """Return what a program is told of the devices that were to be added; no key."""
    return {
        "added": [{"address": addition.address, "name": addition.name} for addition in added],
        "not_added": [{"address": refusal.address, "reason": refusal.reason} for refusal in refused],
    }


def _heard(sender: Sender) -> dict[str, object]:
    interval_s = sender.interval_s
    return {
        "address": sender.address,
        "name": sender.name or None,
        "rssi_dbm": None if sender.rssi is None else round(sender.rssi),
        "packets": sender.packets,
        "interval_seconds": None if interval_s is None else round(interval_s, 3),
    }


def _notes(
    sensors: Sequence[Sender], others: Sequence[Sender], configured: Mapping[str, str], *, lists_others: bool
) -> list[str]:
    heard = {sensor.address for sensor in sensors}
    where = "; --all lists those" if others and not lists_others else ""
    notes = [f"Heard {counted(len(sensors), len(others))} (what those send, this program does not read{where})."]
    if not sensors:
        notes.append(
            "No sensor: is one near, has it a battery, and does it send BTHome? `--seconds 120` listens longer."
        )
    if heard & set(configured):
        notes.append("ok already configured")
    if any(sensor.rose for sensor in sensors):
        notes.append("*  rose while it listened, as where somebody breathes on the sensor")
    if any(sensor.needs_key for sensor in sensors):
        notes.append("Encrypted: the firmware's web page shows the bindkey; with --write it is asked for.")
    missing = [f"{name} ({address})" for address, name in configured.items() if address not in heard]
    if missing:
        notes.append(f"Configured, and not heard: {', '.join(missing)}.")
    return notes
