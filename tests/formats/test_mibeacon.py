"""MiBeacon: what no vector shows of its objects. The vectors are in tests/vectors/mibeacon.json."""

import pytest

from ble_exporter.formats import bthome_objects, mibeacon

UNITS = {number.name: number.unit for number in bthome_objects.OBJECTS.values()}


@pytest.mark.parametrize("object_id", mibeacon.OBJECTS, ids=hex)
def test_a_measurement_has_the_unit_that_its_name_has_in_bthome(object_id: int) -> None:
    """The store takes a value by its name: in another unit it would be another metric's."""
    for number in mibeacon.OBJECTS[object_id]:
        assert UNITS[number.name] == number.unit
