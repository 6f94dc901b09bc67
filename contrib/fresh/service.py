"""
Boots a real systemd on the new machine, and checks that the unit behaves as docs/systemd.md says.

The machine has no Bluetooth, so the unit runs with the simulated radio, or ends because no radio exists.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from fresh.debian import HOME, Machine, step
from fresh.monitor import UNAVAILABLE, it_opens_the_monitor_channel
from fresh.readme import Commands
from fresh.systemd import CONFIG, CONFIGURATION, DROP_IN, UNIT, Section, Systemd, booted, exposure_of, wait_for

PACKAGES = ["systemd-sysv", "dbus", "iproute2"]
MOST_EXPOSED = 1.1
"""The highest exposure that `systemd-analyze security` may report (0 is best), as docs/systemd.md says."""
MOST_EXPOSED_WITHOUT_NETWORK = 0.2
"""The same limit with the lines of docs/systemd.md for socket activation."""
NO_NETWORK, RECOVERY = "Without a network", "Recovery as root"
FOLLOWED = "zy.conf"
"""The name of the drop-in with the lines of a section; systemd reads it after the checks' own test.conf."""
RECORD = "/run/ble_exporter/adapter_resets.json"
SOCKET_OPTION = "--web.systemd-socket"
QUIET_S = float(os.environ.get("QUIET_SECONDS", "15"))
"""The duration of the check for written bytes, in seconds."""

_NEXT = "/srv/next"


def check(project: Path, machine: Machine, commands: Commands) -> None:
    """
    Install the service as the README says, check it, and remove it.

    Args:
        project: The checkout.
        machine: The machine, on which the README's commands have installed the program.
        commands: The README's commands.

    Raises an AssertionError at the first difference.
    """
    folder = f"{HOME}/readme"
    with step("systemd"):
        machine.do(
            f"DEBIAN_FRONTEND=noninteractive apt-get -qq install {' '.join(PACKAGES)} >/dev/null 2>&1", user="root"
        )
        machine.do("cp config.yaml home.yaml", folder)
        machine.do(f"/opt/ble_exporter/venv/bin/pip wheel --quiet --no-deps --wheel-dir {_NEXT} .", folder, "root")
    with step("systemd boots"), booted(machine) as system:
        with step("the README's service"):
            for line in commands.service_lines:
                it_is_installed(system, folder, line)
        page = (project / "docs/systemd.md").read_text(encoding="utf-8")
        sections = {name: Section(page, name) for name in (NO_NETWORK, RECOVERY)}
        for one in CHECKS:
            with step((one.__doc__ or "").strip().rstrip(".")):
                one(system)
        for name, other in WITH_DROP_INS.items():
            with step((other.__doc__ or "").strip().rstrip(".")), _followed(system, folder, sections[name]):
                other(system)
        with step("the removal"):
            it_is_removed(system)


def it_is_installed(system: Systemd, folder: str, line: str) -> None:
    """The README's command installs the service; without --apply, it changes nothing."""
    preview = system.do(f"cd {folder}; {line.replace('--apply', '')}")
    assert "nothing was changed" in preview
    assert system.run(f"systemctl cat {UNIT} || getent passwd ble").returncode
    system.do(f"cd {folder}; {line}")
    assert system.show("UnitFileState") == "enabled"
    assert "bluetooth" in system.do("id --groups --name ble")
    assert system.do(f"stat --format '%a %U %G' /{CONFIG}").split() == ["640", "root", "ble"]


def it_is_removed(system: Systemd) -> None:
    """Removing the service keeps the configuration and the state; with --purge, these are removed, too."""
    system.do("ble-exporter service uninstall --apply")
    assert system.run(f"systemctl cat {UNIT}").returncode
    system.do(f"test -e /{CONFIG} -a -e /var/lib/ble_exporter/kept; id ble")
    system.do("ble-exporter service uninstall --purge --apply")
    left = system.do("find /etc /var/lib /var/log /run -name '*ble_exporter*' -not -path '*/cgroup/*'").split()
    assert left == []
    assert system.run("id ble").returncode


def it_starts(system: Systemd) -> None:
    """The unit becomes active, and then has readings and a status."""
    system.configure()
    system.do(f"systemctl start {UNIT}")
    assert system.show("ActiveState") == "active"
    wait_for("readings", lambda: 'ble_sensor_temperature_celsius{device="cellar"}' in system.metrics())
    wait_for("a status", lambda: "1 of 1" in system.show("StatusText"))


