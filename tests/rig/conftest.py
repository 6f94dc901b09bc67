"""Fixtures that check the rig's requirements, build its kernel, and run a scenario in a guest."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .boot import BUILD_KERNEL, GuestRun, boot
from .guest.scenarios import SCENARIOS
from .guest.stack import find_bluetoothd

TESTS = Path(__file__).resolve().parent.parent
REPOSITORY = TESTS.parent

STACKS_DUMP_S = 10.0
"""Extra seconds after a scenario's time limit, in which the guest can print the stacks of its threads."""

PROGRAMS = {
    "dbus-daemon": "dbus",
    "dbus-send": "dbus",
    "curl": "curl",
    "setpriv": "util-linux",
    "systemd-analyze": "systemd",
}
"""Programs that scenarios call, and their Debian packages."""

RunScenario = Callable[[str], GuestRun]


def _ask_build_script(option: str) -> str:
    command = [str(BUILD_KERNEL), option]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()


def _missing_parts() -> list[str]:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return ["Linux on x86-64 (the rig's user-mode Linux runs on nothing else)"]
    missing = [] if find_bluetoothd() else ["bluetoothd (apt install bluez)"]
    missing += [
        f"{program} (apt install {package})" for program, package in PROGRAMS.items() if not shutil.which(program)
    ]
    if not _ask_build_script("--cached"):
        missing += _ask_build_script("--missing").splitlines()
    return missing


def _build_kernel(config: pytest.Config) -> str:
    """Build the kernel, and show the progress although pytest captures output; return the kernel's path."""
    terminal = config.pluginmanager.getplugin("terminalreporter")
    capture = config.pluginmanager.getplugin("capturemanager")
    last_line = ""
    with (
        capture.global_and_fixture_disabled(),
        subprocess.Popen([str(BUILD_KERNEL)], stdout=subprocess.PIPE, text=True) as build,
    ):
        terminal.write_line("\nradio rig: building its kernel, only once; this takes a few minutes")
        assert build.stdout
        for last_line in build.stdout:
            terminal.write_line(f"radio rig: {last_line.rstrip()}", flush=True)
    if build.returncode:
        pytest.fail(f"build-kernel.sh ended with status {build.returncode}", pytrace=False)
    return last_line.strip()


def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Build the kernel before the workers of `pytest -n` start, because they can't show the progress."""
    if config.option.markexpr == "radio" and not _missing_parts() and not _ask_build_script("--cached"):
        _build_kernel(config)


@pytest.fixture(scope="session")
def missing_parts() -> list[str]:
    """Return what this machine lacks to run the rig, each with a hint; an empty list if nothing is missing."""
    return _missing_parts()


@pytest.fixture(scope="session")
def kernel(pytestconfig: pytest.Config) -> Path:
    """Return the path of the kernel, building it if necessary; requires that `missing_parts` is empty."""
    return Path(_ask_build_script("--cached") or _build_kernel(pytestconfig))


@pytest.fixture
def run_scenario(missing_parts: list[str], request: pytest.FixtureRequest) -> RunScenario:
    """Return a function that runs a named scenario in a new guest; if a part is missing, it skips or, in CI, fails."""

    def run(name: str) -> GuestRun:
        if missing_parts:
            reason = f"{name} needs: {'; '.join(missing_parts)}"
            # A developer may lack these parts, but CI must not skip a test unnoticed.
            if os.environ.get("CI"):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
        kernel: Path = request.getfixturevalue("kernel")
        settings = {key: value for key, value in os.environ.items() if key.startswith("RIG_")}
        done = boot(
            kernel,
            [sys.executable, "-m", "rig.guest.run", name],
            folder=REPOSITORY,
            environment={"PYTHONPATH": f"{REPOSITORY}:{TESTS}", "PYTHONUNBUFFERED": "1", **settings},
            time_limit_s=SCENARIOS[name].limit_s + STACKS_DUMP_S,
            live=sys.stdout if request.config.getoption("capture") == "no" else None,
        )
        if done.status:
            pytest.fail(done.account(), pytrace=False)
        # `pytest -rP` shows this section.
        request.node.add_report_section("call", "guest", done.account())
        return done

    return run
