"""What is shipped beside the package."""

from configparser import ConfigParser

import pytest

from ble_exporter.main import EXIT_BLUETOOTH, EXIT_CONFIG
from ble_exporter.status.liveness import MARGIN_S
from tests.conftest import HERE

WRONG_USAGE = 2


def systemd_unit() -> ConfigParser:
    """Return the systemd unit; of a key that occurs twice, the last."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # the documented way to keep the case of keys
    parser.read(HERE.parent / "contrib" / "ble_exporter.service")
    return parser


@pytest.fixture
def unit() -> ConfigParser:
    """The systemd unit."""
    return systemd_unit()


def test_the_systemd_unit_is_the_contract_s(unit: ConfigParser) -> None:
    """Public API: who installed it relies on these lines."""
    service = unit["Service"]
    assert service["ExecStart"].endswith(" -m ble_exporter.main --config /etc/ble_exporter/config.yaml")
    assert {key: service[key] for key in ("WorkingDirectory", "Restart", "User")} == {
        "WorkingDirectory": "/opt/ble_exporter",
        "Restart": "on-failure",
        "User": "ble",
    }
    assert unit["Install"]["WantedBy"] == "multi-user.target"
    assert service["RestartPreventExitStatus"] == f"{WRONG_USAGE} {EXIT_CONFIG}"


def test_the_systemd_unit_listens_to_what_the_program_says(unit: ConfigParser) -> None:
    """Without Type=notify all of it goes unheard; and a radio that can't start must have the time to say so first."""
    service = unit["Service"]

    assert (service["Type"], service["NotifyAccess"]) == ("notify", "main")
    assert float(service["TimeoutStartSec"]) > MARGIN_S
    assert str(EXIT_BLUETOOTH) not in service["RestartPreventExitStatus"].split()


def test_the_systemd_unit_has_a_watchdog_that_suits_every_interval(unit: ConfigParser) -> None:
    """The program judges its scans; the watchdog's time is for the program, and a slow SD card is no hang."""
    assert 30 <= float(unit["Service"]["WatchdogSec"]) <= 120
