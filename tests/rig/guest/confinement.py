"""
Run a program with the user, the capabilities, the namespaces and the system-call filter of its systemd unit.

The guest has no systemd, so a first process, as root, reads the unit, and uses setpriv to become a second one with the
unit's user and capabilities. The second process loads the filter, and runs the module of the unit's ExecStart=.

This applies User=, CapabilityBoundingSet=, AmbientCapabilities=, NoNewPrivileges=, PrivateUsers=, SystemCallFilter= and
RestrictAddressFamilies= and, on request, PrivateNetwork=. `make test-systemd` tests the settings that hide files and
devices, such as ProtectSystem=.
"""

from __future__ import annotations

import ctypes
import errno
import os
import pwd
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

CONTRIB = Path(__file__).resolve().parents[3] / "contrib"
INSIDE = "RIG_CONFINED"
"""The environment variable with the module, the allowed system calls and address families, for the second process."""
DYNAMIC_USER = "61184"
"""The first number that systemd gives to a user of DynamicUser=."""
LIBRARY = "libseccomp.so.2"
ALLOW, ERROR = 0x7FFF0000, 0x00050000
"""SCMP_ACT_ALLOW, and SCMP_ACT_ERRNO without its number, of seccomp.h."""
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_BLUETOOTH": 31}
EQUAL = 4
"""SCMP_CMP_EQ of seccomp.h."""
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


class Comparison(ctypes.Structure):
    """struct scmp_arg_cmp of seccomp.h."""

    _fields_ = (("argument", ctypes.c_uint), ("how", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


class Unit:
    """A unit of contrib/."""

    def __init__(self, name: str) -> None:
        self._lines = (CONTRIB / name).read_text(encoding="utf-8").splitlines()

    def values(self, name: str) -> list[str]:
        """Return the values of a directive of the unit, in order."""
        return [line.partition("=")[2] for line in self._lines if line.startswith(f"{name}=")]

    def value(self, name: str) -> str:
        """Return the last value of a directive, or an empty string."""
        return (self.values(name) or [""])[-1]

    def command(self) -> list[str]:
        """Return the command that takes the unit's user and capabilities, without the program at its end."""
        user, ambient, bounding = map(self.value, ("User", "AmbientCapabilities", "CapabilityBoundingSet"))
        ambient, bounding = (
            ",".join(["-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in names.split())])
            for names in (ambient, bounding)
        )
        # The groups of a named user are set already, because a user namespace has no other groups.
        whose = ["--reuid", user, "--keep-groups"] if user else ["--reuid", DYNAMIC_USER, "--regid", DYNAMIC_USER]
        return [
            "setpriv", *whose, *([] if user else ["--clear-groups"]), "--no-new-privs",
            "--bounding-set", bounding, "--inh-caps", ambient, "--ambient-caps", ambient,
        ]  # fmt: skip

    def environment(self) -> Mapping[str, str]:
        """Return the environment of the second process."""
        words = self.value("ExecStart").split()
        module, calls = words[words.index("-m") + 1], " ".join(sorted(allowed_calls(self)))
        return {**os.environ, INSIDE: f"{module};{calls};{self.value('RestrictAddressFamilies')}"}


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


def allowed_calls(unit: Unit) -> set[str]:
    """Return the system calls that a unit allows; systemd adds those of @default to every list."""
    groups = system_call_groups()

    def members(group: str) -> set[str]:
        plain = {word for word in groups[group] if not word.startswith("@")}
        return plain.union(*(members(word) for word in groups[group] if word.startswith("@")))

    allowed = members("@default")
    for value in unit.values("SystemCallFilter"):
        chosen = set().union(*(members(group) for group in value.removeprefix("~").split()))
        allowed = allowed - chosen if value.startswith("~") else allowed | chosen
    return allowed


def load_filter(calls: list[str], families: list[str]) -> None:
    """From now on, refuse all other system calls with EPERM, and sockets of other families with EAFNOSUPPORT."""
    library = ctypes.CDLL(LIBRARY)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ERROR | errno.EPERM))
    for call in calls:
        number = library.seccomp_syscall_resolve_name(call.encode())
        # Negative numbers stand for system calls of other processors.
        if number >= 0 and call != "socket":
            _check(library.seccomp_rule_add_array(context, ALLOW, number, 0, None))
    number = library.seccomp_syscall_resolve_name(b"socket")
    # Some builds of Python do not know AF_BLUETOOTH.
    for family, value in FAMILIES.items():
        action = ALLOW if family in families else ERROR | errno.EAFNOSUPPORT
        is_family = Comparison(0, EQUAL, value, 0)
        _check(library.seccomp_rule_add_array(context, action, number, 1, ctypes.byref(is_family)))
    _check(library.seccomp_load(context))


def _check(result: int) -> None:
    if result:
        raise OSError(-result, os.strerror(-result))


def prepare_machine() -> None:
    """Create the user of the service, and let every user run this interpreter."""
    subprocess.run(["systemd-sysusers", str(CONTRIB / "ble_exporter.sysusers")], check=True, stdout=subprocess.DEVNULL)
    # A developer's interpreter may be in root's home directory, which only root can enter.
    for folder in Path(sys.base_prefix).parents:
        folder.chmod(folder.stat().st_mode | 0o001)


def take_groups(user: str) -> None:
    """Take the groups of a user."""
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)


def leave_namespaces(user: str, *, network: bool) -> None:
    """
    Enter a user namespace that has only root and a user, as with PrivateUsers=yes.

    With `network`, also enter a new network namespace.

    Only a process outside of a new user namespace can map several users into it.
    """
    entry = pwd.getpwnam(user)
    library, mine = ctypes.CDLL(None, use_errno=True), os.getpid()
    is_in, note = os.pipe()
    helper = os.fork()
    if not helper:
        os.close(note)
        os.read(is_in, 1)
        for name, number in (("uid_map", entry.pw_uid), ("gid_map", entry.pw_gid)):
            Path(f"/proc/{mine}/{name}").write_text(f"0 0 1\n{number} {number} 1\n")
        os._exit(0)
    for flag in (CLONE_NEWNET, CLONE_NEWUSER) if network else (CLONE_NEWUSER,):
        if library.unshare(flag):
            raise OSError(ctypes.get_errno(), "unshare")
    os.close(is_in)
    os.close(note)
    assert 0 == os.waitpid(helper, 0)[1], "the user namespace has no users"


def run_confined(unit_name: str, program: str, *arguments: str, network: bool = True) -> None:
    """
    In the first process, become the second one; in the second process, run the unit's module.

    Args:
        unit_name: The unit.
        program: The name of the module that has called this function, which the second process runs again.
        arguments: Further arguments of the unit's module.
        network: Whether the program is in the machine's network.
    """
    if INSIDE in os.environ:
        run_module()
    prepare_machine()
    unit = Unit(unit_name)
    environment, user = unit.environment(), unit.value("User")
    take_groups(user)
    if unit.value("PrivateUsers") == "yes":
        leave_namespaces(user, network=not network)
    command = [*unit.command(), sys.executable, "-m", program, *sys.argv[1:], *arguments]
    os.execvpe(command[0], command, environment)  # noqa: S606 - the command is complete


def run_module() -> NoReturn:
    """In the second process, load the filter, and run the unit's module; write the rights to standard error first."""
    module, calls, families = os.environ[INSIDE].split(";")
    load_filter(calls.split(), families.split())
    sys.stderr.write(Path("/proc/self/status").read_text())
    sys.stderr.flush()
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit()
