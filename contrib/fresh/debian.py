"""
A new Debian 12 with only the packages that the README names, in which a new user runs the README's commands.

The system is a folder created by debootstrap. Its processes run in their own mount namespace, so the kernel removes all
mounts when they end.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from fresh import matrix, newer, readme

SUITE = "bookworm"
HOME = "/home/tester"
NEWER = "/srv/newer"
READINGS_S = 180.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def mirror() -> str | None:
    """Return the first Debian mirror among this machine's apt sources; None without one, or if this is not Debian."""
    release = Path("/etc/os-release")
    if not re.search(r"^ID=debian$", release.read_text() if release.exists() else "", re.MULTILINE):
        return None
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    text = "\n".join(file.read_text() for file in files if file.is_file() and file.suffix in {".list", ".sources"})
    archives = re.findall(r"^(?:deb (?:\[[^\]]*\] )?|URIs: *)(\w+://\S+/debian/?)(?:\s|$)", text, re.MULTILINE)
    return archives[0] if archives else None


def missing(path: str = PATH) -> list[str]:
    """Return the requirements of the test that this machine lacks; programs are searched for in `path`."""
    tools = [tool for tool in ("debootstrap", "unshare", "git") if not shutil.which(tool, path=path)]
    return [
        *(["root"] if os.geteuid() else []),
        *tools,
        *([] if mirror() else ["a Debian mirror among apt's sources"]),
    ]


def run(root: Path, command: list[str]) -> int:
    """Run the command, which calls `inside`, in its own namespaces with an empty folder; return its exit status."""
    with tempfile.TemporaryDirectory(prefix="fresh-", dir="/var/tmp") as folder:
        # The folder is not in /tmp, which is often mounted with nodev. Every user of the new machine must have access.
        Path(folder).chmod(0o755)
        spaces = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
        return subprocess.run([*spaces, *command, folder], cwd=root, check=False).returncode


def inside(
    project: Path, folder: Path, check_service: Callable[[Path, Machine, readme.Commands], None], *, only: bool
) -> None:
    """
    Set up the new machine, and run the README's commands, `make demo` and `make test` on it; then check the service.

    With `only`, leave out `make demo` and `make test`. Raises an AssertionError on a failure.
    """
    machine = Machine(folder)
    commands = readme.installation((project / "README.md").read_text(encoding="utf-8"))
    with step(f"Debian 12 with {' '.join(commands.packages)}"):
        machine.install(commands.packages)
    (folder / NEWER.strip("/")).mkdir()
    newer.release_all(project, folder / NEWER.strip("/"))
    for name in ("readme", "make"):
        machine.clone(project, f"{HOME}/{name}")
    with step("the README's installation"):
        _follow(machine, commands, project)
    if not only:
        with step("make demo"):
            _demo(machine, f"{HOME}/make")
        with step("make test"):
            machine.do("make test", f"{HOME}/make")
    check_service(project, machine, commands)


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """Print the name of a step, and its duration."""
    print(f"--- {name}", flush=True)
    began = time.monotonic()
    yield
    print(f"--- {name}: {time.monotonic() - began:.0f} s", flush=True)


