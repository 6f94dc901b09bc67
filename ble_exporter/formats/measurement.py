"""The name of a measurement, an event or a text in a packet."""


class Measurement(str):
    """
    The name of a measurement, with its position: a packet may have two temperatures.

    As text it is "temperature", and the second one is "temperature_2". Its parts are kept; only `parse` takes a text
    apart, if it comes from outside.

    Attributes:
        name: As in the formats' tables ("temperature").
        position: Among those of the same name in one packet, from 1.
    """

    __slots__ = ("name", "position")

    name: str
    position: int

    def __new__(cls, name: str, position: int = 1) -> "Measurement":
        """Set the text, which a `str` gets only here."""
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
