"""
The setting `address_type` of a device, and its default.

A public address and a random address can consist of the same bytes, and then belong to two different devices (Bluetooth
Core, vol. 6, part B, 1.3). docs/adr/0023-address-types.md has the reasons for the default.
"""

from ble_exporter.config.yaml_document import Document, Node, show_value
from ble_exporter.model import AddressType

ADDRESS_TYPE = "address_type"

# The two most significant bits of a static random address are 11. Random addresses of other types keep changing.
_LEAST_STATIC_OCTET = "C0"


def read_address_type(document: Document, node: Node) -> AddressType:
    """Return the value of the setting, or raise a ConfigError."""
    value = document.scalar(node, ADDRESS_TYPE)
    if value == "public":
        return "public"
    if value == "random":
        return "random"
    return document.fail(node, f"{show_value(node, value)} is not allowed", "write public or random", key=ADDRESS_TYPE)


def default_address_type(address: str) -> AddressType:
    """
    Return "public" if an address (upper case) can't be a static random one.

    If it can, return an empty string, which means any type.
    """
    return "" if address[:2] >= _LEAST_STATIC_OCTET else "public"
