"""What is shipped beside the package."""

from configparser import ConfigParser

from ble_exporter.main import EXIT_CONFIG
from tests.conftest import HERE

WRONG_USAGE = 2


def test_the_systemd_unit_is_the_contract_s() -> None:
    """Public API: who installed it relies on these lines."""
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign] # the documented way to keep the case of keys
    unit.read(HERE.parent / "contrib" / "ble_exporter.service")

    service = unit["Service"]
    assert service["ExecStart"].endswith(" -m ble_exporter.main --config /etc/ble_exporter/config.yaml")
    assert {key: service[key] for key in ("WorkingDirectory", "Restart", "User")} == {
        "WorkingDirectory": "/opt/ble_exporter",
        "Restart": "on-failure",
        "User": "ble",
    }
    assert unit["Install"]["WantedBy"] == "multi-user.target"
    assert service["RestartPreventExitStatus"] == f"{WRONG_USAGE} {EXIT_CONFIG}"
