"""The checks of `doctor` for the machine: the user, the log file, the clock."""

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from itertools import zip_longest
from pathlib import Path

from ble_exporter.cli.doctor.check import GROUP, CheckContext, CheckResult, bluetooth_group, own_name
from ble_exporter.cli.shell import command_line, quoted
from ble_exporter.logger import BACKUPS, MAX_BYTES, STANDARD_ERROR
from ble_exporter.system.port import LISTEN_OPTION

_UNIT = "etc/systemd/system/ble_exporter.service"
_SYNCHRONIZED = "run/systemd/timesync/synchronized"
_SERVICE_USER = "ble"
_MAKE_SPACE = "sudo journalctl --vacuum-size=50M"

# The month in which this check was written: a clock that shows an earlier time is wrong.
_NOT_BEFORE = datetime(2026, 11, 1, tzinfo=timezone.utc).timestamp()


def check_user(context: CheckContext) -> Iterator[CheckResult]:
    """Check that the user database contains this user, and that the service runs as the same user."""
    uid = os.geteuid()
    name = own_name()
    group = bluetooth_group()
    service = _installed_service(context.root)
    if name == str(uid):
        # In a container the group may not exist, and then useradd would fail with the option --groups.
        group_option = f" --groups {GROUP}" if group else ""
        command = f"sudo useradd --system --no-create-home --uid {uid}{group_option} {_SERVICE_USER}"
        yield CheckResult("fail", f"user: {uid} is not in the user database, so dbus-daemon refuses this user", command)
    elif service and service[0] != name:
        user, command = service
        text = f"user: the checks apply to {name}, but the service runs as {user}, whose rights may differ"
        yield CheckResult("warn", text, command)
    else:
        membership = ""
        if group and uid != 0:
            is_member = group.gr_gid in (os.getegid(), *os.getgroups())
            membership = f", {'' if is_member else 'not '}in the group {GROUP}"
        yield CheckResult("ok", f"user: {name}{membership}")


def _installed_service(root: Path) -> tuple[str, str] | None:
    """Return the user of the systemd unit, and a command to run `doctor` as that user; None if there is no unit."""
    try:
        unit = (root / _UNIT).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    settings: dict[str, str] = dict(re.findall(r"^(\w+)=(.*)$", unit, re.MULTILINE))
    user, folder, start = (settings.get(name, "").strip() for name in ("User", "WorkingDirectory", "ExecStart"))
    user, program, *rest = user or "root", *(start.split() or [sys.executable])
    arguments = command_line("doctor", *_options_of_both(rest))
    cd = f"cd {quoted(folder)} && " if folder else ""
    return user, f"{cd}sudo -u {quoted(user)} {quoted(program)} -m ble_exporter {arguments}"


def _options_of_both(arguments: Sequence[str]) -> Iterator[str]:
    """Yield those arguments of the service that `doctor` also accepts."""
    for option, value in zip_longest(arguments, arguments[1:], fillvalue=""):
        name, equals, _ = option.partition("=")
        if name in ("--config", "--config.file", LISTEN_OPTION):
            yield from [option] if equals else [option, value]


def check_log(context: CheckContext) -> Iterator[CheckResult]:
    """Check that this user can write the log file and, for log rotation, its folder, and that the disk has room."""
    file = context.valid_config.log_file
    if file == STANDARD_ERROR:
        yield CheckResult("ok", "log: standard error")
        return
    path = Path(file).absolute()
    # The log follows a link, even to a file that does not exist yet. The target of /dev/stdout may have no path.
    target = Path(os.path.realpath(path))
    path = target if os.access(target, os.F_OK) == os.access(path, os.F_OK) else path
    # Unlike os.access, Path.exists raises an error if this user can't enter a folder.
    folder = next(parent for parent in path.parents if os.access(parent, os.F_OK))
    edit = context.edit_command("log_file")
    disk = os.statvfs(folder)
    is_there = os.access(path, os.F_OK)
    is_full = not disk.f_bavail or (not is_there and disk.f_files and not disk.f_favail)
    if not folder.is_dir():
        yield CheckResult("fail", f"log: {folder} is a file, so {path} can't be created", edit)
    elif disk.f_flag & os.ST_RDONLY:
        text = f'log: {folder} is on a read-only file system; set log_file to "-" for standard error'
        yield CheckResult("fail", text, edit)
    elif not os.access(path if is_there else folder, os.W_OK):
        owner, parent = quoted(own_name()), quoted(str(path.parent))
        command = f"sudo chown -R {owner} {parent}" if folder == path.parent else f"sudo install -d -o {owner} {parent}"
        yield CheckResult("fail", f"log: {path} can't be written by {own_name()}", command)
    elif path.is_dir():
        yield CheckResult("fail", f"log: {path} is a folder; log_file must name a file", edit)
    elif is_full:
        yield CheckResult("fail", f"log: the disk of {folder} is full", _MAKE_SPACE)
    elif not os.access(folder, os.W_OK | os.X_OK) and path.is_file():
        text = f"log: {folder} can't be written by {own_name()}, so a full log is not rotated, but loses its older half"
        yield CheckResult("warn", text, f"sudo chown {quoted(own_name())} {quoted(str(folder))}")
    elif disk.f_bavail * disk.f_frsize < MAX_BYTES * (BACKUPS + 1):
        text = f"log: less than {MAX_BYTES * (BACKUPS + 1) // 1_000_000} MB are free on the disk of {folder}"
        yield CheckResult("warn", text, _MAKE_SPACE)
    else:
        yield CheckResult("ok", f"log: {path} can be written")


def check_clock(context: CheckContext) -> Iterator[CheckResult]:
    """Check that the time is plausible, and synchronized: the clock of most Raspberry Pis stops while they are off."""
    now = context.clock()
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    command = "sudo timedatectl set-ntp true"
    installed_at = Path(__file__).stat().st_mtime
    if now < max(_NOT_BEFORE, installed_at):
        event = "written" if now < _NOT_BEFORE else "installed here"
        text = f"clock: {shown} is before this program was {event}: timestamps and alerts on their age will be wrong"
        yield CheckResult("warn", text, command)
        return
    # timedatectl asks the kernel, so its answer also covers services other than systemd-timesyncd.
    timedatectl = ("timedatectl", "show", "--property=NTPSynchronized", "--value")
    answer = "yes" if (context.root / _SYNCHRONIZED).exists() else context.output_of(*timedatectl)
    if answer == "no":
        yield CheckResult("warn", f"clock: {shown}, not synchronized: it may be wrong", command)
    else:
        state = ", synchronized" if answer == "yes" else "; unknown whether it is synchronized"
        yield CheckResult("ok", f"clock: {shown}{state}")
