"""What some bytes may be, where nobody says: an advertising payload, or service data, and of which format."""

from collections.abc import Iterator
from typing import NamedTuple

from ble_exporter.cli.decode.advertising_data import begins_with_flags, has_known_service
from ble_exporter.cli.decode.explain import Anatomy, explain
from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.formats.bthome_objects import OBJECTS

# The first three bytes of the addresses of most of these thermometers: Telink's.
_TELINK = bytes.fromhex("a4c138")
_NEWEST_MIBEACON = 5
CERTAIN, _LIKELY, _POSSIBLE, _ANYTHING = range(4)


class Guess(NamedTuple):
    """
    What some bytes may be.

    Attributes:
        rank: How well it fits: CERTAIN, or more than that.
        uuid: Of the service whose service data they may be; empty of a whole advertising payload.
        why: What speaks for it.
    """

    rank: int
    uuid: str
    why: str


def is_advertising(payload: bytes) -> bool:
    """
    Return whether some bytes are rather a whole advertising payload than service data.

    That is so where one of their data structures names the service of a known format. One that is cut short still looks
    like one. Where none does, flags in front speak for it as well, unless all of it is objects of BTHome version 1,
    which are built alike: these are what somebody wants to know about.
    """
    return has_known_service(payload) or (begins_with_flags(payload) and not _is_whole_v1(payload))


def guesses(payload: bytes) -> list[Guess]:
    """
    Return the formats that service data may be, the most likely first; none where it is like none.

    Where it may be a whole advertising payload after all, that is the last but for what may be anything.

    Args:
        payload: Any bytes.
    """
    # Of equals the first: objects that read all of it say more than its length does.
    found = [*_bthome(payload), *_mibeacon(payload), *_bthome_v1(payload), *_atc(payload), *_advertising(payload)]
    return sorted(found, key=lambda guess: guess.rank)


def _says_something(anatomy: Anatomy) -> bool:
    """Whether it is sound and all of it is known."""
    return anatomy.problem is None and bool(anatomy.values()) and not anatomy.unknown_objects()


def _bthome(payload: bytes) -> Iterator[Guess]:
    if payload and payload[0] & (bthome.VERSION | 0b0001_1010) == bthome.VERSION_2:
        rank = CERTAIN if _says_something(explain(bthome.UUID, payload)) else _LIKELY
        yield Guess(rank, bthome.UUID, f"it begins with 0x{payload[0]:02X}, as device information does")


def _mibeacon(payload: bytes) -> Iterator[Guess]:
    control = int.from_bytes(payload[:2], "little")
    version = control >> mibeacon.VERSION_BIT
    if not mibeacon.OLDEST_VERSION <= version <= _NEWEST_MIBEACON:
        return
    anatomy = explain(mibeacon.UUID, payload)
    if anatomy.problem is None or anatomy.problem.reason == "encrypted":
        fits = control & mibeacon.HAS_ADDRESS and (anatomy.is_encrypted or _says_something(anatomy))
        why = f"it begins with a frame control of version {version} that fits"
        yield Guess(CERTAIN if fits else _POSSIBLE, mibeacon.UUID, why)


def _atc(payload: bytes) -> Iterator[Guess]:
    length = len(payload)
    if length in atc.ENCRYPTED:
        yield Guess(_POSSIBLE, atc.UUID, f"{length} bytes, as {atc.NAMES[length][0]}, encrypted")
    elif length in atc.PLAIN:
        anatomy = explain(atc.UUID, payload)
        address = payload[:6][:: atc.PLAIN[length].address_step]
        if address.startswith(_TELINK):
            yield Guess(CERTAIN, atc.UUID, f"{length} bytes with an address, as {atc.NAMES[length][0]}")
        elif all(value.is_possible for value in anatomy.values()):
            yield Guess(_LIKELY, atc.UUID, f"{length} bytes, as {atc.NAMES[length][0]}")


def _bthome_v1(payload: bytes) -> Iterator[Guess]:
    if _says_something(explain(bthome_v1.UUID, payload)):
        yield Guess(_LIKELY, bthome_v1.UUID, "all of it is objects of version 1")
    if len(payload) > 8:
        yield Guess(_ANYTHING, bthome_v1.UUID_ENCRYPTED, "it may be anything, as what is encrypted looks")


def _is_whole_v1(payload: bytes) -> bool:
    """Whether all of it is possible values, each of the length that sensors give it: a name is a count else."""
    anatomy = explain(bthome_v1.UUID, payload)
    sizes = (OBJECTS[field.data[1]].size == len(field.data) - 2 for field in anatomy.fields if field.data[1] in OBJECTS)
    return _says_something(anatomy) and all(sizes) and all(value.is_possible for value in anatomy.values())


def _advertising(payload: bytes) -> Iterator[Guess]:
    if begins_with_flags(payload):
        yield Guess(_POSSIBLE, "", "it begins with flags, and falls into data structures")
