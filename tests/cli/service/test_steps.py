"""Tests of the steps: what they change, and what they never change."""

import os
import stat
from pathlib import Path

import pytest

from ble_exporter.cli.service.steps import Keep, Machine, MakeFolder, Remove, Run, WriteFile
from ble_exporter.errors import ExporterError
from tests.cli.service.conftest import FakeMachine


def test_a_file_gets_its_mode_and_owner_whatever_the_umask_is(machine: FakeMachine) -> None:
    """Root may have a umask of 077, but the service must reach its files. A file with keys must stay private."""
    before = os.umask(0o077)
    try:
        WriteFile("/etc/x/config.yaml", b"a: 1\n", 0o640, "ble").do(machine)
    finally:
        os.umask(before)

    folder, file = machine.at("/etc/x"), machine.at("/etc/x/config.yaml")
    assert ("a: 1\n", 0o640, 0o755) == (
        file.read_text(),
        stat.S_IMODE(file.stat().st_mode),
        stat.S_IMODE(folder.stat().st_mode),
    )
    assert {"etc/x/.config.yaml.new": "root:ble"} == machine.given
    assert [file] == list(folder.iterdir())


def test_a_file_that_appeared_meanwhile_is_not_replaced(machine: FakeMachine) -> None:
    """Between the plan and the step, somebody may have written a configuration."""
    machine.write("/etc/config.yaml", "theirs")

    with pytest.raises(FileExistsError):
        WriteFile("/etc/config.yaml", b"ours").do(machine)

    assert ["theirs"] == [path.read_text() for path in machine.at("/etc").iterdir()]


def test_a_link_is_replaced_itself(machine: FakeMachine) -> None:
    """A masked unit is a link to /dev/null, which must not be written to."""
    machine.write("/etc/other", "theirs")
    machine.at("/etc/unit").symlink_to(machine.at("/etc/other"))

    WriteFile("/etc/unit", b"ours", may_replace=True).do(machine)

    assert ("theirs", "ours", False) == (
        machine.at("/etc/other").read_text(),
        machine.at("/etc/unit").read_text(),
        machine.at("/etc/unit").is_symlink(),
    )


def test_the_content_of_a_copy_is_not_shown() -> None:
    """A configuration may contain bindkeys, and the output of a preview is often pasted elsewhere."""
    copy = WriteFile("/etc/config.yaml", b"bindkey: 0011", 0o640, "ble", "home.yaml")

    assert ("write /etc/config.yaml as a copy of home.yaml (root:ble, mode 640)", []) == (str(copy), copy.preview())
    assert ["a", "b"] == WriteFile("/etc/unit", b"a\nb\n").preview()


def test_a_folder_belongs_to_its_user(machine: FakeMachine) -> None:
    """The service writes its log into the folder."""
    MakeFolder("/opt/x/logs", "ble").do(machine)

    assert {"opt/x/.logs.new": "ble:root"} == machine.given
    assert [machine.at("/opt/x/logs")] == list(machine.at("/opt/x").iterdir())


def test_a_folder_that_can_not_be_given_away_is_not_left(machine: FakeMachine) -> None:
    """The next installation would keep a folder that belongs to root, into which the service can't write its log."""
    machine.at("/opt/x/.logs.new").mkdir(parents=True)

    with pytest.raises(KeyError, match="no-such-user"):
        MakeFolder("/opt/x/logs", "no-such-user").do(Machine(machine.root))

    assert [] == list(machine.at("/opt/x").iterdir())


def test_a_link_to_a_folder_is_removed_without_the_folder(machine: FakeMachine) -> None:
    """The folder of the state may be a link to another disk, which may contain other people's files."""
    machine.write("/srv/state/file", "theirs")
    machine.at("/var").symlink_to(machine.at("/srv/state"))

    Remove("/var").do(machine)

    assert (False, True) == (machine.exists("/var"), machine.exists("/srv/state/file"))


def test_what_is_removed_may_be_gone_already(machine: FakeMachine) -> None:
    """An administrator must be able to repeat a removal that failed halfway."""
    machine.write("/srv/state/file", "ours")

    Remove("/srv/state").do(machine)
    Remove("/srv/state").do(machine)
    Keep("/srv", "it exists").do(machine)

    assert not machine.exists("/srv/state")


def test_the_output_of_a_failed_command_is_in_the_error() -> None:
    """Without the command's output, nobody can tell what failed."""
    with pytest.raises(ExporterError, match=r"^sh -c 'echo no >&2; exit 3': exit status 3: no$"):
        Run(("sh", "-c", "echo no >&2; exit 3")).do(Machine())


def test_a_missing_command_is_an_error() -> None:
    """A missing command must not cause a traceback."""
    with pytest.raises(ExporterError, match="no-such-command"):
        Machine().run("no-such-command")


def test_a_machine_knows_its_users_commands_and_files(tmp_path: Path) -> None:
    """The plan depends on the users, commands and files of the machine."""
    machine = Machine(tmp_path)
    (tmp_path / "link").symlink_to("nowhere")

    root = machine.account("root")
    assert (True, None) == (root is not None and root.pw_uid == 0, machine.account("no-such-user"))
    assert (True, False) == (machine.has_command("sh"), machine.has_command("no-such-command"))
    assert (True, False) == (machine.exists("/link"), machine.exists("/file"))
    assert (os.geteuid() == 0) == machine.is_root()


def test_the_mounts_of_a_folder_are_found_by_its_real_path(machine: FakeMachine) -> None:
    """If /var is a link to another disk, the kernel lists a mount below /var under the target of the link."""
    machine.write("/data/lib/x/file", "ours")
    machine.at("/var").symlink_to(machine.at("/data"))
    assert [] == machine.mounts_in("/var/lib/x")

    machine.write("/proc/self/mountinfo", "36 35 8:1 / /data/lib/x rw - ext4 /dev/sda1 rw\n")
    assert ["/data/lib/x"] == machine.mounts_in("/var/lib/x")
    assert "/proc" in Machine().mounts_in("/proc")


def test_only_regular_files_are_read(machine: FakeMachine) -> None:
    """Another user's link must not make root read the link's target."""
    machine.write("/etc/file", "x")
    machine.at("/etc/link").symlink_to(machine.at("/etc/file"))

    assert b"x" == machine.read("/etc/file")
    with pytest.raises(OSError, match="it is a link, not a file"):
        machine.read("/etc/link")


def test_a_file_is_given_to_its_user(tmp_path: Path) -> None:
    """An unknown user must not be mistaken for root."""
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(KeyError, match="no-such-user"):
        Machine().give(file, "no-such-user", "root")
    if os.geteuid() == 0:
        Machine().give(file, "nobody", "root")
        assert "nobody" == file.owner()
