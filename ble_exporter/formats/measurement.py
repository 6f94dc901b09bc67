"""The name and position of a measurement, an event or a text in a packet."""


class Measurement(str):
    """
    The name of a measurement with its position, because a packet may have two temperatures.

    The text of the first temperature is "temperature", and that of the second is "temperature_2". Name and position
    are also attributes; `parse` recovers them from a text.

    Attributes:
        name: Name in the formats' tables, such as "temperature".
        position: Position among the values of the same name in one packet, from 1.
    """

    __slots__ = ("name", "position")

    name: str
    position: int

    def __new__(cls, name: str, position: int = 1) -> "Measurement":
        """Set the text here, because `__init__` can't change a `str`."""
        self = super().__new__(cls, name if position == 1 else f"{name}_{position}")
        self.name = name
        self.position = position
        return self

    @classmethod
    def parse(cls, text: str) -> "Measurement":
        """Return the measurement for a text: "temperature_2" is the second temperature."""
        name, _, position = text.rpartition("_")
        is_position = position.isascii() and position.isdigit() and position[0] != "0" and position != "1"
        return cls(name, int(position)) if name and is_position else cls(text)
