"""The systemd units in contrib/."""

import os
import re
import shlex
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from ble_exporter.cli.recover.command import RECORD
from ble_exporter.main import EXIT_BLUETOOTH, EXIT_CONFIG
from ble_exporter.monitor_channel.helper import LIMIT_S
from ble_exporter.monitor_channel.protocol import HELPER_SOCKET
from ble_exporter.scanner.healing import LONGEST_RESET_S
from ble_exporter.scanner.reset_policy import FIRST_PAUSE_S, LONGEST_PAUSE_S, MOST_FRUITLESS, MOST_PER_HOUR
from ble_exporter.scanner.reset_record import FILE_NAME, ResetRecord
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
    """The exporter's systemd unit."""
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
    """Systemd must wait for the notification, and for the resets of a radio that can't start."""
    service = unit["Service"]

    assert ("notify", "main") == (service["Type"], service["NotifyAccess"])
    pauses_s = [min(FIRST_PAUSE_S * 2**number, LONGEST_PAUSE_S) for number in range(MOST_PER_HOUR - 1)]
    resetting_s = sum(pauses_s[-MOST_FRUITLESS:]) + LONGEST_RESET_S
    assert float(service["TimeoutStartSec"]) > resetting_s + MARGIN_S


def test_the_systemd_unit_has_a_watchdog_that_suits_every_interval(unit: ConfigParser) -> None:
    """The program itself allows for the scan interval; WatchdogSec need only exceed the pauses of a slow SD card."""
    assert 30 <= float(unit["Service"]["WatchdogSec"]) <= 120


def test_the_systemd_unit_keeps_the_record_of_resets(unit: ConfigParser) -> None:
    """Without the record, each restart of the program, every 5 s, could reset the adapter again."""
    service = unit["Service"]

    assert ("ble_exporter", "yes") == (service["RuntimeDirectory"], service["RuntimeDirectoryPreserve"])
    assert float(service["TimeoutStopSec"]) > LONGEST_RESET_S


@pytest.fixture
def helper() -> ConfigParser:
    """The unit of the helper that opens the monitor channel."""
    return systemd_unit("ble_exporter-monitor@.service")


def test_the_exporter_asks_the_socket_that_systemd_opens(unit: ConfigParser) -> None:
    """With another path or kind of socket, the exporter could receive packets only through bluetoothd."""
    socket = systemd_unit("ble_exporter-monitor.socket")["Socket"]

    assert (HELPER_SOCKET, "yes") == (socket["ListenSequentialPacket"], socket["Accept"])
    assert (unit["Service"]["User"], "0600") == (socket["SocketUser"], socket["SocketMode"])
    for key in ("Wants", "After"):
        assert "ble_exporter-monitor.socket" in unit["Unit"][key].split()


def test_only_the_helper_may_open_bluetooth_sockets(unit: ConfigParser, helper: ConfigParser) -> None:
    """The process that parses what anybody sends must not have a right that it does not need."""
    assert ("", "AF_UNIX AF_INET AF_INET6") == (
        unit["Service"]["CapabilityBoundingSet"],
        unit["Service"]["RestrictAddressFamilies"],
    )
    assert "AmbientCapabilities" not in unit["Service"]
    assert ("CAP_NET_RAW", "CAP_NET_RAW", "AF_BLUETOOTH") == (
        helper["Service"]["AmbientCapabilities"],
        helper["Service"]["CapabilityBoundingSet"],
        helper["Service"]["RestrictAddressFamilies"],
    )


def test_the_helper_is_in_the_machine_s_network(helper: ConfigParser) -> None:
    """Bluetooth sockets need the machine's first network namespace, and their capability its first user namespace."""
    assert {"PrivateNetwork", "PrivateUsers"}.isdisjoint(helper["Service"])


def test_the_helper_waits_for_its_client_before_it_is_ended(helper: ConfigParser) -> None:
    """The helper must reach its own limit before systemd's: only then can its log say why it ended."""
    assert LIMIT_S < float(helper["Service"]["RuntimeMaxSec"])


@pytest.fixture
def recovery() -> ConfigParser:
    """The unit that recovers an adapter."""
    return systemd_unit("ble_exporter-recover.service")


def test_the_recovery_reads_the_request_of_the_exporter(recovery: ConfigParser, unit: ConfigParser) -> None:
    """Both units must use the same record, in the exporter's runtime folder, and the same installation."""
    assert f"/run/{unit['Service']['RuntimeDirectory']}/{FILE_NAME}" == str(RECORD)
    program = unit["Service"]["ExecStart"].partition("/bin/")[0]
    assert f"{program}/bin/ble-exporter recover" == recovery["Service"]["ExecStart"]


def test_the_recovery_is_limited(recovery: ConfigParser) -> None:
    """Too many resets are worse than none, and the recovery, which runs as root, must not run at each boot."""
    assert ("1h", "3") == (recovery["Unit"]["StartLimitIntervalSec"], recovery["Unit"]["StartLimitBurst"])
    assert "Install" not in recovery


@pytest.fixture
def drop_in() -> ConfigParser:
    """The lines of docs/systemd.md that make the exporter's unit start the recovery."""
    page = (HERE.parent / "docs/systemd.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```ini\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (lines,) = (block for block in blocks if "ExecStopPost=" in block)
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # the documented way to keep the case of keys
    parser.read_string(lines)
    return parser


def test_the_recovery_is_not_forgotten_between_its_runs(drop_in: ConfigParser) -> None:
    """Systemd unloads a unit that has ended and that no other unit names, and forgets how often it was started."""
    assert "ble_exporter-recover.service" == drop_in["Unit"]["After"]


@pytest.mark.parametrize(
    ("status", "needs_root", "starts"),
    [
        (str(EXIT_BLUETOOTH), [False, True], True),
        (str(EXIT_BLUETOOTH), [True, False], True),
        (str(EXIT_BLUETOOTH), [False, False], False),
        (str(EXIT_BLUETOOTH), [], False),
        ("0", [True], False),  # a deliberate stop, or an update
        ("KILL", [True], False),
    ],
)
def test_the_recovery_starts_only_after_giving_up(
    drop_in: ConfigParser, tmp_path: Path, status: str, needs_root: list[bool], starts: bool
) -> None:
    """After any other stop, a recovery could reset a working adapter, or power on one that somebody has powered off."""
    record = ResetRecord(tmp_path)
    for number, is_needed in enumerate(needs_root):
        record.of(f"hci{number}").needs_root = is_needed
        record.of(f"hci{number}").is_off = True
        record.save()
    started, program = tmp_path / "started", tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" >{started}\n')
    program.chmod(0o755)
    shell, option, command = shlex.split(drop_in["Service"]["ExecStopPost"].removeprefix("+-"))
    command = command.replace("$$", "$").replace(str(RECORD), str(tmp_path / FILE_NAME))
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run([shell, option, command], env={"EXIT_STATUS": status, "PATH": path}, check=False)

    assert (0, starts) == (done.returncode, started.exists())
    assert not starts or "start --no-block ble_exporter-recover\n" == started.read_text()
