"""The setting `stale_after_seconds` of a device; tests/configs/bad has the messages for invalid values."""

from pathlib import Path

import pytest

from ble_exporter.config.app_config import load_config
from ble_exporter.config.stale_after import StaleAfter
from ble_exporter.errors import ConfigError

HEAD = "scan_interval_seconds: 30\nscan_duration_seconds: 30\nlisten_port: 8000\n"
DEVICES = 'devices:\n  "A4:C1:38:00:00:01": {{name: door, stale_after_seconds: {}}}\n  "A4:C1:38:00:00:02": room\n'


def written(folder: Path, text: str) -> str:
    """Write a configuration; return its path."""
    path = folder / "config.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("text", "expected"), [("auto", "auto"), ("never", "never"), ('"never"', "never"), ("7200", 7200), ("1.5", 1.5)]
)
def test_a_device_s_setting_is_its_own(tmp_path: Path, text: str, expected: StaleAfter) -> None:
    """A house has doors, thermometers and slow senders: no single value suits all of them."""
    config = load_config(written(tmp_path, "stale_after_seconds: 90\n" + DEVICES.format(text)))

    assert (90, {"A4:C1:38:00:00:01": expected}) == (config.stale_after_seconds, config.stale_after)


def test_the_whole_file_may_say_never(tmp_path: Path) -> None:
    """A user who has only door sensors wants to write the setting once."""
    config = load_config(written(tmp_path, "stale_after_seconds: never\n" + DEVICES.format(60)))

    assert "never" == config.stale_after_seconds


@pytest.mark.parametrize("text", ["0", "-1", ".inf", ".nan", "true", "''", "no", "1h", "Auto ever", "[60]", "{}"])
def test_anything_else_is_refused_with_its_line_and_device(tmp_path: Path, text: str) -> None:
    """If a wrong value were ignored, the state of a door might be shown for too long, or not at all."""
    with pytest.raises(ConfigError, match=r"config\.yaml:5: devices: A4:C1:38:00:00:01: stale_after_seconds: "):
        load_config(written(tmp_path, DEVICES.format(text)))
