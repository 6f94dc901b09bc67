"""A real systemd as the first process of the new machine."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fresh.debian import PATH, Machine

UNIT = "ble_exporter"
DROP_IN = Path("etc/systemd/system/ble_exporter.service.d/test.conf")
CONFIG = Path("etc/ble_exporter/config.yaml")

_BOOT_S = 60.0
_PATIENCE_S = 30.0
_PROGRAM = "/opt/ble_exporter/venv/bin/python -m ble_exporter.main --config /etc/ble_exporter/config.yaml"
# Uses pivot_root, because in a chroot, systemd can't give units mount namespaces. The mounts are shared, as container
# managers leave them: otherwise, units would not see their credentials.
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
# In a cgroup of its own, because two systemds in one cgroup would kill each other's units. "0" is this shell.
_ENTER = 'echo 0 > "$0/cgroup.procs"; exec unshare "$@"'
_NAMESPACES = ["--fork", "--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup", "--kill-child"]
CONFIGURATION = """
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
        parent = cgroup(Path("/proc/self/mounts").read_text(), Path("/proc/self/cgroup").read_text())
        self._cgroup = Path(tempfile.mkdtemp(prefix="fresh-", dir=parent))
        boot = [*_NAMESPACES, "sh", "-ec", _BOOT, "systemd", str(self._root)]
        with (self._root / "boot.log").open("wb") as log:
            self._outer = subprocess.Popen(
                ["sh", "-ec", _ENTER, str(self._cgroup), *boot],
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
        self.write(CONFIG, CONFIGURATION.format(name=name) + more)
        self.write(DROP_IN, f"[Service]\nRestartSec=1\nExecStart=\nExecStart={_PROGRAM} {options}\n{drop_in}")
        self.do("systemctl daemon-reload")

    def close(self) -> None:
        """End systemd and everything that it has started."""
        self._outer.kill()
        self._outer.wait()
        # The kernel may need a moment to end the last processes.
        wait_for("the end of all processes", self._has_left_cgroup)

    def _has_left_cgroup(self) -> bool:
        """Remove the cgroup, and those that systemd has created in it; return whether all are removed."""
        try:
            for folder, _, _ in os.walk(self._cgroup, topdown=False):
                Path(folder).rmdir()
        except OSError as error:
            if error.errno == errno.EBUSY:
                return False
            raise
        return True

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
        inside = ["nsenter", "--target", str(self._pid), "--all", "env", "-i", f"PATH={PATH}"]
        return subprocess.run([*inside, "sh", "-ec", line], capture_output=True, text=True, check=False)


class Section:
    """
    The instructions in a section of docs/systemd.md.

    Attributes:
        drop_in: The lines to add with `systemctl edit`.
        commands: The commands, without sudo and without `systemctl edit`.
    """

    def __init__(self, page: str, heading: str) -> None:
        _, _, rest = page.partition(f"\n## {heading}\n")
        text = rest.partition("\n## ")[0]
        (self.drop_in,) = re.findall(r"^```ini\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        shell = "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
        commands = [line.replace("sudo ", "") for line in shell.splitlines()]
        self.commands = [line for line in commands if not line.startswith("systemctl edit ")]


def cgroup(mounts: str, own: str) -> Path:
    """Return the folder of a process's cgroup (v2), from the contents of /proc/PID/mounts and of /proc/PID/cgroup."""
    points = re.findall(r"^\S+ (\S+) cgroup2 ", mounts, re.MULTILINE)
    assert points, "no cgroup2 is mounted"
    (path,) = re.findall(r"^0::/(.*)$", own, re.MULTILINE)
    return Path(points[0], path)


def wait_for(what: str, is_so: Callable[[], bool], patience_s: float = _PATIENCE_S) -> None:
    """Wait until the condition holds; raise an AssertionError after `patience_s` seconds."""
    until = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < until, f"waited {patience_s:.0f} s for {what}"
        time.sleep(0.2)


def exposure_of(system: Systemd, unit: str) -> float:
    """Return and print the exposure of a unit that `systemd-analyze security` reports."""
    report = system.do(f"systemd-analyze security --no-pager {unit}.service")
    (line,) = re.findall(r"Overall exposure level for .*", report)
    print(f"    {line}")
    return float(line.split(": ")[1].split()[0])


@contextlib.contextmanager
def booted(machine: Machine) -> Iterator[Systemd]:
    """Boot the machine, and stop it after the block."""
    system = Systemd(machine)
    try:
        yield system
    except AssertionError as failure:
        log = system.run(f"journalctl --no-pager --lines 60 --unit {UNIT}").stdout
        raise AssertionError(f"{failure}\n{log}") from failure
    finally:
        system.close()
