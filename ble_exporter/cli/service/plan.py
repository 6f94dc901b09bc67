"""Plans the installation and the removal of the service: the steps, and the reasons why they can't be taken."""

import difflib
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from ble_exporter.cli.service.place import DEFAULT_PYTHON, Problem, Program, problem_of
from ble_exporter.cli.service.steps import Keep, Machine, MakeFolder, Remove, Run, Step, WriteFile
from ble_exporter.config.app_config import parse_config, read_config
from ble_exporter.config.editor import NEW_FILE
from ble_exporter.errors import ConfigError, ExporterError

USER = "ble"
UNIT = "ble_exporter"
CONFIG = "/etc/ble_exporter/config.yaml"
LOGS = "/opt/ble_exporter/logs"
_HELPER, _HELPER_TEMPLATE = f"{UNIT}-monitor.socket", f"{UNIT}-monitor@.service"
_UNITS = Path("/etc/systemd/system")
UNIT_FILE = str(_UNITS / f"{UNIT}.service")
INSTALLED = tuple(str(_UNITS / name) for name in (_HELPER, _HELPER_TEMPLATE, f"{UNIT}.service"))
"""The units that an installation writes."""
UNIT_FILES = (*reversed(INSTALLED), *(str(_UNITS / name) for name in (f"{UNIT}.socket", f"{UNIT}-recover.service")))
_SYSUSERS_FILE = f"/etc/sysusers.d/{UNIT}.conf"
_PACKAGED = tuple(f"/{place}/systemd/system/{UNIT}.service" for place in ("usr/lib", "lib", "usr/local/lib"))
_USERS_OWN = (
    "/etc/ble_exporter",
    *(f"{path}.d" for path in UNIT_FILES),
    "/var/lib/ble_exporter",
    "/var/log/ble_exporter",
    "/run/ble_exporter",
    LOGS,
)
"""The files that the user and the service have written; only --purge removes them."""

# systemd-sysusers uses this limit, too.
_LAST_SYSTEM_USER = 999

# This folder has copies of files from the repository's contrib/; in a checkout, links to them.
_FOLDER = Path(__file__).parent


@dataclass
class Plan:
    """
    The plan of an installation or a removal.

    Attributes:
        problems: Why the steps can't be taken.
        steps: The steps, in order.
        notes: Information for the user, which is printed after the steps.
        differences: The lines in which an installed unit differs, if that is a problem.
    """

    problems: list[Problem]
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def unit_text(path: str, python: str) -> str:
    """Return the text of the unit that is installed at a path, with this interpreter in its commands."""
    return (_FOLDER / Path(path).name).read_text(encoding="utf-8").replace(DEFAULT_PYTHON, python)


def installation(machine: Machine, program: Program, config: str | None, *, may_replace: bool) -> Plan:
    """
    Return the plan of an installation, or of an upgrade of the service.

    Args:
        machine: The machine.
        program: The installation of the program that the service will run.
        config: The file to install as the configuration; if None, one without sensors is installed. An installed
            configuration is never changed.
        may_replace: Whether to replace an installed unit that differs.

    Raises a ConfigError if the file can't be used as a configuration.
    """
    hint = "start `ble-exporter --config FILE` with the init system of this machine"
    plan = Plan(_systemd_problems(machine, hint) + _package_problems(machine))
    if sign := _sign_of_another(machine):
        way = f"rename it (sudo usermod --login NAME {USER}) or, if nobody needs it, remove it (sudo userdel {USER})"
        plan.problems.append(Problem(f"the account {USER} is not one of a service: {sign}", way))
    _check_program(plan, machine, program)
    users = (_FOLDER / "ble_exporter.sysusers").read_bytes()
    plan.steps += [
        WriteFile(_SYSUSERS_FILE, users, may_replace=True),
        Run(("systemd-sysusers", _SYSUSERS_FILE)),
    ]
    obstacle = _add_config(plan, machine, config)
    plan.steps.append(Keep(LOGS, "it exists") if machine.exists(LOGS) else MakeFolder(LOGS, USER))
    for path in INSTALLED:
        _add_unit(plan, machine, path, unit_text(path, program.python).encode(), may_replace=may_replace)
    plan.steps += [Run(("systemctl", "daemon-reload")), Run(("systemctl", "enable", UNIT))]
    if obstacle:
        plan.notes.append(f"the service is not started: {obstacle}")
        plan.notes.append(f"afterwards: sudo systemctl restart {UNIT}")
    else:
        # Without --no-block, systemctl would wait for Bluetooth, perhaps for hours.
        plan.steps.append(Run(("systemctl", "restart", "--no-block", _HELPER, UNIT)))
        plan.notes.append(f"`systemctl status {UNIT}` shows whether sensors are heard, `journalctl -u {UNIT}` the log")
    return plan


