"""
The README's commands and configurations work.

Each line of the README's `sh` blocks is one of four kinds: make targets, pip, the exporter's own commands, and commands
that set up a machine. The first test fails for a fifth kind. Commands that need root, systemd or the network are
compared with the files that they use; `make test-fresh` runs the installation itself.
"""

import re
import shlex
import signal
import socket
import subprocess
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ble_exporter.cli.service.command import parse
from ble_exporter.config.app_config import load_config
from ble_exporter.main import main
from tests.conftest import HERE
from tests.program import PATIENCE_S, running
from tests.test_contrib import systemd_unit

ROOT = HERE.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SENSOR = "A4:C1:38:00:00:01"
CAPTURE = f"0.0 {SENSOR} -61 fcd2 4000b00151028d0a038d11\n"

pytestmark = [pytest.mark.usefixtures("process_as_before"), pytest.mark.program]


def _blocks(language: str) -> list[str]:
    """Return the contents of the README's fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def _commands() -> list[list[str]]:
    """Return the words of each command in the `sh` blocks and in code spans, without `sudo`."""
    lines = [line for block in _blocks("sh") for line in block.splitlines()]
    lines += re.findall(r"`((?:sudo )?/opt/[^`]+|ble-exporter [a-z]+ --[^`]+|(?:sudo )?apt [^`]+)`", README)
    words = [shlex.split(command, comments=True) for line in lines for command in line.split(" && ")]
    return [command[1:] if command[0] == "sudo" else command for command in words]


COMMANDS = _commands()
MAKE = [command for command in COMMANDS if command[0] == "make"]
PIP = [command for command in COMMANDS if command[0].endswith("/bin/pip")]
EXPORTER = [command for command in COMMANDS if command[:1] == ["ble-exporter"]]
MACHINE = [command for command in COMMANDS if command[0] in ("apt", "git", "cd", "python3", "ln")]


def test_every_command_is_of_a_kind_that_is_tested() -> None:
    """A new command in the README needs a test."""
    assert [] == [command for command in COMMANDS if command not in MAKE + PIP + EXPORTER + MACHINE]
    assert all([MAKE, PIP, EXPORTER, MACHINE])


def test_it_is_short_and_begins_with_the_two_commands() -> None:
    """A visitor reads only the first screen; reference documentation belongs in docs/."""
    assert len(README.splitlines()) <= 150
    assert [["make", "demo"], ["make", "test"]] == COMMANDS[:2]
    assert README[: README.index("make test")].count("\n") < 20


@pytest.mark.parametrize("command", MAKE, ids=" ".join)
def test_make_targets_exist(command: list[str]) -> None:
    """Users copy these commands; `make -n` shows that their targets exist."""
    subprocess.run(
        [command[0], "-n", *command[1:]], cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE_S
    )


@pytest.mark.parametrize("command", PIP, ids=" ".join)
def test_pip_installs_from_a_lock_or_the_checkout(command: list[str]) -> None:
    """Pip must install from a lock with hashes or from the checkout, so that the result is the same tomorrow."""
    match command[1:]:
        case ["install", "--require-hashes", "--no-deps", "--requirement", lock]:
            pinned = re.findall(r"^[\w.-]+==\S+", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)
            hashed = re.findall(r"^[\w.-]+==.*\\\n +--hash=sha256:", (ROOT / lock).read_text("utf-8"), re.MULTILINE)
            assert 0 < len(pinned) == len(hashed)
        case ["install", "--no-deps", "."]:
            assert (ROOT / "pyproject.toml").exists()
        case rest:
            assert ["check"] == rest


def test_the_service_is_installed_with_the_configuration_of_discover() -> None:
    """Here the options are only parsed; `make test-systemd` runs the command under a real systemd."""
    (line,) = (command[1:] for command in EXPORTER if command[1] == "service" and "--config" in command)
    options = parse(line[1:])

    assert ("install", "home.yaml", True, False) == (options.action, options.config, options.apply, options.replace)


def test_the_program_is_where_the_unit_expects_it() -> None:
    """The command in the users' search path and the service must run the same program."""
    program = Path(systemd_unit()["Service"]["ExecStart"].split()[0])

    assert ["python3", "-m", "venv", str(program.parents[1])] in MACHINE
    assert ["ln", "-s", str(program.with_name("ble-exporter")), "/usr/local/bin/"] in MACHINE
    assert {str(program.with_name("pip"))} == {command[0] for command in PIP}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_find_check_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Users run these three commands after the installation; the test uses a capture and the simulated radio."""
    monkeypatch.chdir(tmp_path)
    Path("one.capture").write_text(CAPTURE, encoding="utf-8")
    discover, start, _, *others = (command[1:] for command in EXPORTER)
    doctor = next(command for command in others if command[0] == "doctor")

    assert 0 == main([*discover, "--replay", "one.capture", "--add", f"{SENSOR}=living_room"])
    written = Path("home.yaml").read_text(encoding="utf-8")
    Path("home.yaml").write_text(written.replace("listen_port: 8000", f"listen_port: {_free_port()}"), encoding="utf-8")
    assert 0 == main([*doctor, "--mock", "--seconds", "0"]), capsys.readouterr().out
    with running(*start[:-1], str(tmp_path / start[-1]), "--mock") as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "serving on" in line)
        next(line for line in process.stderr if "heard living_room" in line)
        with urllib.request.urlopen(re.findall(r"http\S+/metrics", line)[0]) as response:  # noqa: S310 - our own address
            assert 'ble_sensor_temperature_celsius{device="living_room"}' in response.read().decode()
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(timeout=PATIENCE_S)


def test_the_recommended_configuration_is_what_discover_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README and `discover` must recommend the same settings."""
    monkeypatch.chdir(tmp_path)
    Path("one.capture").write_text(CAPTURE, encoding="utf-8")
    main(["discover", "--write", "home.yaml", "--replay", "one.capture", "--add", f"{SENSOR}=living_room"])
    written = load_config("home.yaml")
    Path("readme.yaml").write_text(_blocks("yaml")[0], encoding="utf-8")
    recommended = load_config("readme.yaml")

    assert replace(written, devices={}) == replace(recommended, devices={}, keys={}, stale_after={})


