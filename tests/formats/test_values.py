"""Collecting values: positions of repeated names, impossible values, several payloads in one advertisement."""

from typing import get_args

import pytest

from ble_exporter.errors import DecodeError
from ble_exporter.formats import bthome
from ble_exporter.formats.decoded import Counter, Decoded
from ble_exporter.formats.field import Field, Role
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.numbers import uint
from ble_exporter.formats.values import Values, is_fully_known, merged, numbered
from tests.data import named


def measured(*names: str, impossible: tuple[str, ...] = ()) -> Decoded:
    """Return a decoded payload with the values 1.0, 2.0 and so on, one for each name."""
    values = named({name: float(value) for value, name in enumerate(names, 1)})
    return Decoded(values, {}, None, None, impossible=tuple(map(Measurement.parse, impossible)))


def test_a_repeated_name_is_numbered_from_2() -> None:
    """The first value of a name has no number, so no name of a sensor with a single probe has one."""
    repeats: dict[Measurement, int] = {}

    assert ["count_2", "count_3", "power_2", "count_4"] == [
        numbered(Measurement(name), repeats) for name in ("count", "count", "power", "count")
    ]


def values_of(*fields: Field) -> Values:
    """Return the values of these fields."""
    values = Values()
    for field in fields:
        values.take(field)
    return values


def battery(raw: int) -> Field:
    """Return the field of a battery, whose offset equals its raw value; a raw value above 100 is impossible."""
    return (
        uint("battery", 1, 10, "%")
        .field(bytes(range(256)), raw, raw, raw + 1, "battery")
        ._replace(is_possible=raw <= 100)
    )


BUTTON = Field(0, 1, "button", "other", "press", Measurement("button"))


def test_what_is_impossible_is_taken_out() -> None:
    """A broken probe must not cost the user the other values of the packet."""
    humidity = Field(0, 1, "humidity", "measurement", 50.0, Measurement("humidity"))
    packet_id, unknown = Field(0, 1, "", "packet_id", 7), Field(0, 1, "", "unknown_object", 0xFE)

    assert Decoded({Measurement("humidity"): 50.0}, {}, 7, 0xFE, Counter(3, 8), (Measurement("battery"),)) == values_of(
        battery(255), humidity, packet_id, unknown
    ).decoded(Counter(3, 8))


def test_a_payload_without_a_possible_value_is_rejected_with_their_names() -> None:
    """The message must name every rejected value; the offset, which `decode` shows, is that of the first one."""
    with pytest.raises(DecodeError) as caught:
        values_of(battery(101), battery(200)).decoded()

    assert "no sensor can have measured its only values (battery, battery_2)" == str(caught.value)
    assert ("impossible_value", 101, 1) == (caught.value.reason, caught.value.offset, caught.value.size)


@pytest.mark.parametrize("fields", [(), (battery(255), BUTTON)], ids=["nothing at all", "an event"])
def test_a_payload_that_says_something_else_is_not_rejected(fields: tuple[Field, ...]) -> None:
    """An announcement has no value, and a pressed button counts even if the battery's value is impossible."""
    assert {} == values_of(*fields).decoded().measurements


def test_values_are_told_apart_by_position() -> None:
    """A sensor with two probes has two temperatures, and the user needs both."""
    values = values_of(battery(10), battery(20))

    assert "battery_3" == values.take(battery(11)).name
    assert {"battery": 1.0, "battery_2": 2.0, "battery_3": 1.1} == values.decoded().measurements


def test_an_impossible_value_keeps_its_position() -> None:
    """If the first of two probes breaks, the second must not take its place."""
    decoded = values_of(battery(101), battery(100)).decoded()

    assert ({"battery_2": 10.0}, ("battery",)) == (decoded.measurements, decoded.impossible)


