"""The words for the 0 and 1 of binary sensors."""

from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.status.words import BINARY_WORDS


def test_every_binary_sensor_has_words_and_nothing_else_has() -> None:
    """Without words, or with a misspelt name in the table, a door would be shown as "1"."""
    assert {number.name.name for number in OBJECTS.values() if number.is_binary} == BINARY_WORDS.keys()


def test_the_words_of_a_sensor_differ() -> None:
    """A door that is shown as "open" in both states is worse than a door that is shown as 1."""
    assert [] == [name for name, (zero, one) in BINARY_WORDS.items() if not zero or not one or zero == one]
