"""Tests of the plans: which steps an installation and a removal have, and what prevents them."""

from pathlib import Path

import pytest

from ble_exporter.cli.service.place import Program
from ble_exporter.cli.service.plan import (
    CONFIG,
    INSTALLED,
    LOGS,
    UNIT_FILE,
    USER,
    Plan,
    installation,
    removal,
    unit_text,
)
from ble_exporter.config.app_config import load_config
from ble_exporter.errors import ConfigError
from tests.cli.service.conftest import PROGRAM, FakeMachine
from tests.conftest import HERE
from tests.service.house import text_of
from tests.test_contrib import systemd_unit

CONTRIB = HERE.parent / "contrib"
SYSUSERS = "/etc/sysusers.d/ble_exporter.conf"


def planned(
    machine: FakeMachine, config: Path | None = None, *, may_replace: bool = False, program: Program = PROGRAM
) -> Plan:
    """Return the plan of an installation."""
    return installation(machine, program, str(config) if config else None, may_replace=may_replace)


def take(plan: Plan, machine: FakeMachine) -> None:
    """Take all steps of a plan."""
    assert [] == plan.problems
    for step in plan.steps:
        step.do(machine)


def test_an_installation_writes_the_files_and_starts_the_service(machine: FakeMachine, home_yaml: Path) -> None:
    """`service install` replaces the commands that users would otherwise run one by one."""
    take(planned(machine, home_yaml), machine)

    assert {"ble_exporter.service", "ble_exporter-monitor.socket", "ble_exporter-monitor@.service"} == {
        Path(unit).name for unit in INSTALLED
    }
    for unit in INSTALLED:
        assert (CONTRIB / Path(unit).name).read_bytes() == machine.read(unit)
    assert (CONTRIB / "ble_exporter.sysusers").read_bytes() == machine.read(SYSUSERS)
    assert home_yaml.read_bytes() == machine.read(CONFIG)
    assert [
        "/opt/ble_exporter/venv/bin/python -I -c import ble_exporter.main",
        f"systemd-sysusers {SYSUSERS}",
        "systemctl daemon-reload",
        "systemctl enable ble_exporter",
        "systemctl restart --no-block ble_exporter-monitor.socket ble_exporter",
    ] == machine.ran


def test_without_sensors_the_service_is_not_started(machine: FakeMachine) -> None:
    """Without sensors, the service would fail, and a failed unit looks like a failed installation."""
    plan = planned(machine)
    take(plan, machine)

    assert b"devices: {}" in machine.read(CONFIG)
    assert "systemctl enable ble_exporter" == machine.ran[-1]
    assert f"sudo ble-exporter discover --write {CONFIG}" in plan.notes[0]


def test_a_second_installation_changes_no_file(machine: FakeMachine, home_yaml: Path) -> None:
    """After an upgrade, the command restarts the service, and must keep the user's configuration."""
    take(planned(machine, home_yaml), machine)
    machine.ran.clear()
    machine.write(CONFIG, home_yaml.read_text() + "# mine\n")
    plan = planned(machine)
    take(plan, machine)

    assert b"# mine" in machine.read(CONFIG)
    assert {
        *(f"keep {unit}: it is up to date" for unit in INSTALLED),
        f"keep {CONFIG}: it exists",
        f"keep {LOGS}: it exists",
    } == {str(step) for step in plan.steps if str(step).startswith("keep ")}
    assert "systemctl restart --no-block ble_exporter-monitor.socket ble_exporter" == machine.ran[-1]


def test_an_upgrade_adds_the_units_that_an_earlier_version_lacked(machine: FakeMachine, home_yaml: Path) -> None:
    """Without the helper's units, the upgraded exporter would hear only through bluetoothd."""
    machine.write(UNIT_FILE, unit_text(UNIT_FILE, PROGRAM.python))
    take(planned(machine, home_yaml), machine)

    assert all(map(machine.exists, INSTALLED))


def test_an_installed_configuration_is_never_replaced(machine: FakeMachine, home_yaml: Path) -> None:
    """The file contains the names of the user's sensors, and may be the only copy."""
    machine.write(CONFIG, "theirs")
    (problem,) = planned(machine, home_yaml, may_replace=True).problems

    assert f"{CONFIG} exists, and differs from {home_yaml}; it is never replaced" == problem.text


