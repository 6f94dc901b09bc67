"""Tests of the options and the output of `service`."""

import stat
from pathlib import Path

import pytest

from ble_exporter.cli.service.command import main
from ble_exporter.cli.service.plan import CONFIG, UNIT_FILE
from tests.cli.service.conftest import PROGRAM, FakeMachine
from tests.program import PATIENCE_S, running


def test_without_apply_nothing_is_changed(
    machine: FakeMachine, home_yaml: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Users look before they change anything, and looking must not require root."""
    machine.is_of_root = False

    assert 0 == main(["install", "--config", str(home_yaml)], machine, PROGRAM)

    out, err = capsys.readouterr()
    assert "" == err
    assert f"would write {UNIT_FILE} (root:root, mode 644)\n    | # Installation: see" in out
    assert "would run systemctl restart --no-block ble_exporter-monitor.socket ble_exporter\n" in out
    last = f"nothing was changed; to do this: sudo ble-exporter service install --config {home_yaml} --apply"
    assert last == out.splitlines()[-1]
    assert [machine.at("/run/systemd/system")] == [path for path in machine.root.rglob("*") if not any(path.iterdir())]


def test_apply_says_what_was_done(machine: FakeMachine, home_yaml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The output documents what the command has changed as root."""
    assert 0 == main(["install", "--apply", "--config", str(home_yaml)], machine, PROGRAM)

    out = capsys.readouterr().out
    assert f"done: write {UNIT_FILE} (root:root, mode 644)\n" in out
    assert "| " not in out
    assert "`systemctl status ble_exporter`" in out.splitlines()[-1]
    assert 0o640 == stat.S_IMODE(machine.at(CONFIG).stat().st_mode)


def test_only_root_can_apply(machine: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    """Without root's rights, a step would fail in the middle, and leave half an installation."""
    machine.is_of_root = False

    assert 1 == main(["install", "--apply"], machine, PROGRAM)

    assert (
        "ble-exporter service: error: only root can do this; sudo ble-exporter service install --apply\n"
        == capsys.readouterr().err
    )
    assert not machine.exists("/etc")


@pytest.mark.parametrize("apply", [[], ["--apply"]])
def test_a_failed_check_says_that_nothing_was_changed(
    machine: FakeMachine, home_yaml: Path, apply: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The notes for a successful installation would make the user believe that the service runs."""
    machine.write(UNIT_FILE, "# mine\n")

    assert 1 == main(["install", "--config", str(home_yaml), *apply], machine, PROGRAM)

    out, err = capsys.readouterr()
    assert "-# mine\n" in out
    assert "nothing was changed" == out.splitlines()[-1]
    assert "`systemctl status ble_exporter`" not in out
    assert "exists and differs" in err


def test_all_problems_are_shown_at_once_and_nothing_is_done(
    machine: FakeMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    """A user must not have to fix one problem to learn of the next."""
    machine.at("/run/systemd/system").rmdir()
    program = PROGRAM._replace(needs=(Path("/home/pi/venv"),))

    assert 1 == main(["install", "--apply"], machine, program)

    assert 2 == len(capsys.readouterr().err.splitlines())
    assert not machine.exists("/etc")


def test_a_step_that_fails_is_named(machine: FakeMachine, home_yaml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The user must learn which steps have been taken, and which one failed."""
    machine.fails = "daemon-reload"

    assert 1 == main(["install", "--apply", "--config", str(home_yaml)], machine, PROGRAM)

    out, err = capsys.readouterr()
    assert f"done: write {UNIT_FILE}" in out
    assert "can't run systemctl daemon-reload: systemctl daemon-reload: exit status 1: no; the steps above" in err


def test_a_removal_is_shown_too(machine: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    """Users want to see what would be removed before they remove it."""
    machine.write(UNIT_FILE, "")
    machine.write(CONFIG, "")

    assert 0 == main(["uninstall"], machine)

    out = capsys.readouterr().out
    assert f"would remove {UNIT_FILE}\n" in out
    assert "would keep /etc/ble_exporter: --purge removes it\n" in out
    assert machine.exists(UNIT_FILE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: ACTION"),
        (["start"], "argument ACTION: invalid choice: 'start'"),
        (["install", "--purge"], "--purge is an option of uninstall"),
        (["uninstall", "--config", "x"], "--config and --replace are options of install"),
    ],
)
def test_wrong_usage_is_explained(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command runs as root, and must not guess what the user meant."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert 2 == ended.value.code
    assert message in capsys.readouterr().err


@pytest.mark.program
def test_the_command_is_a_command_of_the_program() -> None:
    """Without --apply, the command shows its plan on any machine."""
    with running("service", "install") as process:
        said, _ = process.communicate(timeout=PATIENCE_S)

    assert "would write /etc/sysusers.d/ble_exporter.conf" in said
    assert process.returncode in (0, 1)
