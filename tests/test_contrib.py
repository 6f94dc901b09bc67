"""The systemd units, which are shipped next to the package."""

import re
from configparser import ConfigParser

import pytest

from ble_exporter.cli.recover.command import REQUEST
from ble_exporter.main import EXIT_BLUETOOTH, EXIT_CONFIG
from ble_exporter.scanner.healing import LONGEST_RESET_S
from ble_exporter.scanner.reset_record import REQUEST_NAME
from ble_exporter.status.liveness import MARGIN_S
from tests.conftest import HERE

WRONG_USAGE = 2


def systemd_unit(name: str = "ble_exporter.service") -> ConfigParser:
    """Return a systemd unit; if a key occurs twice, the last value counts."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # the documented way to keep the case of keys
    parser.read(HERE.parent / "contrib" / name)
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


def test_the_systemd_unit_keeps_the_record_of_resets(unit: ConfigParser) -> None:
    """Without the record, each restart of the program, every 5 s, could reset the adapter again."""
    service = unit["Service"]

    assert ("ble_exporter", "yes") == (service["RuntimeDirectory"], service["RuntimeDirectoryPreserve"])
    assert float(service["TimeoutStopSec"]) > LONGEST_RESET_S


@pytest.fixture
def recovery() -> ConfigParser:
    """The unit that recovers an adapter."""
    return systemd_unit("ble_exporter-recover.service")


def test_the_recovery_reads_the_request_of_the_exporter(recovery: ConfigParser, unit: ConfigParser) -> None:
    """The request is in the exporter's runtime folder; the command runs from the same installation."""
    assert f"/run/{unit['Service']['RuntimeDirectory']}/{REQUEST_NAME}" == str(REQUEST)
    program = unit["Service"]["ExecStart"].partition("/bin/")[0]
    assert f"{program}/bin/ble-exporter recover" == recovery["Service"]["ExecStart"]


def test_the_recovery_is_limited(recovery: ConfigParser) -> None:
    """Resets that are too frequent are worse than none; root does nothing without being asked."""
    assert ("1h", "3") == (recovery["Unit"]["StartLimitIntervalSec"], recovery["Unit"]["StartLimitBurst"])
    assert "Install" not in recovery


def test_the_recovery_is_not_forgotten_between_its_runs() -> None:
    """If no other unit refers to this unit, systemd forgets it, and the number of its starts, when it ends."""
    page = (HERE.parent / "docs/systemd.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"^```ini\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # the documented way to keep the case of keys
    parser.read_string(lines)

    assert "ble_exporter-recover.service" == parser["Unit"]["After"]
    assert f"[ ! -e {REQUEST} ] || " in parser["Service"]["ExecStopPost"]
