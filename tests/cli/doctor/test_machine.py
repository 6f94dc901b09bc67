"""Tests of the checks of the user, the log and the clock."""

import grp
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from ble_exporter.cli.doctor import machine as checks
from ble_exporter.cli.doctor.check import CheckContext, CheckResult
from ble_exporter.config.app_config import load_config
from tests.cli.conftest import Write
from tests.conftest import HERE

ME = pwd.getpwuid(os.geteuid()).pw_name
RIGHT = "2027-01-15 08:00:00 UTC"


def installed(context: CheckContext, unit: str) -> None:
    """Install a systemd unit on the checked machine."""
    folder = context.root / "etc/systemd/system"
    folder.mkdir(parents=True)
    (folder / "ble_exporter.service").write_text(unit)


def test_the_user_is_named(context: CheckContext) -> None:
    """The results depend on the rights of the user who runs `doctor`."""
    (result,) = checks.check_user(context)

    assert "ok" == result.level
    assert result.text.startswith(f"user: {ME}")


@pytest.mark.parametrize(
    ("group", "words"), [(4_000_000, ", not in the group bluetooth"), (0, ", in the group bluetooth")]
)
def test_membership_in_the_group_is_shown(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch, group: int, words: str
) -> None:
    """On some distributions only root and the members of the group bluetooth may talk to bluetoothd."""
    monkeypatch.setattr(os, "geteuid", lambda: pwd.getpwnam("nobody").pw_uid)
    monkeypatch.setattr(os, "getgroups", lambda: [0])
    monkeypatch.setattr(grp, "getgrnam", lambda _name: grp.struct_group(("bluetooth", "x", group, [])))

    assert [CheckResult("ok", f"user: nobody{words}")] == list(checks.check_user(context))


def test_the_group_may_be_missing(context: CheckContext, no_group: Callable[[], None]) -> None:
    """Some distributions have no group bluetooth, which must not cause an error."""
    no_group()

    assert [CheckResult("ok", f"user: {ME}")] == list(checks.check_user(context))


def test_another_user_of_the_service_is_a_warning(context: CheckContext) -> None:
    """The service's user may be in other groups, so the report needs the command that runs `doctor` as that user."""
    unit = (HERE.parent / "contrib/ble_exporter.service").read_text(encoding="utf-8")
    installed(context, unit)

    text = f"user: the checks apply to {ME}, but the service runs as ble, whose rights may differ"
    command = (
        "cd /opt/ble_exporter && sudo -u ble /opt/ble_exporter/venv/bin/python -m ble_exporter doctor "
        "--config /etc/ble_exporter/config.yaml"
    )
    assert [CheckResult("warn", text, command)] == list(checks.check_user(context))


def test_the_command_has_the_options_that_doctor_shares_with_the_service(context: CheckContext) -> None:
    """Without these options, `doctor` would not check the file and the ports that the service uses."""
    options = "--config.file=/etc/x.yaml --web.listen-address :9265 --log.format=json --web.listen-address=[::1]:9266"
    installed(context, f"[Service]\nUser=ble\nExecStart=/x/ble-exporter {options}\n")
    (result,) = checks.check_user(context)

    assert result.command.endswith(
        "doctor --config.file=/etc/x.yaml --web.listen-address :9265 '--web.listen-address=[::1]:9266'"
    )


def test_running_as_the_user_of_the_service_is_not_a_warning(context: CheckContext) -> None:
    """If the unit names the user who runs `doctor`, the results apply to the service."""
    installed(context, f"[Service]\nUser={ME}\n")
    (result,) = checks.check_user(context)

    assert "ok" == result.level


def test_a_user_without_an_entry_in_the_database_is_added(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch, no_group: Callable[[], None]
) -> None:
    """dbus-daemon silently refuses a user who is not in the database. useradd would fail if the group were missing."""
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    monkeypatch.setattr(grp, "getgrnam", lambda _name: grp.struct_group(("bluetooth", "x", 109, [])))

    text = "user: 4000000 is not in the user database, so dbus-daemon refuses this user"
    command = "sudo useradd --system --no-create-home --uid 4000000 --groups bluetooth ble"
    assert [CheckResult("fail", text, command)] == list(checks.check_user(context))
    no_group()
    assert [CheckResult("fail", text, command.replace(" --groups bluetooth", ""))] == list(checks.check_user(context))


def log_of(context: CheckContext, write: Write, log_file: object) -> CheckResult:
    """Check this log file; return the result."""
    context.config = load_config(str(write(log_file=log_file)))
    (result,) = checks.check_log(context)
    return result


def test_checking_a_writable_log_does_not_write_it(context: CheckContext, write: Write, tmp_path: Path) -> None:
    """A check must change nothing, so it must not create the log or its folder."""
    path = tmp_path / "a/b/x.log"

    assert CheckResult("ok", f"log: {path} can be written") == log_of(context, write, path)
    assert not (tmp_path / "a").exists()
    assert CheckResult("ok", "log: standard error") == log_of(context, write, '"-"')