def removal(machine: Machine, *, is_purge: bool) -> Plan:
    """Return the plan of a removal; with `is_purge`, the user, the configuration, state and logs are removed, too."""
    plan = Plan(_package_problems(machine))
    units = [path for path in UNIT_FILES if machine.exists(path)]
    if units:
        # A template can't be stopped; its instances end by themselves.
        names = [name for name in (Path(path).name for path in units) if name != _HELPER_TEMPLATE]
        plan.steps += [
            *([Run(("systemctl", "disable", "--now", *names))] if names else []),
            *map(Remove, units),
            Run(("systemctl", "daemon-reload")),
        ]
    # systemd keeps a link `invocation:NAME` for each active unit, even if the unit's file has been deleted.
    active = [path for path in UNIT_FILES if machine.exists(f"/run/systemd/units/invocation:{Path(path).name}")]
    if alone := [Path(path).name for path in active if path not in units]:
        plan.steps.append(Run(("systemctl", "stop", *alone)))
    if machine.exists(_SYSUSERS_FILE):
        plan.steps.append(Remove(_SYSUSERS_FILE))
    for path in filter(machine.exists, _USERS_OWN):
        plan.steps.append(Remove(path) if is_purge else Keep(path, "--purge removes it"))
        if is_purge and (mounts := machine.mounts_in(path)):
            # The mounted file system may have other people's files, and its mount point can't be removed.
            way = f"unmount it (sudo umount {mounts[-1]}), also in /etc/fstab; its files stay on the disk"
            plan.problems.append(Problem(f"{path} can't be removed, because a file system is mounted in it", way))
    if machine.account(USER):
        plan.steps.append(_removal_of_the_user(machine, is_purge=is_purge))
    if not plan.steps:
        plan.notes.append("nothing is installed")
    plan.notes.append("the program itself is not removed: docs/upgrade.md, Uninstall")
    if any(not isinstance(step, Keep) for step in plan.steps):
        hint = "start this machine with systemd, or delete the files yourself: docs/upgrade.md, What the program writes"
        plan.problems += _systemd_problems(machine, hint)
    return plan


def _removal_of_the_user(machine: Machine, *, is_purge: bool) -> Step:
    # If this user were removed, another user could get the same user id, and would then own the remaining files.
    if sign := _sign_of_another(machine):
        return Keep(f"the user {USER}", f"it was not created for the service: {sign}")
    if is_purge:
        return Run(("userdel", USER))
    return Keep(f"the user {USER}", "it may still own files; --purge removes it and these files")


def _sign_of_another(machine: Machine) -> str:
    """Return why the account named USER can't be the service's own; an empty string if it may be."""
    account = machine.account(USER)
    if account is None:
        return ""
    if account.pw_uid == 0:
        return "it is root"
    if account.pw_uid > _LAST_SYSTEM_USER:
        return f"its number is {account.pw_uid}, but services have numbers up to {_LAST_SYSTEM_USER}"
    # Without a home, the account is one of `useradd --system`, which gives it a shell, but no way to log in.
    is_usable = PurePath(account.pw_shell).name not in ("nologin", "false", "")
    if is_usable and account.pw_dir.startswith("/home/") and machine.exists(account.pw_dir):
        return f"somebody may use it, with the shell {account.pw_shell} and the home {account.pw_dir}"
    return ""