def it_is_confined(system: Systemd) -> None:
    """The running unit is no more exposed than documented, as `systemd-analyze security` reports."""
    assert exposure_of(system, UNIT) <= MOST_EXPOSED


def it_needs_no_network(system: Systemd) -> None:
    """Without a network, the unit serves even during a restart, and reaches the helper and D-Bus."""
    assert exposure_of(system, UNIT) <= MOST_EXPOSED_WITHOUT_NETWORK
    wait_for("readings", lambda: "ble_sensor_seen" in system.metrics())
    networks = system.do(f"readlink /proc/1/ns/net /proc/{system.show('MainPID')}/ns/net").split()
    assert networks[0] != networks[1]
    system.do(f"systemctl restart --no-block {UNIT}")
    assert "ble_exporter_scans_total" in system.metrics()
    began = system.do("date +%s.%N").strip()
    system.do(f"systemctl stop {UNIT}; sed -i 's/ --mock//' /{DROP_IN.with_name(FOLLOWED)}; systemctl daemon-reload")
    system.run(f"systemctl start --no-block {UNIT}")  # without Bluetooth, it never becomes active

    def logs() -> str:
        return system.do(f"journalctl --unit {UNIT} --since @{began}")

    wait_for("the helper and D-Bus", lambda: UNAVAILABLE in logs() and "ERROR bluetoothd" in logs())
    system.do(f"systemctl stop {UNIT}.socket {UNIT}")


def it_is_recovered_as_root(system: Systemd) -> None:
    """The recovery that the exporter has requested runs after status 69, but only three times."""
    # The program itself would look for Bluetooth for ten seconds.
    system.configure(drop_in="ExecStart=\nExecStart=/bin/sh -c 'exit 69'\n")
    folder = str(Path(RECORD).parent)
    system.do(f"""install -d -o ble {folder}; echo '{{"hci0": {{"needs_root": true}}}}' >{RECORD}""")
    system.run(f"systemctl start --no-block {UNIT}")  # it never becomes active
    wait_for("the limit", lambda: system.show("Result", f"{UNIT}-recover") == "start-limit-hit", 60)
    log = system.do(f"journalctl --no-pager --output cat --unit {UNIT}-recover")
    assert log.count("hci0: left alone: the kernel does not have it") == 3, log


def it_writes_nothing(system: Systemd) -> None:
    """With `log_file: "-"`, the program writes nothing to the disk while it scans and is scraped."""
    path = f"/proc/{system.show('MainPID')}/io"

    def written() -> str:
        return str(re.findall(r"(?m)^write_bytes: (\d+)", system.do(f"cat {path}"))[0])

    before, scans, began = written(), _scans(system), time.monotonic()
    while time.monotonic() < began + QUIET_S:
        assert system.metrics()
        time.sleep(1)
    assert written() == before, f"{before} bytes, then {written()}"
    print(f"    {QUIET_S:.0f} s, {_scans(system) - scans:.0f} scans: 0 bytes written")


def it_reloads(system: Systemd) -> None:
    """`systemctl reload` renames a device without a restart."""
    pid = system.show("MainPID")
    system.write(CONFIG, CONFIGURATION.format(name="attic"))
    system.do(f"systemctl reload {UNIT}")
    wait_for("the new name", lambda: '{device="attic"}' in system.metrics())
    assert (pid, "active") == (system.show("MainPID"), system.show("ActiveState"))


def it_ends_cleanly(system: Systemd) -> None:
    """A stop ends the program with status 0; only its user can enter the state folder that it leaves."""
    system.do(f"systemctl stop {UNIT}")
    assert (system.show("Result"), system.show("ExecMainStatus")) == ("success", "0")
    assert system.do("stat --format '%a %U' /var/lib/ble_exporter /var/log/ble_exporter").split() == [
        "700", "ble", "755", "ble",
    ]  # fmt: skip


def it_is_restarted_when_it_hangs(system: Systemd) -> None:
    """A process that hangs (SIGSTOP) is restarted by the watchdog."""
    system.configure(drop_in="WatchdogSec=3\n")
    system.do(f"systemctl start {UNIT}")
    system.do(f"kill -STOP {system.show('MainPID')}")
    wait_for("the restart", lambda: system.show("NRestarts") == "1" and system.show("ActiveState") == "active", 60)


