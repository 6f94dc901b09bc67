"""The setting `labels` of a device; tests/configs/bad has the messages for invalid ones."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from ble_exporter.config.app_config import parse_config
from ble_exporter.config.labels import MOST_LABELS, MOST_NAMES, RESERVED_NAMES
from ble_exporter.device import Device
from ble_exporter.errors import ConfigError
from ble_exporter.exporter.exposition import OPENMETRICS, TEXT, Exposition
from ble_exporter.metrics.device_labels import DeviceLabels

HEAD = "scan_interval_seconds: 30\nscan_duration_seconds: 30\nlisten_port: 8000\ndevices:\n"
DEVICE = "A4:C1:38:00:00:01"


def labels_of(written: str) -> Mapping[str, str]:
    """Return the labels of a device whose configuration has `labels` with this value."""
    text = f'{HEAD}  "{DEVICE}": {{name: attic, labels: {written}}}\n'
    return parse_config("config.yaml", text.encode()).labels[DEVICE]


@pytest.mark.parametrize("value", ["kitchen", "Küche", "on", "yes", "no", "2026-11-26", "1st", "0x1F", "12:30"])
def test_a_value_needs_quotes_only_if_it_is_no_text(value: str) -> None:
    """Other YAML parsers would read some of these values as Booleans, dates or numbers, and change the label."""
    assert {"room": value} == labels_of(f"{{room: {value}}}")


@pytest.mark.parametrize("value", ["1", "1.50", "-3", "007", "true", "1e3"])
def test_a_number_is_refused_with_the_way_to_write_it(value: str) -> None:
    """A label must be text, like a name. Somebody who writes 1 and 1.0 means one floor, but would get two."""
    with pytest.raises(ConfigError, match=rf'labels: floor: the value must be text; put it in quotes: "{value}"'):
        labels_of(f"{{floor: {value}}}")
    assert {"floor": value} == labels_of(f'{{floor: "{value}"}}')


@pytest.mark.parametrize("name", sorted({*RESERVED_NAMES, "__name__"}))
def test_a_name_with_a_meaning_of_its_own_is_refused(name: str) -> None:
    """`device` would replace the device's name; Prometheus would rename `instance` to `exported_instance`."""
    with pytest.raises(ConfigError, match=rf"labels: {name} .*; (choose another name|begin with a letter)"):
        labels_of(f"{{{name}: x}}")


def test_labels_can_be_shared_with_an_alias() -> None:
    """With an alias, the labels of a floor with many sensors need to be written only once."""
    lines = f'  "{DEVICE}": {{name: a, labels: &up {{floor: "2"}}}}\n  "A4:C1:38:00:00:02": {{name: b, labels: *up}}\n'
    text = HEAD + lines

    assert [{"floor": "2"}] * 2 == list(parse_config("config.yaml", text.encode()).labels.values())


def test_the_limits_are_those_of_one_device_and_of_the_file() -> None:
    """As many labels as the limits allow are accepted; a name that several devices use counts once."""
    devices = [{f"label_{number}_{device}": "x" for number in range(MOST_LABELS)} for device in range(4)]
    lines = [
        f'  "A4:C1:38:00:01:{number:02X}": {{name: d{number}, labels: {json.dumps(labels)}}}\n'
        for number, labels in enumerate(devices)
    ]
    again = lines[-1].replace("01:03", "02:03").replace("d3", "d4")

    assert MOST_NAMES == len(devices) * MOST_LABELS
    assert [*devices, devices[-1]] == list(
        parse_config("config.yaml", (HEAD + "".join([*lines, again])).encode()).labels.values()
    )


names = (
    st.sampled_from(["room", "_", "A0_"])
    | st.text(st.sampled_from("abzAZ_09-:é \n'\"{}"), max_size=8)
    | st.text(max_size=8)
)
values = st.text(st.sampled_from('ab\\"\n\r\t{}=,#é厨🌡\u200d'), max_size=8) | st.text(max_size=140)


@given(st.dictionaries(names, values, min_size=1, max_size=3))
@example({"room": 'say \\"x\\", {a="b"} # y'})
@example({"_": "\u0085"})
def test_whatever_is_accepted_can_be_scraped(labels: dict[str, str]) -> None:
    """A label that Prometheus can't read would make it refuse the whole scrape, with the readings of all devices."""
    try:
        accepted = labels_of(json.dumps(labels))
    except ConfigError:
        return
    device = Device("attic")
    device.configured_labels = accepted
    exposition = Exposition({"labels": DeviceLabels([device])})

    assert labels == accepted
    for wanted, parse in ((TEXT, parse_text), (OPENMETRICS, parse_openmetrics)):
        families = list(parse(exposition.render(wanted).decode()))
        found = [one.labels for family in families for one in family.samples if "labels_info" in one.name]
        assert [{"device": "attic", **labels}] == found
