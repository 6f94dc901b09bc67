"""
Files of earlier versions: configurations that they accepted, and the state that they wrote.

Each file is named after the date and the version, and between releases also after the commit. The next release adds its
own files.
"""

from pathlib import Path

import pytest
import yaml

from ble_exporter.config.app_config import AppConfig, load_config
from ble_exporter.service.replay_state import FILE_NAME
from tests.conftest import HERE
from tests.service.test_replay_state_program import run

CONFIGURATIONS = sorted((HERE / "configs" / "earlier").glob("*.yaml"))
STATES = sorted((HERE / "states").glob("*.json"))


def names(path: Path) -> dict[str, str]:
    """Return the names of the devices as the file has them; `no` without quotes is a name, as in earlier versions."""
    devices = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)["devices"]  # noqa: S506 # only texts
    return {address.upper(): entry["name"] if isinstance(entry, dict) else entry for address, entry in devices.items()}


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_a_configuration_of_an_earlier_version_still_works(path: Path) -> None:
    """Somebody who upgrades after a year must not find a service that no longer starts."""
    config = load_config(str(path))

    assert names(path) == dict(config.devices)
    assert (30, 2.5, 9100, "::1", ("hci1", "hci0"), "continue", "passive", 90.5, 120) == _values(config)


@pytest.mark.parametrize("path", CONFIGURATIONS[1:], ids=lambda path: path.stem)
def test_the_keys_of_an_earlier_configuration_are_still_read(path: Path) -> None:
    """If a bindkey were silently ignored, all packets of its sensor would be rejected."""
    keys = load_config(str(path)).keys

    assert {"A4:C1:38:00:00:05", "A4:C1:38:00:00:06", "A4:C1:38:00:00:07"} == set(keys)


@pytest.mark.program
@pytest.mark.parametrize("path", STATES, ids=lambda path: path.stem)
def test_the_state_of_an_earlier_version_still_refuses_recordings(path: Path, tmp_path: Path) -> None:
    """The state has counters up to 50,049; if an upgrade forgot them, recorded packets would be accepted again."""
    (tmp_path / FILE_NAME).write_bytes(path.read_bytes())

    counted = run(tmp_path, [*range(1000, 1050), *range(50_050, 50_060)], STATE_DIRECTORY=str(tmp_path))

    assert {"decoded": 10, "rejected": 50} == counted


def _values(config: AppConfig) -> tuple[object, ...]:
    return (
        config.scan_interval_seconds,
        config.scan_duration_seconds,
        config.listen_port,
        config.listen_address,
        config.adapters,
        config.on_adapter_failure,
        config.scan_mode,
        config.stale_after_seconds,
        config.silence_limit_seconds,
    )