def it_is_restarted_without_bluetooth(system: Systemd) -> None:
    """Without Bluetooth (status 69), the program is restarted again and again."""
    system.configure(options="")
    system.run(f"systemctl start --no-block {UNIT}")  # it never becomes active
    # Each time, the program looks for Bluetooth for ten seconds.
    wait_for("two restarts", lambda: int(system.show("NRestarts")) >= 2, 90)
    log = system.do(f"journalctl --no-pager --unit {UNIT}")
    assert "status=69" in log
    assert UNAVAILABLE in log


def it_is_not_restarted_with_a_wrong_configuration(system: Systemd) -> None:
    """With a wrong configuration (status 78), the program is not restarted."""
    system.configure(more="no_such_key: 1\n")
    system.run(f"systemctl start {UNIT}")  # it fails
    assert tuple(map(system.show, ("ActiveState", "ExecMainStatus", "NRestarts"))) == ("failed", "78", "0")


def it_reads_a_credential(system: Systemd) -> None:
    """A bindkey is read from a file that only root can read."""
    key = Path("etc/ble_exporter/living_room.key")
    system.write(key, "00112233445566778899aabbccddeeff\n", 0o600)
    more = '  "A4:C1:38:00:00:02": {name: locked, bindkey_file: living_room.key}\n'
    system.configure(drop_in=f"LoadCredential=living_room.key:/{key}\n", more=more)
    system.do(f"systemctl start {UNIT}")
    wait_for("the device", lambda: '{device="locked"' in system.metrics())


def it_waits_for_its_address(system: Systemd) -> None:
    """An address that is assigned late is used as soon as it exists."""
    system.configure(more="listen_address: 192.0.2.7\n")
    system.do(f"systemctl start {UNIT}")
    assert system.metrics("192.0.2.7") == ""
    system.do("ip address add 192.0.2.7/32 dev lo")
    wait_for("the port", lambda: "ble_sensor_seen" in system.metrics("192.0.2.7"))


def it_upgrades_in_place(system: Systemd) -> None:
    """A wheel is installed over the running program; after a restart, there are readings, and the state is kept."""
    system.configure()
    system.do(f"systemctl start {UNIT}")
    pid = system.show("MainPID")
    system.do("echo kept > /var/lib/ble_exporter/kept")
    system.do(f"/opt/ble_exporter/venv/bin/pip install --quiet --no-deps --force-reinstall {_NEXT}/*.whl")
    system.do("/opt/ble_exporter/venv/bin/ble-exporter service install --replace --apply")
    wait_for("another process", lambda: system.show("MainPID") not in {pid, "0"})
    wait_for("readings", lambda: "ble_sensor_seen" in system.metrics())
    assert system.do("cat /var/lib/ble_exporter/kept") == "kept\n"


@contextlib.contextmanager
def _followed(system: Systemd, folder: str, section: Section) -> Iterator[None]:
    """Do what a section of docs/systemd.md says, and undo the drop-in afterwards."""
    system.configure()
    # In a drop-in of its own, because every check overwrites test.conf.
    simulated = section.drop_in.replace(SOCKET_OPTION, f"{SOCKET_OPTION} --mock")
    system.write(DROP_IN.with_name(FOLLOWED), simulated)
    for line in (*section.commands, "systemctl daemon-reload"):
        system.do(f"cd {folder}; {line}")
    yield
    system.do(f"systemctl stop {UNIT}; rm /{DROP_IN.with_name(FOLLOWED)}; systemctl daemon-reload")


def _scans(system: Systemd) -> float:
    found = re.findall(r"^ble_exporter_scans_total (\S+)", system.metrics(), re.MULTILINE)
    return float(found[0]) if found else 0.0


CHECKS = (
    it_starts,
    it_is_confined,
    it_opens_the_monitor_channel,
    it_writes_nothing,
    it_reloads,
    it_ends_cleanly,
    it_is_restarted_when_it_hangs,
    it_is_restarted_without_bluetooth,
    it_is_not_restarted_with_a_wrong_configuration,
    it_reads_a_credential,
    it_waits_for_its_address,
    it_upgrades_in_place,
)
WITH_DROP_INS = {
    NO_NETWORK: it_needs_no_network,
    RECOVERY: it_is_recovered_as_root,
}
"""Section of docs/systemd.md → the check that follows it."""
