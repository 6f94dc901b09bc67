"""The setting `glitch_filter`; tests/configs/bad has the messages for invalid values."""

from pathlib import Path

import pytest

from ble_exporter.config.app_config import AppConfig, load_config

HEAD = "scan_interval_seconds: 30\nscan_duration_seconds: 30\nlisten_port: 8000\n"


def load(folder: Path, text: str, of_device: str = "") -> AppConfig:
    """Return a configuration with these lines, and with a device that has this setting."""
    path = folder / "config.yaml"
    device = f'devices:\n  "A4:C1:38:00:00:01": {{name: attic{of_device}}}\n'
    path.write_text(HEAD + text + device, encoding="utf-8")
    return load_config(str(path))


def test_the_filter_is_off_by_default(tmp_path: Path) -> None:
    """A filter that nobody asked for would hide values."""
    config = load(tmp_path, "")

    assert (False, {}) == (config.glitch_filter, config.glitch_filters)


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("false", False), ("True", True)])
def test_the_whole_file_and_each_device_may_set_it(tmp_path: Path, text: str, expected: bool) -> None:
    """`false` for a device differs from no setting: a device without one has the setting of the whole file."""
    config = load(tmp_path, f"glitch_filter: {text}\n", f", glitch_filter: {text}")

    assert (expected, {"A4:C1:38:00:00:01": expected}) == (config.glitch_filter, config.glitch_filters)
