"""The setting `offsets` of a device; tests/configs/bad has the messages for invalid values."""

from pathlib import Path

import pytest

from ble_exporter.config.app_config import AppConfig, load_config
from ble_exporter.config.offsets import NAMES
from ble_exporter.errors import ConfigError
from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.formats.measurement import Measurement

HEAD = "scan_interval_seconds: 30\nscan_duration_seconds: 30\nlisten_port: 8000\ndevices:\n"
DEVICE = "A4:C1:38:00:00:01"


def load(folder: Path, offsets: str) -> AppConfig:
    """Return the configuration of a device with these offsets."""
    path = folder / "config.yaml"
    path.write_text(f'{HEAD}  "{DEVICE}": {{name: attic, offsets: {offsets}}}\n', encoding="utf-8")
    return load_config(str(path))


@pytest.mark.parametrize("name", NAMES)
def test_every_calibrated_measurement_can_have_an_offset(tmp_path: Path, name: str) -> None:
    """The names are those in /status, including those with a number, such as that of a second probe."""
    offsets = load(tmp_path, f"{{{name}: -1.5, {name}_2: 2, {name}_64: 0}}").offsets[DEVICE]

    assert {Measurement(name): -1.5, Measurement(name, 2): 2, Measurement(name, 64): 0} == offsets


@pytest.mark.parametrize(
    "name",
    [
        *sorted({number.name for number in OBJECTS.values() if number.is_binary}),
        *("button", "dimmer", "text", "device_type", "count", "energy", "timestamp", "battery"),
        *("temperature_1", "temperature_0", "temperature_02", "temperature_65", "temperature_", "_2", "2", "''", "~"),
        "temperature_" + "9" * 900,
    ],
)
def test_nothing_else_can_have_one(tmp_path: Path, name: str) -> None:
    """An offset of a state or a count makes no sense, and a misspelt name must not be ignored silently."""
    with pytest.raises(ConfigError, match=rf"config\.yaml:5: devices: {DEVICE}: offsets: .* can have an offset; write"):
        load(tmp_path, f"{{{name}: 1}}")


@pytest.mark.parametrize(("value", "is_valid"), [("20", True), ("-20", True), ("20.01", False), ("-20.01", False)])
def test_an_offset_is_limited(tmp_path: Path, value: str, is_valid: bool) -> None:
    """An offset of more than 20 °C is probably a typo, such as a missing decimal point."""
    if is_valid:
        assert {Measurement("temperature"): float(value)} == load(tmp_path, f"{{temperature: {value}}}").offsets[DEVICE]
    else:
        with pytest.raises(ConfigError, match="is not a number from -20 to 20; write the offset in °C"):
            load(tmp_path, f"{{temperature: {value}}}")


def test_a_file_full_of_errors_is_not_read_to_its_end(tmp_path: Path) -> None:
    """Thousands of messages help nobody, and take long to collect."""
    with pytest.raises(ConfigError, match="more other errors; correct these first"):
        load(tmp_path, "{" + ", ".join(f"x{number}: 1" for number in range(3000)) + "}")
