"""
Tests the Debian package on a fresh Debian 12 under a real systemd: `make test-deb`.

The package is built there as a user builds it, checked by lintian, and then installed, upgraded, removed and purged.
"""

from __future__ import annotations

import re
from pathlib import Path

from fresh import newer
from fresh.debian import HOME, NEWER, Machine, step
from fresh.monitor import it_answers
from fresh.systemd import CONFIGURATION, UNIT, Systemd, booted, wait_for

BUILDS = ["git", "make", "python3-venv", "lintian"]
RUNS = ["systemd-sysv", "dbus", "iproute2", "libgcc-s1", "libstdc++6"]
"""The packages that the checks and the package depend on. Once systemd has booted, the machine has no network."""

_NEXT = "9.9.0"
_CONFIG = Path("etc/ble_exporter/config.yaml")
_DROP_IN = Path("etc/systemd/system/ble_exporter.service.d/test.conf")
_MOCK = (
    "[Service]\nRestartSec=1\nExecStart=\n"
    "ExecStart=/usr/bin/ble-exporter --config /etc/ble_exporter/config.yaml --mock\n"
)
_OWN = CONFIGURATION.format(name='"cellar"')
_APT = "DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes --no-install-recommends"
_KEEP = "-o Dpkg::Options::=--force-confold"


def inside(project: Path, folder: Path) -> None:
    """Set up the new machine, build the package on it, and check it. Raises an AssertionError on a failure."""
    machine = Machine(folder)
    with step(f"Debian 12 with {' '.join(BUILDS + RUNS)}"):
        machine.install(BUILDS + RUNS)
    # A build that did not keep to the locks would install these releases, which do nothing.
    (folder / NEWER.strip("/")).mkdir()
    newer.release_all(project, folder / NEWER.strip("/"))
    with step("make deb, twice"):
        _build(machine, project)
    with step("lintian"):
        print(machine.do("lintian --fail-on error,warning /srv/first.deb", "/srv"))
    # Until now, this script has kept Debian's packages from starting services.
    (folder / "usr/sbin/policy-rc.d").unlink()
    with step("systemd boots"), booted(machine) as system:
        for one in CHECKS:
            with step((one.__doc__ or "").strip().rstrip(".")):
                one(system)


def _build(machine: Machine, project: Path) -> None:
    """Build the package, build it again elsewhere to compare, and build a newer version with another configuration."""
    for name in ("first", "again", "next"):
        machine.clone(project, f"{HOME}/{name}")
    machine.do("make deb", f"{HOME}/first")
    machine.do("umask 077; TZ=Asia/Tokyo make deb", f"{HOME}/again")
    machine.do(f"cmp {HOME}/first/dist/*.deb {HOME}/again/dist/*.deb")
    machine.do(
        rf"""sed -i 's/^NUMBER = .*/NUMBER = "{_NEXT}"/' ble_exporter/__init__.py; """
        rf"""sed -i 's/^version = .*/version = "{_NEXT}"/' pyproject.toml; """
        "echo '# The next version.' >> contrib/deb/files/config.yaml; make deb",
        f"{HOME}/next",
    )
    for name in ("first", "next"):
        machine.do(f"install -m 644 {HOME}/{name}/dist/*.deb /srv/{name}.deb", user="root")


def it_is_installed_and_started(system: Systemd) -> None:
    """The installation starts the service, which has readings; only root and the service can read its configuration."""
    system.write(_DROP_IN, _MOCK)
    _install(system, "first")
    wait_for("the start", lambda: system.show("ActiveState") == "active", 120)
    assert system.show("UnitFileState") == "enabled"
    wait_for("readings", lambda: 'ble_sensor_temperature_celsius{device="living_room"}' in system.metrics(), 120)
    assert system.do(f"stat --format '%a %U %G' /{_CONFIG}") == "640 root ble\n"
    assert "bluetooth" in system.do("id --name --groups ble").split()
    it_answers(system)


def it_is_upgraded(system: Systemd) -> None:
    """An upgrade keeps a changed configuration, and restarts the service, which then runs the newer version."""
    system.write(_CONFIG, _OWN, 0o640)
    system.do(f"systemctl reload {UNIT}")
    wait_for("the new name", lambda: '{device="cellar"}' in system.metrics())
    before, pid = _version(system), system.show("MainPID")
    _install(system, "next")
    wait_for("the newer version", lambda: _version(system) == _NEXT, 120)
    assert before != _NEXT
    assert pid != system.show("MainPID")
    assert system.do(f"cat /{_CONFIG}") == _OWN
    assert "The next version." in system.do(f"cat /{_CONFIG}.dpkg-dist")
    assert system.do("ble-exporter --version") == f"ble-exporter {_NEXT}\n"


def it_is_removed(system: Systemd) -> None:
    """Removing the package stops the service and removes its files below /usr; configuration and state stay."""
    system.do("touch /var/lib/ble_exporter/replay_state.json")
    system.do(f"{_APT} remove ble-exporter")
    assert system.show("ActiveState") == "inactive"
    assert system.do(f"cat /{_CONFIG}") == _OWN
    system.do("test -e /var/lib/ble_exporter/replay_state.json")
    assert system.do("find /usr -iname '*ble[-_]exporter*'") == ""


def it_warns_of_a_unit_that_hides_its_own(system: Systemd) -> None:
    """If a unit installed by hand hides the package's own, the installation names a command that removes that unit."""
    system.write(Path(f"etc/systemd/system/{UNIT}.service"), "[Service]\nExecStart=/bin/sleep 1000\n")
    output = _install(system, "next")
    (way_out,) = re.findall(r"(?m)^  (sudo rm .*)$", output)
    assert system.show("FragmentPath").startswith("/etc/")
    system.do(way_out.replace("sudo ", ""))
    assert system.show("FragmentPath").endswith(f"/lib/systemd/system/{UNIT}.service")
    wait_for("readings", lambda: 'ble_sensor_temperature_celsius{device="cellar"}' in system.metrics(), 120)


def it_is_purged(system: Systemd) -> None:
    """Purging the package removes its configuration and state, but no other files in the same folders."""
    kept = ["/etc/ble_exporter/cellar.key", "/var/lib/ble_exporter/mine", f"/{_DROP_IN}"]
    system.do(f"touch {' '.join(kept)}")
    system.do(f"{_APT} purge ble-exporter")
    found = system.do("find /etc /usr /var/lib/ble_exporter /var/log -ipath '*ble[-_]exporter*' ! -type d")
    assert sorted(found.split()) == sorted(kept)
    assert system.show("LoadState") in {"not-found", "bad-setting"}  # only the drop-in is left


def _install(system: Systemd, name: str) -> str:
    done = system.run(f"{_APT} {_KEEP} install /srv/{name}.deb")
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stderr + done.stdout


def _version(system: Systemd) -> str:
    found = re.findall(r'^ble_exporter_build_info\{.*version="([^"]*)"', system.metrics(), re.MULTILINE)
    return str(found[0]) if found else ""


CHECKS = (
    it_is_installed_and_started,
    it_is_upgraded,
    it_is_removed,
    it_warns_of_a_unit_that_hides_its_own,
    it_is_purged,
)
