"""
A new user in a terminal, with a Bluetooth adapter that is blocked.

The host compares the terminal output with docs/first-five-minutes.md; see ../recording.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from .air import Sender, thermometer_sender, unknown_devices
from .doctor import Report
from .exporter import PORT, Scrape
from .polling import wait_until
from .registry import scenario_of
from .scenarios_readings import BALCONY, LIVING_ROOM, THERMOMETERS, incomplete
from .stack import Stack
from .terminal import CTRL_C, Terminal

RECORDING = "first-five-minutes.log"
"""A file in the shared folder, with a line of JSON for each step."""
LIMIT_S = 150.0
"""The scenario takes about 60 s, because discover and doctor listen for their default times."""
REAL_CADENCE_S = 2.5
DISCOVER_LIMIT_S = 60.0
DOCTOR_LIMIT_S = 40.0

FOLDER = Path("/run/empty")
PROGRAMS = Path("/opt/ble_exporter/venv/bin")

CONSOLE_SCRIPT = f"""\
#!{sys.executable}
import sys
from ble_exporter.main import main
sys.exit(main())
"""
"""The script that pip installs."""
SUDO = """\
#!/bin/sh
exec "$@"
"""
"""In the guest every command already runs as root."""
RFKILL = """\
#!/bin/sh
[ "$*" = "unblock bluetooth" ] || exit 1
for switch in /sys/class/rfkill/*; do
  if [ "$(cat "$switch/type")" = bluetooth ]; then echo 0 >"$switch/soft"; fi
done
"""
"""Sets the kernel's switch on a machine without rfkill."""

ATC = replace(LIVING_ROOM, name=f"atc_{LIVING_ROOM.address.replace(':', '')[-6:]}")
"""The thermometer of the living room, with its suggested name."""
CHOSEN = (ATC, BALCONY)


class Recorder:
    """A record of each step: its name, its duration in seconds, and the terminal output."""

    def __init__(self, file: Path) -> None:
        """Record into this file."""
        self._file = file

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Record the block as a step; the block passes the output to the yielded function."""
        shown: list[str] = []
        began = time.monotonic()
        yield shown.append
        entry = {"step": name, "seconds": round(time.monotonic() - began, 1), "shown": "\n".join(shown)}
        sys.stdout.write(f"--- {name}: {entry['seconds']} s\n{entry['shown']}\n")
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def install() -> None:
    """Install the program as pip does, a replacement for sudo, and one for rfkill if it is missing."""
    programs = {PROGRAMS / "ble-exporter": CONSOLE_SCRIPT, Path("/usr/bin/sudo"): SUDO}
    if not shutil.which("rfkill"):
        programs[Path("/usr/bin/rfkill")] = RFKILL
    for path, text in programs.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)


def open_terminal() -> Terminal:
    """Return a terminal in the empty folder, with the program on its PATH."""
    names = ("HOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    return Terminal(FOLDER, {**environment, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"})


def scrape() -> Scrape:
    """Return a scrape of the exporter."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics") as response:
        return Scrape(response.read().decode())


def is_served() -> bool:
    """Return whether the exporter serves all readings of the chosen thermometers."""
    try:
        return not incomplete(scrape(), CHOSEN)
    except OSError:
        return False


def in_real_time(*senders: Sender) -> list[Sender]:
    """Return the senders with the interval of real thermometers."""
    return [replace(sender, cadence_s=REAL_CADENCE_S) for sender in senders]


@scenario_of(LIMIT_S)
def first_five_minutes(stack: Stack) -> None:
    """A new user gets from an empty folder and a blocked adapter to named readings, using only suggested commands."""
    install()
    FOLDER.mkdir()
    recorder = Recorder(Path(os.environ["RIG_SHARE"]) / RECORDING)
    radio = stack.start()
    stack.start_air(radio, *in_real_time(*map(thermometer_sender, THERMOMETERS), *unknown_devices()))
    stack.block(radio)
    wait_until(lambda: not stack.is_powered(radio), "the adapter is off")
    terminal, other = open_terminal(), open_terminal()
    try:
        repair(stack, terminal, recorder)
        wait_until(lambda: stack.is_powered(radio), "the adapter is on")
        find(terminal, recorder)
        look(terminal, other, recorder)
    finally:
        terminal.close()
        other.close()


def repair(stack: Stack, terminal: Terminal, recorder: Recorder) -> None:
    """Run doctor, and then its command for the adapter."""
    with recorder.step("`doctor`") as shows:
        said = terminal.run("ble-exporter doctor", DOCTOR_LIMIT_S)
        shows(said)
    missing, blocked = Report(terminal.status(), f"{said}\n").of("fail")
    assert f"{PROGRAMS}/ble-exporter discover --write config.yaml" == missing.command, said
    with recorder.step("the command that `doctor` names") as shows:
        shows(terminal.run(blocked.command))
    assert 0 == terminal.status(), blocked.command


def find(terminal: Terminal, recorder: Recorder) -> None:
    """Choose two of the sensors found, one with its suggested name; check the file that discover writes."""
    assert not list(FOLDER.iterdir()), "the folder is not empty"
    with recorder.step("`discover`, which listens for 30 s") as shows:
        terminal.start("ble-exporter discover --write config.yaml")
        terminal.wait_for(f"Listening on hci0: (?s:.*){BALCONY.address}", DISCOVER_LIMIT_S)
        terminal.answer("Add which.*: ", "1 3", DISCOVER_LIMIT_S)
        terminal.answer(rf"Name of {LIVING_ROOM.address} \[{ATC.name}\]: ", "")
        terminal.answer(rf"Name of {BALCONY.address} .*: ", BALCONY.name)
        said = terminal.end()
        shows(said)
    run_it = re.search("^run the exporter: (.*)$", said, re.MULTILINE)
    assert run_it, said
    assert "ble-exporter --config config.yaml" == run_it[1], said
    with recorder.step("`--config.check`") as shows:
        shows(terminal.run("ble-exporter --config config.yaml --config.check"))
    assert 0 == terminal.status(), "the file is not valid"


def look(terminal: Terminal, other: Terminal, recorder: Recorder) -> None:
    """Run the exporter; in another terminal, read its page and metrics, and run doctor again."""
    with recorder.step("the exporter, until it has all readings") as shows:
        terminal.start("ble-exporter --config config.yaml")
        terminal.wait_for("(?s)(for the first time.*){2}", DISCOVER_LIMIT_S)
        wait_until(is_served, "all readings are served", DISCOVER_LIMIT_S)
        shows(terminal.shown())
    with recorder.step("the page") as shows:
        names = "|".join(thermometer.name for thermometer in CHOSEN)
        shows(other.run(f"curl -s http://127.0.0.1:{PORT}/ | grep -oE '{names}' | sort -u"))
    with recorder.step("the metrics") as shows:
        shows(other.run(f"curl -s http://127.0.0.1:{PORT}/metrics | grep ^ble_sensor_ | sort"))
    with recorder.step("`doctor`, which listens for 10 s") as shows:
        said = other.run("ble-exporter doctor", DOCTOR_LIMIT_S)
        shows(said)
    report = Report(other.status(), f"{said}\n")
    report.assert_well()
    assert not report.of("warn"), said
    terminal.press(CTRL_C)
    terminal.end()
    assert 0 == terminal.status(), "the exporter failed"
