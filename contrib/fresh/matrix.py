"""Installs the locks with each pip on each Python, while a newer release of every package exists."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fresh import newer

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
PIPS = ("22.3", "23.0.1", "23.2.1", "24.0", "newest")
TOO_OLD = {(pip, python) for pip in ("22.3", "23.0.1") for python in ("3.12", "3.13")}
"""The pairs of pip and Python that do not work together: these releases of pip need modules that 3.12 removed."""
USERS = ("requirements.lock", "requirements-encryption.lock", "requirements-auth.lock")
WORKS = """
from ble_exporter.parser import parse_bthome
assert parse_bthome(bytes.fromhex("4002ca09")) == {"temperature": 25.06}
"""


def run(root: Path, *, is_whole: bool) -> list[str]:
    """
    Install the lock for encryption with the oldest pip on the oldest Python, and the newest pip on the newest Python.

    With `is_whole`, install all locks with each pip on each Python. Raises an AssertionError on a failure.

    Returns:
        The Pythons that this machine lacks.
    """
    wanted = os.environ.get("PYTHONS", "").split() or PYTHONS
    pythons = {version: path for version in wanted if (path := _python(version))}
    pips = {python: [pip for pip in PIPS if (pip, python) not in TOO_OLD] for python in pythons}
    pairs = [(python, pip) for python, all_of in pips.items() for pip in all_of]
    # The locks of `make bench-peers` need a compiler, and other build tools.
    locks = sorted(lock.name for lock in root.glob("requirements*.lock") if "peers" not in lock.name)
    if not is_whole:
        # The two extremes, with the lock for encryption, which includes the packages of requirements.lock.
        pairs, locks = [*pairs[:1], *pairs[-1:]], [USERS[1]]
    with tempfile.TemporaryDirectory(prefix="fresh-") as name, ThreadPoolExecutor(2) as pool:
        folder = Path(name)
        (folder / "newer").mkdir()
        newer.release_all(root, folder / "newer")
        tries = [pool.submit(_try, root, folder, pythons[pair[0]], pair, locks) for pair in pairs]
        for attempt in tries:
            print(attempt.result(), flush=True)
    return [version for version in wanted if version not in pythons]


def _python(version: str) -> str | None:
    # pyenv's shims exist for every version, but fail if PYENV_VERSION does not select one.
    known = ""
    if shutil.which("pyenv"):
        known = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=True).stdout
    names = [line for line in known.split() if line.startswith(f"{version}.")]
    environment = {**os.environ, "PYENV_VERSION": names[-1] if names else ""}
    command = [f"python{version}", "-c", "import sys, venv; print(sys.executable)"]
    try:
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _try(root: Path, folder: Path, python: str, pair: tuple[str, str], locks: list[str]) -> str:
    """Install each lock into its own virtual environment, and the program with the users' locks; return a summary."""
    version, pip_version = pair
    plain = {**os.environ, "PIP_CACHE_DIR": str(folder / "cache"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    said = []
    for lock in locks:
        venv = folder / f"{version}-{pip_version}-{lock}"
        pip = [str(venv / "bin" / "python"), "-m", "pip"]
        _do([python, "-m", "venv", str(venv)], plain)
        wanted = ["--upgrade", "pip"] if pip_version == "newest" else [f"pip=={pip_version}"]
        _do([*pip, "install", "--quiet", "--no-deps", *wanted], plain)
        environment = newer.with_newer(plain, str(folder / "newer"))
        bait = venv / "bait"
        bait.mkdir()
        if not newer.bait_is_taken(pip, environment, bait):
            raise AssertionError("pip does not find the newer releases: the test would prove nothing")
        from_lock = [*pip, "install", "--quiet", "--require-hashes", "--no-deps", "--requirement"]
        used = [lock] if lock in USERS else ["requirements-build.lock", lock]
        for each in used:
            _do([*from_lock, str(root / each), *(["--no-build-isolation"] if each not in USERS else [])], environment)
        if lock in USERS:
            _do([*pip, "install", "--quiet", "--no-deps", str(root)], environment)
            _do([str(venv / "bin" / "python"), "-c", WORKS], {**environment, "PYTHONPATH": ""})
        _do([*pip, "check"], environment)
        listed = _do([*pip, "list", "--format=json"], environment)
        wrong = newer.wrong(listed, [root / each for each in used])
        if wrong:
            raise AssertionError(f"Python {version}, pip {pip_version}, {lock}: not as locked: {wrong}")
        said.append(lock.removeprefix("requirements").strip("-").removesuffix("lock").strip(".") or "users")
        shutil.rmtree(venv)
    return f"ok   Python {version}, pip {pip_version}: {', '.join(said)}"


def _do(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
