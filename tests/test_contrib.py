"""The systemd unit, which is shipped next to the package."""

from configparser import ConfigParser

import pytest

from ble_exporter.main import EXIT_BLUETOOTH, EXIT_CONFIG
from ble_exporter.status.liveness import MARGIN_S
from tests.conftest import HERE

WRONG_USAGE = 2


def systemd_unit() -> ConfigParser:
    """Return the systemd unit; if a key occurs twice, the last value counts."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # the documented way to keep the case of keys
    parser.read(HERE.parent / "contrib" / "ble_exporter.service")
    return parser


@pytest.fixture
def unit() -> ConfigParser:
    """The systemd unit."""
    return systemd_unit()


def test_the_systemd_unit_keeps_its_public_lines(unit: ConfigParser) -> None:
    """Existing installations rely on these lines."""
    service = unit["Service"]
    expected = {"WorkingDirectory": "/opt/ble_exporter", "Restart": "on-failure", "User": "ble"}

    assert expected == {key: service[key] for key in expected}
    assert service["ExecStart"].endswith(" -m ble_exporter.main --config /etc/ble_exporter/config.yaml")
    assert "multi-user.target" == unit["Install"]["WantedBy"]


def test_systemd_does_not_restart_what_a_restart_cannot_fix(unit: ConfigParser) -> None:
    """A wrong command line or configuration stays wrong, but Bluetooth may become available again."""
    unrestarted = unit["Service"]["RestartPreventExitStatus"].split()

    assert [str(WRONG_USAGE), str(EXIT_CONFIG)] == unrestarted
    assert str(EXIT_BLUETOOTH) not in unrestarted


def test_the_systemd_unit_receives_notifications(unit: ConfigParser) -> None:
    """Without Type=notify, systemd ignores notifications; a radio that can't start needs time to report its error."""
    service = unit["Service"]

    assert ("notify", "main") == (service["Type"], service["NotifyAccess"])
    assert float(service["TimeoutStartSec"]) > MARGIN_S


def test_the_systemd_unit_has_a_watchdog_that_suits_every_interval(unit: ConfigParser) -> None:
    """The program watches its own scans; systemd's watchdog is for a hung program, and must tolerate a slow SD card."""
    assert 30 <= float(unit["Service"]["WatchdogSec"]) <= 120
