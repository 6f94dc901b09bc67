"""The kernel of the rig, looked up or built once a session, and whether the rig can run at all."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .boot import BUILD_KERNEL
from .guest.stack import find_bluetoothd


def _ask_build_script(option: str) -> str:
    command = [str(BUILD_KERNEL), option]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()


def _missing_parts() -> list[str]:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return ["Linux on x86-64 (user-mode Linux is built for no other)"]
    missing = [] if find_bluetoothd() else ["bluetoothd (apt install bluez)"]
    programs = ("dbus-daemon", "dbus-send")
    missing += [f"{program} (apt install dbus)" for program in programs if not shutil.which(program)]
    if not _ask_build_script("--cached"):
        missing += _ask_build_script("--missing").splitlines()
    return missing


def _build_kernel(config: pytest.Config) -> str:
    """Build the kernel, telling how far it is although pytest captures all output."""
    terminal = config.pluginmanager.getplugin("terminalreporter")
    capture = config.pluginmanager.getplugin("capturemanager")
    last_line = ""
    with (
        capture.global_and_fixture_disabled(),
        subprocess.Popen([str(BUILD_KERNEL)], stdout=subprocess.PIPE, text=True) as build,
    ):
        terminal.write_line("\nradio rig: building its kernel, once; this takes some minutes")
        assert build.stdout
        for last_line in build.stdout:
            terminal.write_line(f"radio rig: {last_line.rstrip()}", flush=True)
    if build.returncode:
        pytest.fail(f"build-kernel.sh ended with status {build.returncode}", pytrace=False)
    return last_line.strip()


@pytest.fixture(scope="session")
def missing_parts() -> list[str]:
    """What this machine lacks to run the rig, and how to get it; empty if it has everything."""
    return _missing_parts()


@pytest.fixture(scope="session")
def kernel(pytestconfig: pytest.Config) -> Path:
    """The user-mode Linux to boot; only for a machine that lacks nothing."""
    return Path(_ask_build_script("--cached") or _build_kernel(pytestconfig))
