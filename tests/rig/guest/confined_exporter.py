"""
Run the exporter unchanged, with the user, the capabilities and the system-call filter of its systemd unit.

    python -m rig.guest.confined_exporter --config …

The guest has no systemd, so a first process, as root, reads the unit, and uses setpriv to start a second one with the
unit's user and capabilities. The second process loads the filter, and runs the exporter.

This applies the unit's User=, CapabilityBoundingSet=, AmbientCapabilities=, NoNewPrivileges=, SystemCallFilter= and
RestrictAddressFamilies=. `make test-systemd` tests the settings that hide files and devices, such as ProtectSystem=.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path

UNIT = Path(__file__).resolve().parents[3] / "contrib" / "ble_exporter.service"
SYSUSERS = UNIT.with_suffix(".sysusers")
INSIDE = "RIG_CONFINED"
"""The environment variable with the allowed system calls and address families, for the second process."""
LIBRARY = "libseccomp.so.2"
ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM
"""SCMP_ACT_ERRNO of seccomp.h."""
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_BLUETOOTH": 31}
EQUAL = 4
"""SCMP_CMP_EQ of seccomp.h."""


class Comparison(ctypes.Structure):
    """struct scmp_arg_cmp of seccomp.h."""

    _fields_ = (("argument", ctypes.c_uint), ("how", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def directives(name: str) -> list[str]:
    """Return the values of a directive of the unit, in order."""
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


def system_call_groups() -> dict[str, set[str]]:
    """Return the members of each of systemd's groups of system calls, such as @system-service."""
    # One call for all groups, because starting a program takes long in the guest.
    shown = subprocess.run(["systemd-analyze", "syscall-filter"], capture_output=True, text=True, check=True).stdout
    groups: dict[str, set[str]] = {}
    name = ""
    for line in shown.splitlines():
        if line.startswith("@"):
            name = line.strip()
        elif line.startswith("    ") and not line.strip().startswith("#"):
            groups.setdefault(name, set()).add(line.strip())
    return groups


def allowed_calls() -> set[str]:
    """Return the system calls that the unit allows; systemd adds those of @default to every list."""
    groups = system_call_groups()

    def members(group: str) -> set[str]:
        plain = {word for word in groups[group] if not word.startswith("@")}
        return plain.union(*(members(word) for word in groups[group] if word.startswith("@")))

    allowed = members("@default")
    for value in directives("SystemCallFilter"):
        chosen = set().union(*(members(group) for group in value.removeprefix("~").split()))
        allowed = allowed - chosen if value.startswith("~") else allowed | chosen
    return allowed


def load_filter(calls: list[str], families: list[str]) -> None:
    """From now on, refuse all system calls but these, and sockets of all families but these, with EPERM."""
    library = ctypes.CDLL(LIBRARY)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(REFUSE))
    for call in calls:
        number = library.seccomp_syscall_resolve_name(call.encode())
        # Negative numbers stand for system calls of other processors.
        if number >= 0 and call != "socket":
            _check(library.seccomp_rule_add_array(context, ALLOW, number, 0, None))
    number = library.seccomp_syscall_resolve_name(b"socket")
    for family in families:
        # Some builds of Python do not know AF_BLUETOOTH.
        is_family = Comparison(0, EQUAL, FAMILIES[family], 0)
        _check(library.seccomp_rule_add_array(context, ALLOW, number, 1, ctypes.byref(is_family)))
    _check(library.seccomp_load(context))


def _check(result: int) -> None:
    if result:
        raise OSError(-result, os.strerror(-result))


def start_confined() -> None:
    """Replace this process with the second one."""
    subprocess.run(["systemd-sysusers", str(SYSUSERS)], check=True, stdout=subprocess.DEVNULL)
    # A developer's interpreter may be in root's home directory, which only root can enter.
    for folder in Path(sys.base_prefix).parents:
        folder.chmod(folder.stat().st_mode | 0o001)
    (user,), (bounding,), (ambient,) = map(directives, ("User", "CapabilityBoundingSet", "AmbientCapabilities"))
    ambient, bounding = (f"-all,+{name.removeprefix('CAP_').lower()}" for name in (ambient, bounding))
    environment = {
        **os.environ,
        INSIDE: f"{' '.join(sorted(allowed_calls()))};{directives('RestrictAddressFamilies')[0]}",
    }
    privileges = [
        "--reuid", user, "--regid", user, "--init-groups", "--no-new-privs",
        "--bounding-set", bounding, "--inh-caps", ambient, "--ambient-caps", ambient,
    ]  # fmt: skip
    command = ["setpriv", *privileges, sys.executable, "-m", __spec__.name, *sys.argv[1:]]
    os.execvpe(command[0], command, environment)  # noqa: S606 - the command is complete


def main() -> int:
    """Run the exporter; return its exit status."""
    if INSIDE not in os.environ:
        start_confined()
    # Imported late, because scenarios import this module only for its name.
    from ble_exporter.main import main as exporter

    calls, _, families = os.environ[INSIDE].partition(";")
    load_filter(calls.split(), families.split())
    return exporter()


if __name__ == "__main__":
    sys.exit(main())
