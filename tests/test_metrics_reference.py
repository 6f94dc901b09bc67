"""docs/metrics.md has every metric that the program can export, with its labels, and no other."""

import ast
import re
from collections.abc import Iterator, Mapping

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from ble_exporter.config.labels import OWN_NAMES, RESERVED_NAMES
from ble_exporter.device.silences import Silences
from ble_exporter.exporter.exposition import TEXT, Exposition
from ble_exporter.formats.measurement import Measurement
from ble_exporter.metrics.device_labels import DeviceLabels
from ble_exporter.metrics.families import FAMILIES
from ble_exporter.metrics.process_metrics import ProcessMetrics
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.metrics.silence_reasons import SilenceReasons
from tests.home import Home
from tests.test_reference import SOURCE, names, page, rows

Labels = Mapping[str, set[str]]
"""Metric → the names of its labels."""


class Broken(Collector):
    """A collector that fails."""

    def collect(self) -> Iterator[Metric]:
        """Raise an error."""
        raise RuntimeError


def all_collectors() -> dict[str, Collector]:
    """Return the collectors of a home that has at least one sample of each metric."""
    home = Home("button", "silent", *FAMILIES)
    devices = home.devices.values()
    silences = SilenceReasons(Silences(devices, home.clock))
    for name in FAMILIES:
        home.devices[name].offsets = {Measurement(name, 1): 1.0}
    for packet_id in range(20):
        home.hear(device="button", others={"button": 1, "button_2": 1, "device_type": 1, "firmware_version": "4.1"})
        for name in FAMILIES:
            home.hear({name: 1.0, f"{name}_2": 1.0}, device=name, packet_id=packet_id, adapter="hci0")
        home.now += 10
    return {
        "readings": home.readings,
        "silences": silences,
        "labels": DeviceLabels(devices),
        "exporter": SelfMetrics({"hci0": True}, home.clock, glitches=0),
        "process": ProcessMetrics(home.clock),
        "broken": Broken(),
    }


def exported() -> Labels:
    """Return every metric that the program exports for this home, except the `ble_sensor_raw_` ones."""
    text = Exposition(all_collectors()).render(TEXT).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    labels: dict[str, set[str]] = {}
    for sample in samples:
        labels.setdefault(sample.name, set()).update(sample.labels)
    return {name: found for name, found in labels.items() if not name.startswith("ble_sensor_raw_")}


def documented() -> Labels:
    """Return every metric of docs/metrics.md."""
    text = page("metrics.md")
    of_the_exporter = {names(cells[0])[0]: set(names(cells[1])) for cells in rows(text, "metric") if len(cells) == 3}
    of_measurements = {names(cells[0])[0]: {"device", "position"} for cells in rows(text, "metric") if len(cells) == 2}
    of_a_device: dict[str, set[str]] = {}
    for item in re.findall(r"^- (`ble_sensor_.*?):", " ".join(text.split("\n  ")), re.MULTILINE):
        metrics, _, labels = re.sub(r" \([^)]*\)", "", item).partition(", label")
        of_a_device |= {metric: set(names(labels)) for metric in names(metrics)}
    return of_the_exporter | of_measurements | of_a_device


def test_every_metric_is_documented_with_its_labels_and_nothing_else_is() -> None:
    """Authors of dashboards and alerts look up the metrics and their labels on this page."""
    assert exported() == documented()


def test_the_names_of_all_labels_are_reserved() -> None:
    """In a join, an owner's label of the same name would replace the exporter's label."""
    own = [labels for name, labels in exported().items() if name.startswith("ble_")]

    assert set().union(*own) == OWN_NAMES
    assert [] == [name for name in RESERVED_NAMES if f"`{name}`" not in page("configuration.md")]


def test_every_family_in_the_code_is_documented() -> None:
    """`all_collectors` may omit the families of a new collector, so the page must also have all names in the code."""
    constants = {
        node.value
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    families = {text for text in constants if re.fullmatch(r"ble_(sensor|exporter)_\w*[a-z]", text)}
    unknown = {name for name in families if not re.search(rf"^{name}(_|$)", "\n".join(documented()), re.MULTILINE)}

    assert {"ble_sensor_silence_reason", "ble_sensor_events_total", "ble_exporter_adapter_up"} <= families
    assert set() == unknown