def _systemd_problems(machine: Machine, hint: str) -> list[Problem]:
    """Return which parts of systemd are missing; `hint` is the way out if the machine was not started with systemd."""
    if not machine.exists("/run/systemd/system"):
        return [Problem("systemd does not run on this machine (/run/systemd/system is missing)", hint)]
    return [
        Problem(f"{name} is missing", "install systemd, which contains it")
        for name in ("systemctl", "systemd-sysusers")
        if not machine.has_command(name)
    ]


def _package_problems(machine: Machine) -> list[Problem]:
    unit = next(filter(machine.exists, _PACKAGED), None)
    hint = "use it, or remove the package"
    return [Problem(f"a package has installed the service ({unit})", hint)] if unit else []


def _check_program(plan: Plan, machine: Machine, program: Program) -> None:
    problem = problem_of(program)
    if problem is None:
        try:
            # Isolated, the interpreter sees neither the current folder nor the packages of this user.
            machine.run(program.python, "-I", "-c", "import ble_exporter.main")
        except ExporterError as error:
            hint = "install the program with pip; the service can't run it from a checkout"
            problem = Problem(f"{program.python} does not have the program ({error})", hint)
    if problem is not None:
        plan.problems.append(problem)


def _add_config(plan: Plan, machine: Machine, config: str | None) -> str:
    """Add the step for the configuration; return why the service can't start with it yet, or an empty string."""
    content = NEW_FILE.encode()
    if config is not None:
        # Not load_config: it would accept a damaged file that has a backup, but the damaged file would be installed.
        content = read_config(config)
        parse_config(config, content)
    if not machine.exists(CONFIG):
        plan.steps.append(WriteFile(CONFIG, content, 0o640, USER, config or ""))
        if config is None:
            return f"first list your sensors: sudo ble-exporter discover --write {CONFIG}"
        return _obstacle(content, "")
    try:
        installed = machine.read(CONFIG)
    except PermissionError:
        plan.steps.append(Keep(CONFIG, "it exists, and only root can read it"))
        return ""
    except OSError as error:
        plan.problems.append(Problem(f"{CONFIG} can't be read ({error.strerror})", "move it away"))
        return ""
    if config is not None and content != installed:
        hint = "edit that file, or leave out --config"
        plan.problems.append(Problem(f"{CONFIG} exists, and differs from {config}; it is never replaced", hint))
    plan.steps.append(Keep(CONFIG, "it exists"))
    # Outside the unit, a systemd credential can't be read.
    return _obstacle(installed, "bindkey_file")


def _obstacle(content: bytes, allowed: str) -> str:
    """Return the first error of a configuration at its final path, except for the key `allowed`; empty if none."""
    try:
        parse_config(CONFIG, content)
    except ConfigError as error:
        return next((str(part) for part in error.parts if part.key != allowed), "")
    return ""


def _add_unit(plan: Plan, machine: Machine, path: str, unit: bytes, *, may_replace: bool) -> None:
    if machine.exists(path):
        try:
            installed = machine.read(path)
        except OSError as error:
            installed = f"({error.strerror})\n".encode()
        if installed == unit:
            plan.steps.append(Keep(path, "it is up to date"))
            return
        if not may_replace:
            old, new = (text.decode(errors="replace").splitlines() for text in (installed, unit))
            plan.differences += list(difflib.unified_diff(old, new, "installed", "new", n=0, lineterm=""))
            hint = f"--replace replaces it (your own settings belong in `sudo systemctl edit {Path(path).name}`)"
            plan.problems.append(Problem(f"{path} exists and differs", hint))
    plan.steps.append(WriteFile(path, unit, may_replace=may_replace))
