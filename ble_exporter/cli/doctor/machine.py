"""The checks of `doctor` on the machine: who asks, the log, the clock."""

import grp
import os
import re
import shlex
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from ble_exporter.cli.doctor.check import Examination, Finding, user_name
from ble_exporter.logger import BACKUPS, MAX_BYTES, STANDARD_ERROR

_UNIT = "etc/systemd/system/ble_exporter.service"
_SYNCHRONIZED = "run/systemd/timesync/synchronized"
_GROUP = "bluetooth"
_SERVICE_USER = "ble"

# When this was written: no clock that shows less is right.
_NOT_BEFORE = datetime(2026, 11, 1, tzinfo=timezone.utc).timestamp()


def user(examination: Examination) -> Iterator[Finding]:
    """Who asks; what the service's user may is for him to try."""
    uid = os.geteuid()
    name = user_name(uid)
    service = _service_of(examination.root)
    if name is None:
        yield Finding(
            "fail",
            f"user: {uid} is in no user database, and dbus-daemon does not let it in",
            f"sudo useradd --system --no-create-home --uid {uid}{_group_option()} {_SERVICE_USER}",
        )
    elif service is not None and service.user != name:
        yield Finding(
            "warn",
            f"user: this looks with the rights of {name}, but the service runs as {service.user}, who may have others",
            service.doctor,
        )
    else:
        yield Finding("ok", f"user: {name}{_group_words(uid)}")


def _group_option() -> str:
    try:
        grp.getgrnam(_GROUP)
    except KeyError:
        # As in a container; useradd would make no user then.
        return ""
    return f" --groups {_GROUP}"


def _group_words(uid: int) -> str:
    try:
        group = grp.getgrnam(_GROUP).gr_gid
    except KeyError:
        return ""
    if uid == 0:
        return ""
    return f", {'' if group in (os.getegid(), *os.getgroups()) else 'not '}in the group {_GROUP}"


class _Service(NamedTuple):
    """As whom systemd runs the exporter, and the command that looks with the rights of that user."""

    user: str
    doctor: str


def _service_of(root: Path) -> _Service | None:
    try:
        unit = (root / _UNIT).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    user, folder, start = (_setting(unit, name) for name in ("User", "WorkingDirectory", "ExecStart"))
    user, program, *rest = user or "root", *(start.split() or [sys.executable])
    arguments = shlex.join(["doctor", *rest[rest.index("--config") :][:2]] if "--config" in rest else ["doctor"])
    where = f"cd {shlex.quote(folder)} && " if folder else ""
    return _Service(user, f"{where}sudo -u {shlex.quote(user)} {shlex.quote(program)} -m ble_exporter {arguments}")


def _setting(unit: str, name: str) -> str:
    found = re.search(rf"^{name}=(.*)$", unit, re.MULTILINE)
    return found[1].strip() if found else ""


def log(examination: Examination) -> Iterator[Finding]:
    """Whether this user can write the log file, and turn it over: for that its folder must be writable."""
    file = examination.sound_config.log_file
    if file == STANDARD_ERROR:
        yield Finding("ok", "log: goes to standard error")
        return
    path = Path(file).absolute()
    # Not Path.exists, which raises where a folder is closed.
    folder = next(parent for parent in path.parents if os.access(parent, os.F_OK))
    me = user_name(os.geteuid()) or str(os.geteuid())
    if not folder.is_dir():
        yield Finding(
            "fail", f"log: {folder} is a file, in the way of the log file {path}", examination.edit("log_file")
        )
    elif os.statvfs(folder).f_flag & os.ST_RDONLY:
        yield Finding(
            "fail",
            f'log: {folder} is on a file system that is read-only: set log_file to "-", which is standard error',
            examination.edit("log_file"),
        )
    elif not os.access(folder, os.W_OK | os.X_OK) or (os.access(path, os.F_OK) and not os.access(path, os.W_OK)):
        owner, quoted = shlex.quote(me), shlex.quote(str(path.parent))
        remedy = f"sudo chown -R {owner} {quoted}" if folder == path.parent else f"sudo install -d -o {owner} {quoted}"
        yield Finding("fail", f"log: {path} can't be written by {me}", remedy)
    elif path.is_dir():
        yield Finding("fail", f"log: {path} is a folder: log_file names a file", examination.edit("log_file"))
    elif _free_bytes(folder) < MAX_BYTES * (BACKUPS + 1):
        full = f"log: less than {MAX_BYTES * (BACKUPS + 1) // 1_000_000} MB are free on the disk of {folder}"
        yield Finding("warn", full, "sudo journalctl --vacuum-size=50M")
    else:
        yield Finding("ok", f"log: {path} can be written")


def _free_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def clock(examination: Examination) -> Iterator[Finding]:
    """Whether the clock can be right: a Pi has none that runs while it is off."""
    now = examination.clock()
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    remedy = "sudo timedatectl set-ntp true"
    installed_at = Path(__file__).stat().st_mtime
    if now < max(_NOT_BEFORE, installed_at):
        since = "when this program was written" if now < _NOT_BEFORE else "when it was installed here"
        yield Finding(
            "warn",
            f"clock: {shown} is before {since}: the times of the readings will be wrong, and alerts by age with them",
            remedy,
        )
        return
    is_synchronized = _is_synchronized(examination)
    if is_synchronized is None:
        yield Finding("ok", f"clock: {shown}; whether it is kept right can't be told")
    elif is_synchronized:
        yield Finding("ok", f"clock: {shown}, kept right from the network")
    else:
        yield Finding("warn", f"clock: {shown}, not kept right from the network: it may be wrong", remedy)


def _is_synchronized(examination: Examination) -> bool | None:
    if (examination.root / _SYNCHRONIZED).exists():
        return True
    # Of other services than systemd's own timedatectl knows, from the kernel.
    said = examination.output_of("timedatectl", "show", "--property=NTPSynchronized", "--value")
    return {"yes": True, "no": False}.get(said or "")