class Machine:
    """A new Debian system in a folder."""

    def __init__(self, folder: Path) -> None:
        """Prepare the environment variables of commands; `folder` must be empty."""
        self.folder = folder
        passed = ("PIP_", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
        own = {name: value for name, value in os.environ.items() if name.startswith(passed)}
        # The new machine must trust the same certificates, because a proxy may have its own certificate authority.
        own.update({name: os.environ[name] for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE") if name in os.environ})
        own.pop("PIP_CACHE_DIR", None)
        self._environment = newer.with_newer({"PATH": PATH, "LANG": "C.UTF-8", **own}, NEWER)

    def install(self, packages: list[str]) -> None:
        """Install Debian with these packages and their dependencies; copy this machine's settings for pip and apt."""
        _quietly(["debootstrap", "--variant=minbase", SUITE, str(self.folder), str(mirror())])
        # This script keeps packages from starting services, which can't run in a chroot.
        policy = self.folder / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        subprocess.run(["mount", "--rbind", "/dev", str(self.folder / "dev")], check=True)
        subprocess.run(["mount", "-t", "proc", "proc", str(self.folder / "proc")], check=True)
        # Debian's installer writes this file; debootstrap does not.
        (self.folder / "etc/hosts").write_text("127.0.0.1 localhost\n")
        self._copy("/etc/apt/apt.conf.d")
        self._copy("/etc/resolv.conf")
        apt = "apt-get -qq update && apt-get -qq install --no-install-recommends"
        self.do(
            f"DEBIAN_FRONTEND=noninteractive; export DEBIAN_FRONTEND; {apt} {' '.join(packages)} >/dev/null 2>&1",
            user="root",
        )
        self.do(f"useradd --create-home --shell /bin/sh {Path(HOME).name}", user="root")
        for path in (
            "/etc/pip.conf",
            "/etc/xdg/pip",
            *map(self._environment.get, ("PIP_CERT", "SSL_CERT_FILE", "PIP_CONFIG_FILE")),
        ):
            if path:
                self._copy(path)
        for path in (".config/pip", ".pip"):
            self._copy(str(Path.home() / path), f"{HOME}/{path}")

    def clone(self, project: Path, target: str) -> None:
        """Clone the checkout for the new user."""
        source = ["git", "-c", "safe.directory=*", "clone", "--quiet", "--no-hardlinks", "--", str(project)]
        subprocess.run([*source, f"{self.folder}{target}"], check=True)
        self.do(f"chown -R tester:tester {HOME}", user="root")

    def command(self, line: str, folder: str, user: str) -> list[str]:
        """Return the command that runs a shell command on the new machine."""
        home = HOME if user == "tester" else "/root"
        environment = [f"{name}={value}" for name, value in {**self._environment, "HOME": home}.items()]
        place = ["chroot", f"--userspec={user}:{user}", str(self.folder), "env", "-i", *environment]
        return [*place, "sh", "-ec", f'cd "$1"; {line}', "sh", folder]

    def do(self, line: str, folder: str = "/", user: str = "tester") -> str:
        """Run a shell command on the new machine; return its output, and raise an AssertionError if it fails."""
        print(f"  {user}$ {line}", flush=True)
        done = subprocess.run(
            self.command(line, folder, user), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AssertionError(f"{line}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def _copy(self, path: str, target: str = "") -> None:
        source, into = Path(path), Path(f"{self.folder}{target or path}")
        into.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, into, dirs_exist_ok=True)
        elif source.is_file():
            into.unlink(missing_ok=True)
            shutil.copyfile(source, into)


def _follow(machine: Machine, commands: readme.Commands, project: Path) -> None:
    """Run the README's commands, those with sudo as root, and check the installed versions."""
    folder, pip = f"{HOME}/readme", "/opt/ble_exporter/venv/bin/pip"
    for line in commands.system_lines:
        machine.do(line, folder, "root")
    machine.do(f"mkdir bait; {pip} download --quiet --no-deps --dest bait idna", folder)
    bait = machine.do("ls bait", folder)
    assert f"idna-{newer.VERSION}-py3-none-any.whl\n" == bait, "pip does not find the newer releases"
    wrong = newer.wrong(machine.do(f"{pip} list --format=json"), [project / name for name in matrix.USERS])
    assert not wrong, f"not as locked: {wrong}"
    machine.do(f"{pip} check")
    commit = machine.do("git rev-parse HEAD | cut -c 1-7", folder).strip()
    version = machine.do("ble-exporter --version").strip()
    assert version.endswith(f"+g{commit}") or "dev" not in version, f"{version} is not commit {commit}"
    # On the new machine, the program has no radio (exit status 69), or no configuration (78).
    for line in commands.lines:
        machine.do(f"{line} || case $? in 69|78) ;; *) exit 1 ;; esac", folder)


def _demo(machine: Machine, folder: str) -> None:
    """Run `make demo` until it serves readings, and end it with SIGINT, like Ctrl-C."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # The new machine shares the ports of this machine, where the demo's port may be in use.
    command = machine.command(f"exec make demo PORT={port}", folder, "tester")
    demo = subprocess.Popen(command, start_new_session=True)
    try:
        until = time.monotonic() + READINGS_S
        while not _has_readings(port):
            assert demo.poll() is None, "make demo ended by itself"
            assert time.monotonic() < until, f"make demo gave no readings within {READINGS_S:.0f} s"
            time.sleep(0.5)
        print(f"  readings on port {port}", flush=True)
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        demo.wait(30)


def _has_readings(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return 'ble_sensor_temperature_celsius{device="' in answer.read().decode()
    except OSError:
        return False


def _quietly(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
