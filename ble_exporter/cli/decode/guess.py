"""Guess what the given bytes are: an advertising payload, or service data of one of the formats."""

from collections.abc import Iterator

from ble_exporter.formats.advertising_data import Structure, begins_with_flags, has_known_service, structures
from ble_exporter.formats.advertising_reports import MOST_BYTES, report_of_packet
from ble_exporter.formats.bthome_v1 import is_typical
from ble_exporter.formats.decoded import ANYTHING, CERTAIN, POSSIBLE, Guess
from ble_exporter.formats.registry import FORMATS
from ble_exporter.utils import number_of

# Bytes before the service data in an AD structure: its length, its type, and a 16-bit UUID.
_HEAD_SIZE = 4
# The beginning of a flags structure, and the size of the structure.
_FLAGS, _FLAGS_SIZE = b"\x02\x01", 3
# The maximum number of bytes after the advertising payload in a packet: the checksum, the RSSI, or both.
_LARGEST_TAIL = 4


def is_advertising(payload: bytes) -> bool:
    """
    Return whether bytes are an advertising payload rather than service data.

    Bytes are an advertising payload if an AD structure in them, even one that is cut short, has the UUID of a known
    format. Without such a structure, flags at the beginning suffice, unless all bytes are typical BTHome v1 objects:
    these have the same structure as advertising data, and users are more likely to ask about them.
    """
    return has_known_service(payload) or (begins_with_flags(payload) and not is_typical(payload))


def embedded(payload: bytes) -> tuple[int, int] | None:
    """
    Return a range of complete AD structures that begins with service data of a known format; None if there is none.

    The bytes before the range may be a cut structure, or the head of a packet as a sniffer or a driver stores it. The
    bytes after the range may be the packet's checksum and RSSI.
    """
    for start in range(1, len(payload) - _HEAD_SIZE + 1):
        structure = Structure(start, payload[start + 1], payload[start + 2 : start + 1 + payload[start]])
        if structure.uuid in FORMATS and start + 1 + payload[start] <= len(payload):
            complete = [one for one in structures(payload[start:]) if not one.missing]
            end = start + complete[-1].offset + 2 + len(complete[-1].data)
            if len(payload) - end <= _LARGEST_TAIL:
                return start, end
    return None


def guesses(payload: bytes) -> list[Guess]:
    """
    Return the formats that bytes may have, each once and the most probable one first.

    Service data may follow its length, its type or its UUID; `Guess.start` is then its offset. An empty UUID stands for
    an advertising payload.
    """
    found = _of_service_data(payload)
    if begins_with_flags(payload):
        found.append(Guess(POSSIBLE, "", "it begins with flags, and consists of data structures"))
    # Among guesses of the same rank, those that cover all bytes come first.
    found += _behind_a_head(payload)
    best: dict[str, Guess] = {}
    for guess in sorted(found, key=lambda guess: guess.rank):
        best.setdefault(guess.uuid, guess)
    return list(best.values())


def best_rank(payload: bytes) -> int:
    """
    Return the rank of the best guess at bytes, which may be an HCI event; without a guess, a rank worse than ANYTHING.

    More bytes than a packet can have are not examined, because that could take a minute.
    """
    if len(payload) > MOST_BYTES:
        return ANYTHING + 1
    if is_advertising(payload) or report_of_packet(payload) or embedded(payload):
        return CERTAIN
    return min((guess.rank for guess in guesses(payload)), default=ANYTHING + 1)


def _of_service_data(payload: bytes) -> list[Guess]:
    found = [row.guess(payload) for row in FORMATS.values()]
    return [guess for guess in found if guess is not None]


def _behind_a_head(payload: bytes) -> Iterator[Guess]:
    """Yield the guesses at service data that follows its length, its UUID, or the type and the UUID."""
    yield from _behind_its_uuid(payload)
    if payload[:2] == _FLAGS:
        for guess in _behind_its_uuid(payload[_FLAGS_SIZE:]):
            yield guess._replace(start=_FLAGS_SIZE + guess.start, why=f"after flags, {guess.why}")
    for size in (1, 2):
        number = payload[:size]
        # Programs write the length as one byte, as two bytes, or as a decimal number, which is then read as hex.
        lengths = [int.from_bytes(number, "little"), int.from_bytes(number, "big"), _as_decimal(number)]
        if len(payload) > size and len(payload) - size in lengths:
            length = f"it follows its length ({number_of(size, 'byte')})"
            rest = payload[size:]
            for guess in (*_of_service_data(rest), *_behind_its_uuid(rest)):
                # A length that matches makes the guess more certain.
                rank = max(guess.rank - 1, CERTAIN)
                yield Guess(rank, guess.uuid, f"{length}; {guess.why}", size + guess.start)


def _behind_its_uuid(payload: bytes) -> Iterator[Guess]:
    for uuid, row in FORMATS.items():
        number = bytes.fromhex(row.short_uuid)
        if payload[:2] in (number, number[::-1]):
            text = f"the first two bytes are the UUID 0x{row.short_uuid.upper()}, and the rest is the service data"
            yield Guess(CERTAIN, uuid, text, 2)
    structure = Structure(0, payload[0] if payload else None, payload[1:])
    uuid = structure.swapped_uuid or structure.uuid
    if uuid in FORMATS:
        text = f"it begins with the type of service data and the UUID 0x{FORMATS[uuid].short_uuid.upper()}"
        yield Guess(CERTAIN, uuid, text, 1 + structure.uuid_size)


def _as_decimal(number: bytes) -> int:
    """Return the hex digits of bytes, read as a decimal number; -1 if they are not all decimal digits."""
    return int(number.hex()) if number.hex().isdecimal() else -1
