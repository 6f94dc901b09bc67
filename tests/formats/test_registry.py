"""The table of formats."""

import pytest

from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.registry import FORMATS, UNITS

NAMES = {
    "fcd2": "BTHome v2",
    "181c": "BTHome v1",
    "181e": "BTHome v1",
    "181a": "pvvx or ATC1441",
    "fe95": "MiBeacon",
}


def test_the_formats_have_these_uuids_in_this_order() -> None:
    """Repeated measurements get their positions in this order: another order would rename series."""
    assert [f"0000{short}-0000-1000-8000-00805f9b34fb" for short in NAMES] == list(FORMATS)


@pytest.mark.parametrize(
    ("uuid", "size", "names"),
    [
        (atc.UUID, 15, ("pvvx custom", "pvvx")),
        (atc.UUID, 13, ("ATC1441", "ATC1441")),
        (atc.UUID, 12, ("pvvx or ATC1441", "pvvx")),
        (bthome.UUID, 15, ("BTHome v2", "BTHome")),
        (bthome_v1.UUID, 4, ("BTHome v1", "BTHome v1")),
        (bthome_v1.UUID_ENCRYPTED, 12, ("BTHome v1", "BTHome v1")),
        (mibeacon.UUID, 15, ("MiBeacon", "MiBeacon")),
    ],
)
def test_formats_of_one_uuid_are_named_by_the_size(uuid: str, size: int, names: tuple[str, str]) -> None:
    """`discover` shows which of the formats with this UUID a thermometer sends."""
    assert names == FORMATS[uuid].names_of(bytes(size))


def test_the_short_uuid_is_that_of_the_service() -> None:
    """The option `--service` takes the short UUID, and a wrong one would select no format."""
    assert list(NAMES) == [row.short_uuid for row in FORMATS.values()]


def test_every_format_has_a_name_for_people() -> None:
    """A user who asks for a sensor's format must see this name."""
    assert list(NAMES.values()) == [row.name for row in FORMATS.values()]


def test_a_measurement_has_one_unit_whatever_format_it_came_in() -> None:
    """The name of a value determines its metric, so a value in another unit would be exported wrongly."""
    differing = [
        (row.name, number.name, number.unit)
        for row in FORMATS.values()
        for number in row.numbers
        if number.unit != UNITS[number.name]
    ]

    assert [] == differing