@pytest.mark.parametrize("unit", INSTALLED)
def test_a_unit_that_differs_is_replaced_only_on_request(machine: FakeMachine, home_yaml: Path, unit: str) -> None:
    """A user may have edited the unit; the difference shows what would be lost."""
    machine.write(unit, unit_text(unit, PROGRAM.python) + "# mine\n")
    refused = planned(machine, home_yaml)
    take(planned(machine, home_yaml, may_replace=True), machine)

    assert [f"{unit} exists and differs"] == [problem.text for problem in refused.problems]
    assert f"--replace replaces it (your own settings belong in `sudo systemctl edit {Path(unit).name}`)" == (
        refused.problems[0].hint
    )
    assert "-# mine" in refused.differences
    assert b"# mine" not in machine.read(unit)


def test_a_masked_unit_differs(machine: FakeMachine) -> None:
    """A user who has masked the unit does not want it to start."""
    machine.at(UNIT_FILE).parent.mkdir(parents=True)
    machine.at(UNIT_FILE).symlink_to("/dev/null")

    assert "exists and differs" in planned(machine).problems[0].text


def test_the_unit_of_a_package_stays_the_only_one(machine: FakeMachine) -> None:
    """A unit in /etc would override the package's unit, and remain after the package is removed."""
    machine.write("/usr/lib/systemd/system/ble_exporter.service", "")

    assert "a package has installed the service" in planned(machine).problems[0].text
    assert "a package has installed the service" in removal(machine, is_purge=True).problems[0].text


def test_a_removal_without_systemd_is_refused_only_if_something_is_installed(machine: FakeMachine) -> None:
    """A script that cleans up a container must not fail; if a unit is left, the user needs a way to remove it."""
    machine.at("/run/systemd/system").rmdir()
    assert [] == removal(machine, is_purge=True).problems

    machine.write(CONFIG, "")
    assert [] == removal(machine, is_purge=False).problems

    machine.write(UNIT_FILE, "")
    [problem] = removal(machine, is_purge=False).problems
    assert "systemd does not run" in problem.text
    assert "delete the files yourself" in problem.hint


def test_a_machine_without_systemd_is_refused(machine: FakeMachine) -> None:
    """Without systemd, for example in a container, nothing would start the service."""
    machine.at("/run/systemd/system").rmdir()

    assert "systemd does not run on this machine" in planned(machine).problems[0].text


def test_a_missing_command_is_named(machine: FakeMachine) -> None:
    """A missing command must be reported before anything is changed."""
    machine.missing = {"systemd-sysusers"}

    assert ["systemd-sysusers is missing"] == [problem.text for problem in planned(machine).problems]


def test_a_program_that_the_service_can_not_read_is_refused(machine: FakeMachine) -> None:
    """The program's place is checked first; if the service can't read it, the interpreter is not even started."""
    program = PROGRAM._replace(needs=(Path("/root/venv"),))

    assert "hides /root" in planned(machine, program=program).problems[0].text
    assert [] == machine.ran


def test_a_program_that_is_not_installed_is_refused(machine: FakeMachine) -> None:
    """A program that is not installed runs only in the folder of its checkout."""
    machine.fails = "import ble_exporter.main"

    assert "does not have the program" in planned(machine).problems[0].text


def test_a_file_that_is_no_configuration_is_refused(machine: FakeMachine, tmp_path: Path) -> None:
    """The service would not start with this file, and the error must name it."""
    broken = tmp_path / "broken.yaml"
    broken.write_text("devices: 1\n")

    with pytest.raises(ConfigError, match=f"{broken}"):
        planned(machine, broken)


def test_a_damaged_file_is_refused_even_if_it_has_a_backup(machine: FakeMachine, tmp_path: Path) -> None:
    """The service would read the backup, but the installation would copy the damaged file alone."""
    damaged = tmp_path / "home.yaml"
    (tmp_path / "home.yaml.before-discover-x1").write_text(text_of({"A4:C1:38:00:00:01": "kitchen"}))
    damaged.write_bytes(b"listen_port: 80\0\0")
    assert load_config(str(damaged)).backup

    with pytest.raises(ConfigError):
        planned(machine, damaged)


