"""Signals during start, run and stop of the process."""

import re
import signal
import urllib.request
from pathlib import Path

import pytest

from tests.program import PATIENCE_S, running, write_config

pytestmark = pytest.mark.program

RELOADED = "INFO reloaded the configuration: 2 devices, none changed\n"


def words_of(line: str) -> str:
    """Return a log line without its time."""
    return line.split(" ", 1)[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_in_the_middle_of_a_scan(tmp_path: Path, number: signal.Signals) -> None:
    """Exit status 0 reports a clean end to systemd; no error may appear on standard error."""
    path = write_config(tmp_path, {"log_file": "-"})
    with running("--config", str(path), "--mock", "--mock-seed", "1", "--mock-strangers", "2") as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if len([heard for heard in lines if " heard " in heard]) == 2:
                break
        url = re.findall(r"serving on (\S+)", "".join(lines))[0]
        with urllib.request.urlopen(url) as response:  # noqa: S310 - our own address
            body = response.read().decode()
        process.send_signal(number)
        status = process.wait(timeout=PATIENCE_S)
        rest = process.stderr.read()

    assert 'ble_sensor_seen{device="living_room"} 1.0' in body
    assert (0, ["stopping", "stopped"]) == (status, [line.split(" ", 2)[2] for line in rest.splitlines()])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_ends_it_as_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """On a Pi the imports take most of a second: a signal during them is a normal stop, not a failure."""
    path = write_config(tmp_path, {})
    # The slowest import raises the signal.
    (tmp_path / "bleak.py").write_text(f"import os; os.kill(os.getpid(), {int(number)})")
    with running("--config", str(path), PYTHONPATH=str(tmp_path)) as process:
        _, err = process.communicate(timeout=PATIENCE_S)

    assert (0, "") == (process.returncode, err)


def test_a_second_signal_changes_nothing(tmp_path: Path) -> None:
    """A user may press Ctrl-C again, or systemd may send a second signal."""
    path = write_config(tmp_path, {"log_file": "-"})
    with running("--config", str(path), "--mock") as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "serving on" in line)
        process.send_signal(signal.SIGINT)
        rest = []
        for line in process.stderr:
            rest.append(line.split(" ", 2)[2])
            process.send_signal(signal.SIGINT)
        status = process.wait(timeout=PATIENCE_S)

    assert (0, "stopped\n") == (status, rest[-1])


def test_a_hang_up_while_it_starts_reloads_as_soon_as_it_runs(tmp_path: Path) -> None:
    """By default, SIGHUP would end the program, and systemd would take that for a clean exit and not restart it."""
    path = write_config(tmp_path, {"log_file": "-"})
    # The slowest import raises the signal, and then imports the real module.
    (tmp_path / "bleak.py").write_text(
        f"import os, sys\nos.kill(os.getpid(), {int(signal.SIGHUP)})\n"
        f"sys.path.remove({str(tmp_path)!r})\ndel sys.modules['bleak']\nimport bleak\n"
    )
    with running("--config", str(path), "--mock", PYTHONPATH=str(tmp_path)) as process:
        assert process.stderr is not None
        reloaded = next(words_of(line) for line in process.stderr if "reloaded" in line)
        process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=PATIENCE_S)

    assert (RELOADED, 0) == (reloaded, status)


def test_a_hang_up_while_it_runs_reloads(tmp_path: Path) -> None:
    """After changing a name, an administrator sends SIGHUP, or runs `systemctl reload`, which sends it."""
    path = write_config(tmp_path, {"log_file": "-"})
    with running("--config", str(path), "--mock", "--mock-seed", "1") as process:
        assert process.stderr is not None
        lines: list[str] = []
        while not all(words in "".join(lines) for words in ("heard living_room", "serving on")):
            lines.append(process.stderr.readline())
        url = re.findall(r"serving on (\S+)", "".join(lines))[0]
        path.write_text(path.read_text().replace("living_room", "lounge"))
        process.send_signal(signal.SIGHUP)
        reloaded = next(words_of(line) for line in process.stderr if "reloaded" in line)
        with urllib.request.urlopen(url) as response:  # noqa: S310 - our own address
            body = response.read().decode()
        process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=PATIENCE_S)

    assert (RELOADED.replace("none", "1"), 0) == (reloaded, status)
    assert 'ble_sensor_seen{device="lounge"} 1.0' in body
    assert "living_room" not in body


def test_a_hang_up_while_it_stops_changes_nothing(tmp_path: Path) -> None:
    """If a user closes the terminal after Ctrl-C, the program must still end cleanly."""
    path = write_config(tmp_path, {"log_file": "-"})
    with running("--config", str(path), "--mock") as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "serving on" in line)
        process.send_signal(signal.SIGTERM)
        rest = []
        for line in process.stderr:
            rest.append(words_of(line))
            process.send_signal(signal.SIGHUP)
        status = process.wait(timeout=PATIENCE_S)

    assert (0, "INFO stopped\n") == (status, rest[-1])
