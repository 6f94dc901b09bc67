"""The name of what a packet says: of a measurement, and of an event or a text as well."""


class Measurement(str):
    """
    What was measured, and which one of several: a packet may have two temperatures.

    It is a `str` with its parts kept: "temperature", and for the second one "temperature_2". Nobody takes that text
    apart, but `parse`, for text that comes from outside.

    Args:
        name: As in the formats' tables ("temperature").
        position: Among those of the same name in one packet, from 1.

    Attributes:
        name, position: The same.
    """

    __slots__ = ("name", "position")

    name: str
    position: int

    def __new__(cls, name: str, position: int = 1) -> "Measurement":
        """See above; a `str` gets its text here."""
        self = super().__new__(cls, name if position == 1 else f"{name}_{position}")
        self.name = name
        self.position = position
        return self

    @classmethod
    def parse(cls, text: str) -> "Measurement":
        """Return the measurement that a text means: "temperature_2" is the second temperature."""
        name, _, position = text.rpartition("_")
        is_position = position.isascii() and position.isdigit() and position[0] != "0" and position != "1"
        return cls(name, int(position)) if name and is_position else cls(text)