def test_a_key_that_is_not_copied_delays_the_start(machine: FakeMachine, tmp_path: Path) -> None:
    """A relative bindkey_file is found beside the old configuration, but not beside the new one."""
    (tmp_path / "cellar.key").write_text("00112233445566778899aabbccddeeff")
    config = tmp_path / "home.yaml"
    config.write_text(
        "scan_interval_seconds: 30\nscan_duration_seconds: 30\nlisten_port: 8000\n"
        'devices: {"A4:C1:38:00:00:01": {name: cellar, bindkey_file: cellar.key}}\n'
    )
    plan = planned(machine, config)
    take(plan, machine)

    assert "bindkey_file" in plan.notes[0]
    assert "systemctl enable ble_exporter" == machine.ran[-1]
    # The installed configuration may name a credential, which only the service can read.
    assert "systemctl restart" in str(planned(machine).steps[-1])


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("ble_exporter.service", "-m ble_exporter.main --config"),
        ("ble_exporter-monitor@.service", "-I -m ble_exporter.monitor_channel.helper"),
    ],
)
def test_a_unit_starts_the_program_that_has_written_it(name: str, command: str) -> None:
    """The program need not be in /opt/ble_exporter, for example after `pipx install --global`."""
    assert f"\nExecStart=/opt/pipx/venvs/x/bin/python {command}" in unit_text(name, "/opt/pipx/venvs/x/bin/python")
    assert (CONTRIB / name).read_text("utf-8") == unit_text(name, PROGRAM.python)


def test_the_plan_suits_the_unit() -> None:
    """The unit refers to the user, the log folder and the configuration that the plan creates."""
    service = systemd_unit()["Service"]

    assert (USER, f"-{LOGS}", CONFIG) == (
        service["User"],
        service["ReadWritePaths"],
        service["ExecStart"].split()[-1],
    )
    assert LOGS.startswith(service["WorkingDirectory"])
    assert f"u {USER} " in (CONTRIB / "ble_exporter.sysusers").read_text("utf-8")


def install_and_use(machine: FakeMachine, home_yaml: Path) -> None:
    """Install the service; then write a file of the service, and an override by the user."""
    take(planned(machine, home_yaml), machine)
    machine.ran.clear()
    machine.add_user()
    machine.write("/var/lib/ble_exporter/replay_state.json", "{}")
    machine.write(f"{UNIT_FILE}.d/override.conf", "")


def test_a_removal_keeps_what_the_user_and_the_service_have_written(machine: FakeMachine, home_yaml: Path) -> None:
    """A deleted configuration is lost, and the files of a deleted user can fall to a later user with the same UID."""
    install_and_use(machine, home_yaml)
    plan = removal(machine, is_purge=False)
    take(plan, machine)

    assert [
        "systemctl disable --now ble_exporter.service ble_exporter-monitor.socket",
        "systemctl daemon-reload",
    ] == machine.ran
    assert [] == [path for path in (*INSTALLED, SYSUSERS) if machine.exists(path)]
    kept = (CONFIG, LOGS, "/var/lib/ble_exporter/replay_state.json", f"{UNIT_FILE}.d/override.conf")
    assert all(map(machine.exists, kept))
    assert "keep the user ble: it may still own files; --purge removes it and these files" in map(str, plan.steps)


def test_a_purge_removes_everything_but_the_program(machine: FakeMachine, home_yaml: Path) -> None:
    """A user who asks for a purge wants the machine as it was before the installation of the service."""
    install_and_use(machine, home_yaml)
    machine.write("/opt/ble_exporter/venv/bin/python", "")
    take(removal(machine, is_purge=True), machine)

    left = {str(path.relative_to(machine.root)) for path in machine.root.rglob("*") if path.is_file()}
    assert {"opt/ble_exporter/venv/bin/python"} == left
    assert "userdel ble" == machine.ran[-1]


@pytest.mark.parametrize("point", ["/var/lib/ble_exporter", "/var/lib/ble_exporter/old\\040state"])
def test_nothing_of_another_disk_is_purged(machine: FakeMachine, home_yaml: Path, point: str) -> None:
    """A mounted disk may hold other people's files, and a purge could not remove its mount point."""
    install_and_use(machine, home_yaml)
    machine.write("/proc/self/mountinfo", f"36 35 8:1 / {point} rw,noatime shared:1 - ext4 /dev/sda1 rw\n")

    [problem] = removal(machine, is_purge=True).problems
    assert "/var/lib/ble_exporter can't be removed, because a file system is mounted in it" == problem.text
    assert f"sudo umount {point}" in problem.hint
    assert [] == removal(machine, is_purge=False).problems


