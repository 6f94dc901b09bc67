"""The fields of MiBeacon."""

from ble_exporter.cli.decode.fields import FieldError, Part, Sealed, Value
from ble_exporter.formats import mibeacon

_PRODUCTS = {0x055B: "LYWSD03MMC"}
_BITS = {
    mibeacon.ENCRYPTED: "encrypted",
    mibeacon.HAS_ADDRESS: "address",
    mibeacon.HAS_CAPABILITY: "capability",
    mibeacon.HAS_OBJECT: "object",
    mibeacon.MESH: "mesh",
}


def walk(part: Part) -> Sealed | None:
    """
    Find the fields of a MiBeacon payload.

    Raises:
        FieldError: What mibeacon.decode rejects; not what is found by the key.
    """
    if len(part.data) > mibeacon.MAX_LENGTH:
        most = mibeacon.MAX_LENGTH
        raise part.error(
            "too_long", f"{len(part.data)} bytes are more than the {most} that an advertisement's field holds"
        )
    control, address = _head(part)
    version = control >> mibeacon.VERSION_BIT
    encrypted = bool(control & mibeacon.ENCRYPTED)
    oldest = mibeacon.OLDEST_ENCRYPTED_VERSION if encrypted else mibeacon.OLDEST_VERSION
    if version < oldest:
        how = "an encrypted" if encrypted else "a"
        raise FieldError(
            "wrong_version", f"version {version} is too old: {how} payload must be of {oldest} or later", 1
        )
    if control & mibeacon.MESH:
        raise FieldError("reserved_bit", "the bit of mesh devices is set, which no thermometer is", 0)
    if address is not None:
        part.check_sender(address)
    if not control & mibeacon.HAS_OBJECT:
        part.take(part.left(), "ignored", "the frame control says that there is no object")
        return None
    if encrypted:
        return part.seal(_objects, 3, higher=part.data[4:5])
    _objects(part)
    return None


def _head(part: Part) -> tuple[int, bytes | None]:
    """Find the fields in front of the objects; return the frame control, and the address where one is included."""
    part.need(2, "the frame control")
    control = int.from_bytes(part.data[:2], "little")
    notes = [f"version {control >> mibeacon.VERSION_BIT}", *(name for bit, name in _BITS.items() if control & bit)]
    part.take(2, "frame control", ", ".join(notes))
    part.need(2, "the product")
    product = int.from_bytes(part.data[2:4], "little")
    part.take(2, "product", f"0x{product:04X} {_PRODUCTS.get(product, '')}".rstrip())
    part.need(1, "the frame counter")
    is_packet_id = control & mibeacon.HAS_OBJECT and not control & mibeacon.ENCRYPTED
    counter = Value("packet_id", "packet_id", "packet_id", part.data[4])
    part.take(1, "frame counter", "" if is_packet_id else str(part.data[4]), (counter,) if is_packet_id else ())
    address = None
    if control & mibeacon.HAS_ADDRESS:
        part.need(6, "the address")
        address = part.address(-1)
    if control & mibeacon.HAS_CAPABILITY:
        part.need(1, "the capability")
        size = 3 if part.data[part.index] & mibeacon.HAS_IO_CAPABILITY else 1
        part.need(size, "the capability")
        part.take(size, "capability", "with I/O capability" if size > 1 else "")
    return control, address


def _objects(part: Part) -> None:
    while part.left():
        part.need(3, "the object's head")
        object_id = int.from_bytes(part.data[part.index : part.index + 2], "little")
        size = part.data[part.index + 2]
        what = f"object 0x{object_id:04X}"
        part.need(size, what, head=3)
        numbers = mibeacon.OBJECTS.get(object_id, ())
        if numbers and sum(number.size for number in numbers) == size:
            part.numbers(numbers, what, head=3)
        else:
            why = f"not known with a length of {size}" if numbers else "unknown"
            part.unknown(3 + size, object_id, what, f"{why}: stepped over")
