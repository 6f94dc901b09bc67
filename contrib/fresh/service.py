"""
Boots a real systemd on the new machine, and checks that the unit behaves as docs/systemd.md says.

The machine has no Bluetooth, so the unit runs with the simulated radio, or ends because no radio exists.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fresh.debian import HOME, Machine, step
from fresh.readme import Commands

PACKAGES = ["systemd-sysv", "dbus", "iproute2"]
UNIT = "ble_exporter"
MOST_EXPOSED = 1.6
"""The highest exposure that `systemd-analyze security` may report (0 is best), as docs/systemd.md says."""
MOST_EXPOSED_WITHOUT_MONITOR = 1.2
"""The same limit with the lines of docs/systemd.md for `ear: bluez`."""

_NEXT = "/root/next"
_BOOT_S = 60.0
_PATIENCE_S = 30.0
_DROP_IN = Path("etc/systemd/system/ble_exporter.service.d/test.conf")
_CONFIG = Path("etc/ble_exporter/config.yaml")
_PROGRAM = "/opt/ble_exporter/venv/bin/python -m ble_exporter.main --config /etc/ble_exporter/config.yaml"
# pivot_root, because below a chroot, systemd can't give units mount namespaces. The mounts are shared, as container
# managers leave them: otherwise, units do not see their credentials.
_BOOT = """
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs run
mount -t cgroup2 cgroup2 sys/fs/cgroup
mkdir -p mnt
pivot_root . mnt
umount -l mnt
mount --make-rshared /
exec env container=other /lib/systemd/systemd --unit=multi-user.target
"""
_WITHOUT_MONITOR = """[Service]
AmbientCapabilities=
CapabilityBoundingSet=
RestrictAddressFamilies=
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
"""
_NAMESPACES = ["--fork", "--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup", "--kill-child"]
_CONFIGURATION = """
scan_interval_seconds: 5
scan_duration_seconds: 5
stale_after_seconds: auto
listen_port: 8000
log_file: "-"
devices:
  "A4:C1:38:00:00:01": {name}
