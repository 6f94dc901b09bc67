"""The fields of pvvx custom and ATC1441."""

from functools import partial

from ble_exporter.cli.decode.fields import Part, Sealed, Value
from ble_exporter.formats import atc


def walk(part: Part) -> Sealed | None:
    """
    Find the fields of service data of UUID 0x181A.

    Raises:
        FieldError: What atc.decode rejects; not what is found by the key.
    """
    length = len(part.data)
    if length in atc.PLAIN:
        plain = atc.PLAIN[length]
        part.check_sender(part.address(plain.address_step))
        _numbers(part, plain.layout, plain.counter)
        return None
    if length not in atc.ENCRYPTED:
        known = ", ".join(f"{known} ({name})" for known, (name, _) in atc.NAMES.items())
        raise part.error("no_known_format", f"no layout has {length} bytes; there are {known}")
    counter = part.data[0]
    part.take(1, "counter", values=(Value("counter", "counter", "counter", counter),))
    return part.seal(partial(_numbers, layout=atc.ENCRYPTED[length]), 0)


def _numbers(part: Part, layout: atc.Layout, counter: int | None = None) -> None:
    while part.left():
        if part.index in layout.numbers:
            number = layout.numbers[part.index]
            part.numbers((number,), number.name)
        elif part.index == counter:
            value = Value("packet_id", "packet_id", "packet_id", part.data[counter])
            part.take(1, "counter", values=(value,))
        else:
            flags = part.data[part.index]
            found = [
                part.measured(name, float(flags >> bit & 1), "", is_possible=True) for bit, name in atc.FLAGS.items()
            ]
            part.take(1, "flags", f"0b{flags:08b}", tuple(found))
