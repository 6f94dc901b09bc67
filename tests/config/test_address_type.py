"""The setting `address_type` of a device, and its default."""

from pathlib import Path

import pytest

from ble_exporter.config import load_config
from ble_exporter.config.address_type import default_address_type

STATIC = "C4:7C:8D:00:00:01"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("00:1A:7D:00:00:01", "public"),
        ("5A:12:9C:00:00:01", "public"),
        ("A4:C1:38:00:00:01", "public"),
        ("BF:FF:FF:FF:FF:FF", "public"),
        ("C0:00:00:00:00:00", ""),
        (STATIC, ""),
        ("FF:FF:FF:FF:FF:FF", ""),
    ],
)
def test_only_an_address_that_may_be_static_random_has_no_default(address: str, expected: str) -> None:
    """A configured address must not change, so an address that can't be static random is public."""
    assert expected == default_address_type(address)


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("living_room", {}),
        ("{name: living_room}", {}),
        ("{name: living_room, address_type: public}", {STATIC: "public"}),
        ("{name: living_room, address_type: random}", {STATIC: "random"}),
    ],
)
def test_a_device_may_have_the_setting(tmp_path: Path, device: str, expected: dict[str, str]) -> None:
    """The address alone does not always show its type, so the user must be able to set it."""
    path = tmp_path / "config.yaml"
    path.write_text(
        "scan_interval_seconds: 30\nscan_duration_seconds: 5\nlisten_port: 8000\n"
        f'devices:\n  "{STATIC.lower()}": {device}\n'
    )

    assert expected == load_config(str(path)).address_types