def test_a_link_to_another_disk_is_purged(machine: FakeMachine, home_yaml: Path) -> None:
    """Only the link is removed, even if a file system is mounted at its target or at a path with a similar name."""
    install_and_use(machine, home_yaml)
    machine.at("/var/lib/ble_exporter").rename(machine.at("/srv"))
    machine.at("/var/lib/ble_exporter").symlink_to("/srv")
    points = ("/", "/srv", "/var/lib", "/var/lib/ble_exporter2")
    machine.write("/proc/self/mountinfo", "".join(f"36 35 8:1 / {point} rw - ext4 /dev/sda1 rw\n" for point in points))
    take(removal(machine, is_purge=True), machine)

    assert (False, True) == (machine.exists("/var/lib/ble_exporter"), machine.exists("/srv/replay_state.json"))


def test_the_units_beside_the_service_go_with_it(machine: FakeMachine) -> None:
    """A socket left behind would keep the port open, and a recovery unit left behind would never be started."""
    names = ("ble_exporter.service", "ble_exporter.socket", "ble_exporter-recover.service")
    for name in names:
        machine.write(f"/etc/systemd/system/{name}", "")
    take(removal(machine, is_purge=False), machine)

    assert f"systemctl disable --now {' '.join(names)}" == machine.ran[0]
    assert [] == list(machine.at("/etc/systemd/system").iterdir())


def test_a_template_that_is_left_is_removed(machine: FakeMachine) -> None:
    """`systemctl` refuses to stop a template, so the template must only be removed."""
    machine.write("/etc/systemd/system/ble_exporter-monitor@.service", "")
    take(removal(machine, is_purge=False), machine)

    assert ["systemctl daemon-reload"] == machine.ran


def test_the_overrides_of_the_other_units_go_too(machine: FakeMachine) -> None:
    """A forgotten override of the socket would change the port of a later installation."""
    machine.write("/etc/systemd/system/ble_exporter.socket.d/override.conf", "")
    take(removal(machine, is_purge=True), machine)

    assert [] == list(machine.at("/etc/systemd/system").iterdir())


def test_a_service_without_its_file_is_stopped_first(machine: FakeMachine) -> None:
    """If only the file is gone, the running service would save its state again, and its user could not be removed."""
    machine.add_user()
    machine.write("/run/systemd/units/invocation:ble_exporter.service", "")
    machine.write("/var/lib/ble_exporter/replay_state.json", "{}")
    take(removal(machine, is_purge=True), machine)

    assert ["systemctl stop ble_exporter.service", "userdel ble"] == machine.ran


def test_the_account_of_a_person_stays(machine: FakeMachine) -> None:
    """If a person's account is named ble, systemd-sysusers creates no user, and a purge must not delete the account."""
    machine.add_user(uid=1000)
    take(removal(machine, is_purge=True), machine)

    assert [] == machine.ran


@pytest.mark.parametrize(
    ("uid", "home", "shell", "sign"),
    [
        (1000, "/home/ble", "/bin/bash", "its number is 1000, but services have numbers up to 999"),
        (65534, "/", "/usr/sbin/nologin", "its number is 65534"),
        (0, "/root", "/bin/bash", "it is root"),
        (990, "/home/ble", "/bin/bash", "somebody may use it, with the shell /bin/bash and the home /home/ble"),
    ],
)
def test_the_account_of_a_person_does_not_become_that_of_the_service(
    machine: FakeMachine, uid: int, home: str, shell: str, sign: str
) -> None:
    """With a person's account, the service would have that person's rights, and that person could read all keys."""
    machine.add_user(uid, home, shell)
    machine.at(home).mkdir(parents=True, exist_ok=True)

    [problem] = planned(machine).problems
    assert f"the account {USER} is not one of a service: {sign}" in problem.text
    assert "rename it (sudo usermod --login NAME ble)" in problem.hint


@pytest.mark.parametrize("shell", ["/bin/sh", "/usr/sbin/nologin", ""])
def test_a_user_that_was_created_by_hand_is_accepted(machine: FakeMachine, home_yaml: Path, shell: str) -> None:
    """`useradd --system --no-create-home ble` gives a shell and a home that does not exist, but no way to log in."""
    machine.add_user(home="/home/ble", shell=shell)

    assert [] == planned(machine, home_yaml).problems


def test_there_may_be_nothing_to_remove(machine: FakeMachine) -> None:
    """Repeating the command must not be an error."""
    plan = removal(machine, is_purge=True)

    assert ([], [], "nothing is installed") == (plan.steps, plan.problems, plan.notes[0])
