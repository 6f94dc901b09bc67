"""What the formats share in gathering values: a repeated name has a position, and what is impossible is left out."""

from collections.abc import Sequence
from typing import NamedTuple

from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Decoded
from ble_exporter.formats.measurement import Measurement
from ble_exporter.formats.numbers import Number


def numbered(name: Measurement, repeats: dict[Measurement, int]) -> Measurement:
    """
    Tell a repeated name apart by its position among those of its name: the second is "temperature_2".

    Args:
        name: That was there before.
        repeats: Name to the last position, which is noted here.
    """
    repeats[name] = position = repeats.get(name, 1) + 1
    return Measurement(name, position)


def sifted(decoded: Decoded, payload: bytes) -> Decoded:
    """
    Take out of the measurements what is impossible.

    It is taken out last, so that it keeps its position: when the first of two probes breaks, the second does not take
    its place.

    Args:
        decoded: With the impossible values among the measurements, and their names in `impossible`.
        payload: For the error's text.

    Raises:
        DecodeError: Nothing is left ("impossible_value").
    """
    for name in decoded.impossible:
        del decoded.measurements[name]
    if decoded.impossible and not decoded.measurements and not decoded.others:
        names = ", ".join(decoded.impossible)
        raise DecodeError("impossible_value", f"no sensor can have measured its {names}: {payload.hex()}")
    return decoded


class Values:
    """
    What was found so far in one payload.

    Attributes:
        measurements, others, impossible: See Decoded; what is impossible is among the measurements until the end.
    """

    def __init__(self) -> None:
        self.measurements: dict[Measurement, float] = {}
        self.others: dict[Measurement, int | str | bytes] = {}
        self.impossible: tuple[Measurement, ...] = ()
        self._repeats: dict[Measurement, int] = {}

    def read(self, number: Number, payload: bytes, index: int) -> None:
        """Take the number at an index, which is long enough."""
        raw = number.read(payload, index)[0]
        self.add(number.name, raw / number.divisor, is_possible=number.least <= raw <= number.most)

    def add(self, name: Measurement, value: float, *, is_possible: bool) -> None:
        """Take a measurement."""
        if name in self.measurements:
            name = numbered(name, self._repeats)
        self.measurements[name] = value
        if not is_possible:
            self.impossible += (name,)

    def add_other(self, name: Measurement, value: int | str | bytes) -> None:
        """Take what is no measurement."""
        self.others[numbered(name, self._repeats) if name in self.others else name] = value

    def decoded(self, payload: bytes, packet_id: int | None, unknown_object: int | None = None) -> Decoded:
        """
        Return all of it.

        Raises:
            DecodeError: All that was measured is impossible.
        """
        found = Decoded(self.measurements, self.others, packet_id, unknown_object, impossible=self.impossible)
        return sifted(found, payload)


class Merged(NamedTuple):
    """What several payloads said together; the attributes are those of Decoded."""

    measurements: dict[Measurement, float]
    impossible: tuple[Measurement, ...]
    others: dict[Measurement, int | str | bytes]


def merged(decoded: Sequence[Decoded]) -> Merged:
    """
    Return what several payloads of one advertisement said together.

    All is kept. The positions of a name go on from payload to payload: where the first has two temperatures, possible
    or not, that of the second is "temperature_3".
    """
    if len(decoded) == 1:
        return Merged(decoded[0].measurements, decoded[0].impossible, decoded[0].others)
    merged = Merged({}, (), {})
    last_position: dict[str, int] = {}
    for one in decoded:
        renamed = {name: _moved(name, last_position) for name in (*one.measurements, *one.impossible, *one.others)}
        merged.measurements.update((renamed[name], value) for name, value in one.measurements.items())
        merged.others.update((renamed[name], value) for name, value in one.others.items())
        merged = merged._replace(impossible=(*merged.impossible, *(renamed[name] for name in one.impossible)))
        for name in renamed.values():
            last_position[name.name] = max(name.position, last_position.get(name.name, 0))
    return merged


def _moved(name: Measurement, last_position: dict[str, int]) -> Measurement:
    return Measurement(name.name, name.position + last_position.get(name.name, 0))