def test_a_log_path_blocked_by_a_file_or_folder_is_a_failure(
    context: CheckContext, write: Write, tmp_path: Path
) -> None:
    """The log can't be created there, so the user must correct the configuration."""
    (tmp_path / "file").touch()
    below = log_of(context, write, tmp_path / "file/x.log")
    folder = log_of(context, write, tmp_path)

    assert f"log: {tmp_path}/file is a file, so {tmp_path}/file/x.log can't be created" == below.text
    assert f"log: {tmp_path} is a folder; log_file must name a file" == folder.text
    assert [f"nano +5 {tmp_path}/config.yaml"] * 2 == [below.command, folder.command]


def test_an_unwritable_log_folder_is_made_writable(
    context: CheckContext, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing folder must be created, but an existing one only needs another owner."""
    # os.access is replaced, because root can write anywhere, and root may run this test.
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode in (os.F_OK, os.R_OK) and access(path, mode))
    there = log_of(context, write, tmp_path / "x.log")
    not_there = log_of(context, write, tmp_path / "my logs/x.log")

    assert (
        CheckResult("fail", f"log: {tmp_path}/x.log can't be written by {ME}", f"sudo chown -R {ME} {tmp_path}")
        == there
    )
    assert f"sudo install -d -o {ME} '{tmp_path}/my logs'" == not_there.command


def test_the_file_behind_a_link_is_checked(context: CheckContext, write: Write, tmp_path: Path) -> None:
    """The log is written to the target of the link, so the rights on the folder of the link do not matter."""
    (tmp_path / "x.log").symlink_to(tmp_path / "disk/real.log")

    assert f"log: {tmp_path}/disk/real.log can be written" == log_of(context, write, tmp_path / "x.log").text
    assert CheckResult("ok", "log: /dev/null can be written") == log_of(context, write, "/dev/null")


def test_a_folder_in_which_the_log_cannot_be_rotated_is_a_warning(
    context: CheckContext, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log works, but keeps fewer lines than documented."""
    (tmp_path / "x.log").touch()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and not (mode & os.X_OK))
    result = log_of(context, write, tmp_path / "x.log")

    assert ("warn", f"sudo chown {ME} {tmp_path}") == (result.level, result.command)
    assert "so a full log is not rotated, but loses its older half" in result.text


@pytest.mark.parametrize(
    ("flag", "free", "level", "text", "command"),
    [
        (os.ST_RDONLY, 10**6, "fail", "is on a read-only file system", "nano +5 "),
        (0, 0, "fail", "the disk of", "sudo journalctl --vacuum-size=50M"),
        (0, 3, "warn", "less than 4 MB are free on the disk of", "sudo journalctl --vacuum-size=50M"),
    ],
)
def test_a_full_or_read_only_disk_is_reported(
    context: CheckContext,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    *,
    flag: int,
    free: int,
    level: str,
    text: str,
    command: str,
) -> None:
    """A disk can fill up over the years, and a failing SD card often becomes read-only."""
    real = os.statvfs(context.root)
    disk = os.statvfs_result((real.f_bsize, 1, *real[2:4], free, *real[5:8], flag, *real[9:]))
    monkeypatch.setattr(os, "statvfs", lambda _path: disk)
    result = log_of(context, write, context.root / "x.log")

    assert level == result.level
    assert text in result.text
    assert result.command.startswith(command)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (0.0, "clock: 1970-01-01 00:00:00 UTC is before this program was written: timestamps"),
        (1_793_491_200.0, "clock: 2026-11-01 00:00:00 UTC is before this program was installed here: timestamps"),
    ],
)
def test_a_clock_in_the_past_is_a_warning(context: CheckContext, now: float, said: str) -> None:
    """Most Raspberry Pis have no battery-backed clock, so their time is wrong until NTP sets it."""
    context.clock = lambda: now
    (result,) = checks.check_clock(context)

    assert ("warn", "sudo timedatectl set-ntp true") == (result.level, result.command)
    assert result.text.startswith(said)


@pytest.mark.parametrize(
    ("is_there", "said", "level", "text"),
    [
        (True, None, "ok", f"clock: {RIGHT}, synchronized"),
        (False, "yes", "ok", f"clock: {RIGHT}, synchronized"),
        (False, "no", "warn", f"clock: {RIGHT}, not synchronized: it may be wrong"),
        (False, None, "ok", f"clock: {RIGHT}; unknown whether it is synchronized"),
    ],
)
def test_synchronization_of_the_clock_is_shown(
    context: CheckContext, is_there: bool, said: str | None, level: str, text: str
) -> None:
    """A wrong clock makes timestamps wrong. Only systemd-timesyncd creates the file, so timedatectl is asked, too."""
    if not is_there:
        (context.root / "run/systemd/timesync/synchronized").unlink()
    context.output_of = lambda *_command: said
    (result,) = checks.check_clock(context)

    assert (level, text) == (result.level, result.text)