def test_the_demo_has_the_recommended_configuration(tmp_path: Path) -> None:
    """With shorter scans, or values that expire sooner, the demo would show gaps, which look like bugs."""
    readme = tmp_path / "readme.yaml"
    readme.write_text(_blocks("yaml")[0], encoding="utf-8")
    recommended = load_config(str(readme))
    demo = load_config(str(ROOT / "contrib/demo.yaml"))

    assert (
        recommended.scan_interval_seconds,
        recommended.scan_duration_seconds,
        recommended.stale_after_seconds,
    ) == (demo.scan_interval_seconds, demo.scan_duration_seconds, demo.stale_after_seconds)


@pytest.mark.parametrize(("arguments", "port"), [([], 8000), (["PORT=8001"], 8001)], ids=["default", "given"])
def test_the_demo_names_the_port_on_which_it_listens(arguments: list[str], port: int) -> None:
    """If the printed address is not that of the demo, the browser opens another program's page."""
    done = subprocess.run(
        ["make", "-n", "demo", *arguments], cwd=ROOT, check=True, capture_output=True, text=True, timeout=PATIENCE_S
    )

    assert [str(port)] * 3 == re.findall(r"http://127\.0\.0\.1:(\d+)/", done.stdout)
    assert [str(port)] == re.findall(r"--web\.listen-address 127\.0\.0\.1:(\d+) ", done.stdout)


def test_prometheus_scrapes_the_port_of_the_configuration() -> None:
    """If a user copies both blocks, Prometheus must scrape the port that the exporter serves."""
    configuration, prometheus = map(yaml.safe_load, _blocks("yaml"))
    targets = prometheus["scrape_configs"][0]["static_configs"][0]["targets"]

    assert [f"raspberrypi:{configuration['listen_port']}"] == targets


def test_the_table_of_sensors_is_a_recorded_one() -> None:
    """The table must be real output of `discover`; the radio rig checks the recording against the program."""
    table = next(block for block in _blocks("") if "ADDRESS" in block).split("\n\n")[0]
    recorded = (ROOT / "docs/first-five-minutes.md").read_text(encoding="utf-8").splitlines()

    assert [] == [line for line in table.splitlines() if line not in recorded]
