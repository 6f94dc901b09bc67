"""The user, the log, and the clock, judged."""

import grp
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from ble_exporter.cli.doctor import machine as checks
from ble_exporter.cli.doctor.check import Examination, Finding
from ble_exporter.config.app_config import load_config
from tests.cli.conftest import Write
from tests.conftest import HERE

ME = pwd.getpwuid(os.geteuid()).pw_name
RIGHT = "2027-01-15 08:00:00 UTC"


def installed(examination: Examination, unit: str) -> None:
    """Install a systemd unit on the examined machine."""
    folder = examination.root / "etc/systemd/system"
    folder.mkdir(parents=True)
    (folder / "ble_exporter.service").write_text(unit)


def test_the_user_is_named(examination: Examination) -> None:
    """What he may is what was looked at."""
    (finding,) = checks.user(examination)

    assert finding.level == "ok"
    assert finding.text.startswith(f"user: {ME}")


@pytest.mark.parametrize(
    ("group", "words"), [(4_000_000, ", not in the group bluetooth"), (0, ", in the group bluetooth")]
)
def test_whether_he_is_in_the_group_is_told(
    examination: Examination, monkeypatch: pytest.MonkeyPatch, group: int, words: str
) -> None:
    """On some distributions only it may talk to bluetoothd; root may anyway."""
    monkeypatch.setattr(os, "geteuid", lambda: pwd.getpwnam("nobody").pw_uid)
    monkeypatch.setattr(os, "getgroups", lambda: [0])
    monkeypatch.setattr(grp, "getgrnam", lambda _name: grp.struct_group(("bluetooth", "x", group, [])))

    assert [Finding("ok", f"user: nobody{words}")] == list(checks.user(examination))


def test_there_may_be_no_such_group(examination: Examination, no_group: Callable[[], None]) -> None:
    """Not every distribution has it."""
    no_group()

    assert [Finding("ok", f"user: {ME}")] == list(checks.user(examination))


def test_the_rights_of_the_service_s_user_are_for_him_to_try(examination: Examination) -> None:
    """He has another log folder, and other groups; the command is that of the unit as it is installed."""
    unit = (HERE.parent / "contrib/ble_exporter.service").read_text(encoding="utf-8")
    installed(examination, unit)

    text = f"user: this looks with the rights of {ME}, but the service runs as ble, who may have others"
    command = (
        "cd /opt/ble_exporter && sudo -u ble /opt/ble_exporter/venv/bin/python -m ble_exporter doctor "
        "--config /etc/ble_exporter/config.yaml"
    )
    assert [Finding("warn", text, command)] == list(checks.user(examination))


def test_the_service_s_own_user_is_no_stranger(examination: Examination) -> None:
    """And a unit may say little."""
    installed(examination, f"[Service]\nUser={ME}\n")
    (finding,) = checks.user(examination)

    assert finding.level == "ok"


def test_a_user_that_nobody_knows_is_made_known(
    examination: Examination, monkeypatch: pytest.MonkeyPatch, no_group: Callable[[], None]
) -> None:
    """As in a container, or with DynamicUser: dbus-daemon drops him without a word. useradd knows no unknown group."""
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    monkeypatch.setattr(grp, "getgrnam", lambda _name: grp.struct_group(("bluetooth", "x", 109, [])))

    text = "user: 4000000 is in no user database, and dbus-daemon does not let it in"
    remedy = "sudo useradd --system --no-create-home --uid 4000000 --groups bluetooth ble"
    assert [Finding("fail", text, remedy)] == list(checks.user(examination))
    no_group()
    assert [Finding("fail", text, remedy.replace(" --groups bluetooth", ""))] == list(checks.user(examination))


def log_of(examination: Examination, write: Write, log_file: object) -> Finding:
    """Judge a log file."""
    examination.config = load_config(str(write(log_file=log_file)))
    (finding,) = checks.log(examination)
    return finding


