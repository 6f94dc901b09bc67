"""The table of BTHome's objects, compared with the published one."""

import json
from decimal import Decimal

from ble_exporter.formats.bthome_objects import OBJECTS, OTHERS
from tests.conftest import HERE, vectors

DECODED = vectors("bthome_v2.json")


def test_every_object_of_the_table_has_a_vector() -> None:
    """Without a vector, no test would check the row."""
    covered = {payload[1] for payload in (bytes.fromhex(vector["payload"]) for vector in DECODED) if len(payload) > 1}

    assert set() == ({0x00} | OBJECTS.keys() | OTHERS.keys()) - covered


def test_the_table_is_the_public_one() -> None:
    """A wrong id, name, length, sign or factor would export wrong values for every sensor with this object."""
    table = json.loads((HERE / "vectors" / "bthome_v2_objects.json").read_text(encoding="utf-8"))

    # The table lacks the timestamp, which bthome-ble returns as a date, without a factor.
    assert {object_id for object_id, number in OBJECTS.items() if not number.is_binary} == {
        0x50,
        *(int(row["id"], 16) for row in table),
    }
    for row in table:
        number = OBJECTS[int(row["id"], 16)]
        assert (row["name"], row["size"]) == (number.name, number.size)
        payload = bytes([int(row["id"], 16)]) + b"\xff" * row["size"]
        raw = -1 if row["signed"] else 256 ** row["size"] - 1
        exact = raw * Decimal(row["factor"]) * Decimal(row["in_unit"])
        assert float(exact) == number.read(payload, 1)[0] / number.divisor
