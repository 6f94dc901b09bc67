"""Gathering values: positions of repeated names, what is impossible, several payloads in one advertisement."""

import pytest

from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Decoded
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.numbers import uint
from ble_exporter.formats.values import Values, merged, numbered, sifted
from tests.data import named


def measured(*names: str, impossible: tuple[str, ...] = ()) -> Decoded:
    """Return a payload with a value for each name, by which it is known: 1.0, 2.0 and so on."""
    values = named({name: float(value) for value, name in enumerate(names, 1)})
    return Decoded(values, {}, None, None, impossible=tuple(map(Measurement.parse, impossible)))


def test_a_repeated_name_is_numbered_from_2() -> None:
    """The first has no number, so a sensor with one probe has none."""
    repeats: dict[Measurement, int] = {}

    assert ["count_2", "count_3", "power_2", "count_4"] == [
        numbered(Measurement(name), repeats) for name in ("count", "count", "power", "count")
    ]


def test_what_is_impossible_is_taken_out() -> None:
    """And what is left is the same payload."""
    decoded = Decoded(
        {Measurement("battery"): 255.0, Measurement("humidity"): 50.0}, {}, 7, 0xFE, None, (Measurement("battery"),)
    )

    assert Decoded({Measurement("humidity"): 50.0}, {}, 7, 0xFE, None, (Measurement("battery"),)) == sifted(
        decoded, b""
    )


def test_a_payload_without_a_possible_value_is_rejected_with_their_names() -> None:
    """It says nothing, and somebody must be told what it said."""
    with pytest.raises(DecodeError) as caught:
        sifted(measured("battery", "humidity", impossible=("battery", "humidity")), b"\x01\xff")

    assert "no sensor can have measured its battery, humidity: 01ff" == str(caught.value)
    assert "impossible_value" == caught.value.reason


@pytest.mark.parametrize(
    "decoded",
    [
        Decoded({}, {}, None, None),
        Decoded(
            {Measurement("battery"): 255.0},
            {Measurement("button"): "press"},
            None,
            None,
            None,
            (Measurement("battery"),),
        ),
    ],
    ids=["nothing at all", "an event"],
)
def test_a_payload_that_says_something_else_is_not_rejected(decoded: Decoded) -> None:
    """An announcement has no value, and a button is pressed whatever the battery says."""
    assert {} == sifted(decoded, b"").measurements


def test_values_are_read_and_told_apart_by_position() -> None:
    """Two probes on one sensor: both are somebody's temperature."""
    values = Values()
    for index in (0, 1, 2):
        values.read(uint("battery", 1, 10, "%"), b"\x0a\xff\x0b", index)

    decoded = values.decoded(b"", 7, 0xFE)

    assert {"battery": 1.0, "battery_2": 25.5, "battery_3": 1.1} == decoded.measurements
    assert (7, 0xFE, None, ()) == (decoded.packet_id, decoded.unknown_object, decoded.counter, decoded.impossible)


def test_an_impossible_value_keeps_its_position() -> None:
    """When the first of two probes breaks, the second does not take its place."""
    values = Values()
    for index in (0, 1):
        values.read(uint("battery", 1, 1, "%"), b"\x65\x64", index)

    decoded = values.decoded(b"", None)

    assert ({"battery_2": 100.0}, ("battery",)) == (decoded.measurements, decoded.impossible)


@pytest.mark.parametrize(("raw", "expected"), [(0, True), (100, True), (101, False), (0xFF, False)])
def test_the_bounds_of_a_row_are_possible_values(raw: int, expected: bool) -> None:
    """An empty battery is one, and a full one too."""
    values = Values()
    values.read(uint("battery", 1, 1, "%"), bytes([raw]), 0)

    assert expected == (() == values.impossible)


def test_all_that_is_impossible_is_named() -> None:
    """Not only the last."""
    values = Values()
    values.add(Measurement("humidity"), 50.0, is_possible=True)
    values.add(Measurement("battery"), 255.0, is_possible=False)
    values.add(Measurement("temperature"), -300.0, is_possible=False)

    assert ("battery", "temperature") == values.decoded(b"", None).impossible


def test_repeated_events_are_told_apart_too() -> None:
    """A remote control has several buttons."""
    values = Values()
    for event in ("none", "press", "press"):
        values.add_other(Measurement("button"), event)

    assert {"button": "none", "button_2": "press", "button_3": "press"} == values.decoded(b"", None).others


def test_one_payload_alone_is_what_it_says() -> None:
    """The rule: nearly all advertisements have one."""
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
    """Also over one that does not have the measurement, and from the highest position there was."""
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
    """Or the second format's probe would take the place of the first's that broke."""
    broken = Decoded({}, {}, None, None, None, (Measurement("temperature"), Measurement("temperature", 2)))

    found = merged([broken, measured("temperature"), broken])

    assert {"temperature_3": 1.0} == found.measurements
    assert ("temperature", "temperature_2", "temperature_4", "temperature_5") == found.impossible


def test_the_highest_position_counts_whatever_the_order() -> None:
    """Of a broken first probe the name comes last."""
    first = Decoded({Measurement("temperature", 2): 2.0}, {}, None, None, None, (Measurement("temperature"),))

    assert {"temperature_2": 2.0, "temperature_3": 1.0} == merged([first, measured("temperature")]).measurements


def test_events_of_several_payloads_are_all_kept() -> None:
    """With their positions."""
    press = Decoded({}, {Measurement("button"): "press"}, None, None)

    assert {"button": "press", "button_2": "press"} == merged([press, press]).others