def test_the_first_unknown_object_is_kept() -> None:
    """A reader of the log looks up the first unknown object; of several packet ids, the last one counts."""
    unknown = [Field(0, 1, "", "unknown_object", object_id) for object_id in (0, 2)]
    packet_ids = [Field(0, 1, "", "packet_id", packet_id) for packet_id in (3, 4)]
    decoded = values_of(*unknown, *packet_ids).decoded()

    assert (0, 4) == (decoded.unknown_object, decoded.packet_id)


def test_repeated_events_are_told_apart_too() -> None:
    """A remote control has several buttons, and the user must learn which one was pressed."""
    values = values_of(BUTTON, BUTTON)

    assert "button_3" == values.take(BUTTON._replace(value="none")).name
    assert {"button": "press", "button_2": "press", "button_3": "none"} == values.decoded().others


def test_one_payload_alone_is_what_it_says() -> None:
    """Nearly all advertisements have only one payload, and merging must not change its values."""
    decoded = Decoded(
        {Measurement("temperature", 2): 2.0},
        {Measurement("button"): "press"},
        None,
        None,
        None,
        (Measurement("temperature"),),
    )

    assert ({"temperature_2": 2.0}, ("temperature",), {"button": "press"}) == merged([decoded])


def test_the_positions_go_on_from_payload_to_payload() -> None:
    """If two payloads used the same position, the values of one of them would be lost."""
    payloads = [
        measured("temperature", "temperature_2", "humidity"),
        measured("humidity"),
        measured("temperature", "temperature_2"),
    ]

    assert {
        "temperature": 1.0,
        "temperature_2": 2.0,
        "humidity": 3.0,
        "humidity_2": 1.0,
        "temperature_3": 1.0,
        "temperature_4": 2.0,
    } == merged(payloads).measurements


def test_an_impossible_value_has_a_position_in_what_is_merged() -> None:
    """Without a position, the first format's broken probe would lose its place to the second format's probe."""
    broken = Decoded({}, {}, None, None, None, (Measurement("temperature"), Measurement("temperature", 2)))

    found = merged([broken, measured("temperature"), broken])

    assert {"temperature_3": 1.0} == found.measurements
    assert ("temperature", "temperature_2", "temperature_4", "temperature_5") == found.impossible


def test_the_highest_position_counts_whatever_the_order() -> None:
    """A broken first probe is listed after the second one, and no later payload may reuse the second one's position."""
    first = Decoded({Measurement("temperature", 2): 2.0}, {}, None, None, None, (Measurement("temperature"),))

    assert {"temperature_2": 2.0, "temperature_3": 1.0} == merged([first, measured("temperature")]).measurements


def test_events_of_several_payloads_are_all_kept() -> None:
    """Each event keeps its position, which distinguishes the buttons."""
    press = Decoded({}, {Measurement("button"): "press"}, None, None)

    assert {"button": "press", "button_2": "press"} == merged([press, press]).others


@pytest.mark.parametrize(
    ("payload", "is_known"),
    [("400151", True), ("4000b0", True), ("403a01", True), ("40", False), ("400151fe", False), ("4001", False)],
    ids=["a value", "a packet id", "an event", "nothing", "an unknown object", "cut short"],
)
def test_a_payload_is_fully_known_if_it_has_values_and_no_unknown_object(payload: str, is_known: bool) -> None:
    """A guess of BTHome v2 is certain only for a fully known payload: a wrong certain guess would mislead the user."""
    assert is_known == is_fully_known(bthome.fields, bytes.fromhex(payload))


@pytest.mark.parametrize("role", get_args(Role))
def test_only_the_trigger_bit_marks_a_reading_as_triggered(role: Role) -> None:
    """The values of a sensor that sends only when something changes are kept for longer."""
    values = Values()
    values.take(Field(0, 1, "object", "measurement", 1, Measurement("temperature")))
    values.take(Field(1, 2, "object", role, 1, Measurement("light")))

    assert (role == "trigger") == values.decoded().is_triggered