def test_a_log_that_can_be_written_is_not_written(examination: Examination, write: Write, tmp_path: Path) -> None:
    """Nothing is changed, not even its folder made."""
    path = tmp_path / "a/b/x.log"

    assert Finding("ok", f"log: {path} can be written") == log_of(examination, write, path)
    assert not (tmp_path / "a").exists()
    assert Finding("ok", "log: goes to standard error") == log_of(examination, write, '"-"')


def test_what_is_in_the_way_of_the_log(examination: Examination, write: Write, tmp_path: Path) -> None:
    """The configuration names something else than a file."""
    (tmp_path / "file").touch()
    below = log_of(examination, write, tmp_path / "file/x.log")
    folder = log_of(examination, write, tmp_path)

    assert f"log: {tmp_path}/file is a file, in the way of the log file {tmp_path}/file/x.log" == below.text
    assert f"log: {tmp_path} is a folder: log_file names a file" == folder.text
    assert [f"nano +5 {tmp_path}/config.yaml"] * 2 == [below.remedy, folder.remedy]


def test_a_folder_that_this_user_may_not_write(
    examination: Examination, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To make the folder is another command than to give it away. Root may write anywhere, so the answer is ours."""
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode in (os.F_OK, os.R_OK) and access(path, mode))
    there = log_of(examination, write, tmp_path / "x.log")
    not_there = log_of(examination, write, tmp_path / "my logs/x.log")

    assert Finding("fail", f"log: {tmp_path}/x.log can't be written by {ME}", f"sudo chown -R {ME} {tmp_path}") == there
    assert f"sudo install -d -o {ME} '{tmp_path}/my logs'" == not_there.remedy


@pytest.mark.parametrize(
    ("flag", "free", "level", "text", "remedy"),
    [
        (os.ST_RDONLY, 10**6, "fail", "is on a file system that is read-only", "nano +5 "),
        (0, 3, "warn", "less than 4 MB are free on the disk of", "sudo journalctl --vacuum-size=50M"),
    ],
)
def test_a_disk_that_takes_nothing(
    examination: Examination,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    *,
    flag: int,
    free: int,
    level: str,
    text: str,
    remedy: str,
) -> None:
    """SD cards turn read-only when they die, and fill up before."""
    real = os.statvfs(examination.root)
    disk = os.statvfs_result((real.f_bsize, 1, *real[2:4], free, *real[5:8], flag, *real[9:]))
    monkeypatch.setattr(os, "statvfs", lambda _path: disk)
    finding = log_of(examination, write, examination.root / "x.log")

    assert level == finding.level
    assert text in finding.text
    assert finding.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (0.0, "clock: 1970-01-01 00:00:00 UTC is before when this program was written: the times"),
        (1_793_491_200.0, "clock: 2026-11-01 00:00:00 UTC is before when it was installed here: the times"),
    ],
)
def test_a_clock_in_the_past_is_a_warning(examination: Examination, now: float, said: str) -> None:
    """A Pi has no clock that runs while it is off."""
    examination.clock = lambda: now
    (finding,) = checks.clock(examination)

    assert ("warn", "sudo timedatectl set-ntp true") == (finding.level, finding.remedy)
    assert finding.text.startswith(said)


@pytest.mark.parametrize(
    ("is_there", "said", "level", "text"),
    [
        (True, None, "ok", f"clock: {RIGHT}, kept right from the network"),
        (False, "yes", "ok", f"clock: {RIGHT}, kept right from the network"),
        (False, "no", "warn", f"clock: {RIGHT}, not kept right from the network: it may be wrong"),
        (False, None, "ok", f"clock: {RIGHT}; whether it is kept right can't be told"),
    ],
)
def test_who_keeps_the_clock_right(
    examination: Examination, is_there: bool, said: str | None, level: str, text: str
) -> None:
    """systemd-timesyncd leaves a file; of others timedatectl knows."""
    if not is_there:
        (examination.root / "run/systemd/timesync/synchronized").unlink()
    examination.output_of = lambda *_command: said
    (finding,) = checks.clock(examination)

    assert (level, text) == (finding.level, finding.text)