"""


class Systemd:
    """
    A running systemd.

    Args:
        machine: The machine on which it runs; install the packages first.
    """

    def __init__(self, machine: Machine) -> None:
        self._root = machine.folder
        # /proc then shows the processes of the PID namespace that `debian.run` has created, not the host's.
        subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
        with (self._root / "boot.log").open("wb") as log:
            self._outer = subprocess.Popen(
                ["unshare", *_NAMESPACES, "sh", "-ec", _BOOT, "systemd", str(self._root)],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._pid = 0
        wait_for("systemd to boot", self._is_running, _BOOT_S)
        self.do("ip link set lo up")

    def do(self, line: str) -> str:
        """Run a shell command in the machine; return its output, and raise an AssertionError if it fails."""
        done = self.run(line)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout

    def show(self, name: str, unit: str = UNIT) -> str:
        """Return one property of a unit."""
        return self.do(f"systemctl show --property {name} --value {unit}").strip()

    def metrics(self, address: str = "127.0.0.1") -> str:
        """Return the answer for /metrics; an empty string without one."""
        fetch = (
            f"import urllib.request as r; print(r.urlopen('http://{address}:8000/metrics', timeout=5).read().decode())"
        )
        return self.run(f'python3 -c "{fetch}"').stdout

    def write(self, path: Path, text: str, mode: int = 0o644) -> None:
        """Write a file of the machine."""
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def configure(self, name: str = "cellar", drop_in: str = "", options: str = "--mock", more: str = "") -> None:
        """Stop the unit, forget its failures, and write the configuration and a drop-in."""
        self.run(f"systemctl stop {UNIT} {UNIT}-recover; systemctl reset-failed")
        self.write(_CONFIG, _CONFIGURATION.format(name=name) + more)
        self.write(_DROP_IN, f"[Service]\nRestartSec=1\nExecStart=\nExecStart={_PROGRAM} {options}\n{drop_in}")
        self.do("systemctl daemon-reload")

    def close(self) -> None:
        """End systemd and everything that it has started."""
        self._outer.kill()
        self._outer.wait()

    def _is_running(self) -> bool:
        assert self._outer.poll() is None, (self._root / "boot.log").read_text(errors="replace")
        children = subprocess.run(
            ["pgrep", "--parent", str(self._outer.pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        self._pid = int(children[0]) if children else 0
        # "degraded" if a unit of another package can't run without hardware.
        return bool(self._pid) and self.run("systemctl is-system-running").stdout.strip() in {"running", "degraded"}

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a shell command in the machine; return its output and exit status."""
        inside = ["nsenter", "--target", str(self._pid), "--all", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        return subprocess.run([*inside, "sh", "-ec", line], capture_output=True, text=True, check=False)


def wait_for(what: str, is_so: Callable[[], bool], patience_s: float = _PATIENCE_S) -> None:
    """Wait until the condition holds; raise an AssertionError after `patience_s` seconds."""
    until = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < until, f"waited {patience_s:.0f} s for {what}"
        time.sleep(0.2)


@contextlib.contextmanager
def booted(machine: Machine) -> Iterator[Systemd]:
    """Boot the machine, and end it afterwards."""
    system = Systemd(machine)
    try:
        yield system
    except AssertionError as failure:
        log = system.run(f"journalctl --no-pager --lines 60 --unit {UNIT}").stdout
        raise AssertionError(f"{failure}\n{log}") from failure
    finally:
        system.close()


def check(machine: Machine, commands: Commands) -> None:
    """
    Install the service as the README says, and check it.

    Args:
        machine: The machine, with the packages of the README and the clone of the README's commands.
        commands: The README's commands.

    Raises an AssertionError at the first difference.
    """
    folder = f"{HOME}/readme"
    with step("the README's service"):
        machine.do(
            f"DEBIAN_FRONTEND=noninteractive apt-get -qq install {' '.join(PACKAGES)} >/dev/null 2>&1", user="root"
        )
        machine.do("cp config.yaml home.yaml", folder)
        for line in commands.service_lines:
            machine.do(line, folder, "root")
        pip = "/opt/ble_exporter/venv/bin/pip"
        machine.do(f"{pip} install -q --require-hashes --no-deps -r requirements-encryption.lock", folder, "root")
        machine.do(f"{pip} wheel --quiet --no-deps --wheel-dir {_NEXT} .", folder, "root")
    with step("systemd boots"), booted(machine) as system:
        for one in CHECKS:
            with step((one.__doc__ or "").strip().rstrip(".")):
                one(system)


def it_starts(system: Systemd) -> None:
    """The unit becomes active, and then has readings and a status."""
    system.configure()
    system.do(f"systemctl start {UNIT}")
    assert system.show("ActiveState") == "active"
    wait_for("readings", lambda: 'ble_sensor_temperature_celsius{device="cellar"}' in system.metrics())
    wait_for("a status", lambda: "1 of 1" in system.show("StatusText"))


def it_is_confined(system: Systemd) -> None:
    """The running unit is no more exposed than documented, as `systemd-analyze security` reports."""
    exposed = _exposure(system)
    system.write(_DROP_IN.with_name("without_monitor.conf"), _WITHOUT_MONITOR)
    system.do("systemctl daemon-reload")
    without_monitor = _exposure(system)
    system.do(f"rm /{_DROP_IN.with_name('without_monitor.conf')}; systemctl daemon-reload")
    print(f"    exposure {exposed}, with ear: bluez {without_monitor}")
    assert exposed <= MOST_EXPOSED
    assert without_monitor <= MOST_EXPOSED_WITHOUT_MONITOR


def it_writes_nothing(system: Systemd) -> None:
    """With `log_file: "-"`, the program writes nothing to the disk while it scans."""
    path = f"/proc/{system.show('MainPID')}/io"

    def written() -> str:
        return str(re.findall(r"(?m)^write_bytes: (\d+)", system.do(f"cat {path}"))[0])

    before, scans = written(), _scans(system)
    wait_for("three more scans", lambda: _scans(system) >= scans + 3)
    assert written() == before, f"{before} bytes, then {written()}"


def it_reloads(system: Systemd) -> None:
    """`systemctl reload` renames a device without a restart."""
    pid = system.show("MainPID")
    system.write(_CONFIG, _CONFIGURATION.format(name="attic"))
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
    wait_for("two restarts", lambda: int(system.show("NRestarts")) >= 2)
    assert "status=69" in system.do(f"journalctl --no-pager --unit {UNIT}")


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
    system.do(f"systemctl restart {UNIT}")
    wait_for("readings", lambda: "ble_sensor_seen" in system.metrics())
    assert pid != system.show("MainPID")
    assert system.do("cat /var/lib/ble_exporter/kept") == "kept\n"


def _exposure(system: Systemd) -> float:
    report = system.do(f"systemd-analyze security --no-pager {UNIT}")
    return float(re.findall(r"Overall exposure level for \S+: ([\d.]+)", report)[0])


def _scans(system: Systemd) -> float:
    found = re.findall(r"^ble_exporter_scans_total (\S+)", system.metrics(), re.MULTILINE)
    return float(found[0]) if found else 0.0


CHECKS = (
    it_starts,
    it_is_confined,
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
