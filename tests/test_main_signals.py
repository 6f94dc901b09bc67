"""Signals during start, run and stop of the process."""

import re
import signal
import urllib.request
from pathlib import Path

import pytest

from tests.program import PATIENCE_S, running, write_config

pytestmark = pytest.mark.program

HUNG_UP = "WARNING SIGHUP is ignored: a reload is not supported yet; restart to apply changes\n"


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


def test_a_hang_up_while_it_starts_is_ignored_and_logged(tmp_path: Path) -> None:
    """By default, SIGHUP would end the program, and systemd would take that for a clean exit and not restart it."""
    path = write_config(tmp_path, {"log_file": "-"})
    # The slowest import raises the signal, and then imports the real module.
    (tmp_path / "bleak.py").write_text(
        f"import os, sys\nos.kill(os.getpid(), {int(signal.SIGHUP)})\n"
        f"sys.path.remove({str(tmp_path)!r})\ndel sys.modules['bleak']\nimport bleak\n"
    )
    with running("--config", str(path), "--mock", PYTHONPATH=str(tmp_path)) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(words_of(line))
            if "serving on" in line:
                break
        process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=PATIENCE_S)

    assert (0, 1) == (status, lines.count(HUNG_UP))


def test_a_hang_up_while_it_runs_is_ignored_and_logged(tmp_path: Path) -> None:
    """A user who asks for a reload must learn that it did not happen, and the exporter must keep running."""
    path = write_config(tmp_path, {"log_file": "-"})
    with running("--config", str(path), "--mock") as process:
        assert process.stderr is not None
        url = next(re.findall(r"serving on (\S+)", line)[0] for line in process.stderr if "serving on" in line)
        process.send_signal(signal.SIGHUP)
        logged = next(words_of(line) for line in process.stderr if "SIGHUP" in line)
        with urllib.request.urlopen(url) as response:  # noqa: S310 - our own address
            answer = response.status
        process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=PATIENCE_S)

    assert (HUNG_UP, 200, 0) == (logged, answer, status)


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

    assert (0, "INFO stopped\n") == (status, [line for line in rest if line != HUNG_UP][-1])
