"""The installation test reads the README's commands correctly, and notices a wrong installation."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fresh import debian, matrix, newer, readme, systemd
from fresh.__main__ import main

from tests.conftest import HERE

pytestmark = pytest.mark.program

ROOT = HERE.parent
PAGE = """
# A program
## Getting it
### How to install it
First `apt install git make`.
````sh
# a comment is no heading
git clone … program
$ sudo python3 -m venv /opt/venv
sudo /opt/venv/bin/pip install --require-hashes \\
  --no-deps -r requirements.lock
ble-exporter discover
````
With keys: `sudo /opt/venv/bin/pip install --no-deps keys`, or not.
#### As a service
```
sudo ble-exporter service install
```
## Trouble
```
venv/bin/pip install trouble
```
"""


def test_the_readme_s_commands_are_found_in_order() -> None:
    """Text before and after the installation must not add commands."""
    assert readme.Commands(
        packages=["git", "make"],
        system_lines=[
            "python3 -m venv /opt/venv",
            "/opt/venv/bin/pip install --require-hashes    --no-deps -r requirements.lock",
            "/opt/venv/bin/pip install --no-deps keys",
        ],
        lines=["ble-exporter discover"],
        service_lines=["ble-exporter service install"],
    ) == readme.installation(PAGE)


@pytest.mark.parametrize("lost", ["install it", "apt install", "sudo /opt", "ble-exporter d", "sudo ble"])
def test_a_readme_in_another_form_is_an_error(lost: str) -> None:
    """If no command were found, the installation test could not fail."""
    with pytest.raises(ValueError, match="README"):
        readme.installation(PAGE.replace(lost, "…"))


def test_the_readme_of_today_is_understood() -> None:
    """`make test-fresh` tests only the commands that `readme.installation` finds."""
    commands = readme.installation((ROOT / "README.md").read_text(encoding="utf-8"))

    assert {"git", "make", "python3-venv"} <= set(commands.packages)
    assert [line for line in commands.system_lines if line.endswith("pip install --no-deps .")]
    assert [line for line in commands.lines if line.startswith("ble-exporter discover ")]
    assert ["ble-exporter service install --config home.yaml --apply"] == commands.service_lines


def test_every_locked_package_has_a_newer_release(tmp_path: Path) -> None:
    """A package without a newer release could not show whether pip follows the lock."""
    newer.release_all(ROOT, tmp_path)
    names = {name for lock in ROOT.glob("requirements*.lock") for name, _ in newer.locked(lock)}
    wheels = {path.name.removesuffix(f"-{newer.VERSION}-py3-none-any.whl") for path in tmp_path.iterdir()}

    assert {name.replace("-", "_") for name in names.union(newer.TOOLS)} == wheels
    assert len(wheels) > 50


def test_pip_would_take_a_newer_release(tmp_path: Path) -> None:
    """If pip ignored the newer releases, the installation test would prove nothing. This check needs no index."""
    newer.release_all(ROOT, tmp_path)
    free = [sys.executable, "-m", "pip", "--isolated", "download", "--quiet", "--no-index", "--no-deps"]
    names = {name for name, _ in newer.locked(ROOT / "requirements.lock")}
    linux = sorted(name for name in names if not name.startswith("winrt"))  # some versions have a higher epoch

    subprocess.run([*free, "--find-links", str(tmp_path), "--dest", str(tmp_path / "taken"), *linux], check=True)

    assert len(linux) == len(list((tmp_path / "taken").glob(f"*-{newer.VERSION}-*.whl"))) > 10


def test_the_index_of_the_machine_stays() -> None:
    """Pip must find the real releases in addition to the newer ones that the test makes up."""
    assert {
        "PIP_FIND_LINKS": "/here /newer",
        "A": "b",
    } == newer.with_newer({"PIP_FIND_LINKS": "/here", "A": "b"}, "/newer")
    assert {"PIP_FIND_LINKS": "/newer"} == newer.with_newer({}, "/newer")


def test_a_version_that_is_not_locked_is_noticed(tmp_path: Path) -> None:
    """A wrong version must be noticed however the package spells its name, for example PyYAML or types_new.er."""
    lock = tmp_path / "some.lock"
    lock.write_text(
        "pyyaml==6.0.3 \\\n    --hash=sha256:0\nidna==3.20 ; python_version < '4' \\\n    --hash=sha256:1\n"
    )
    installed = {"PyYAML": "6.0.3", "idna": newer.VERSION, "types_new.er": "1", "pip": "22.3"}
    listed = json.dumps([{"name": name, "version": version} for name, version in installed.items()])

    assert [f"idna=={newer.VERSION}", "types-new-er==1"] == newer.wrong(listed, [lock])


@pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)])
def test_a_missing_python_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ci: str, status: int
) -> None:
    """A developer may lack one of the Pythons; in CI, a silently skipped test would test nothing."""
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PYTHONS", "3.99")

    assert status == main(["matrix"])
    assert "lacks Python 3.99" in capsys.readouterr().err


def test_missing_programs_are_named() -> None:
    """A developer whose machine lacks these programs must learn which ones to install."""
    assert {"debootstrap", "unshare", "git"} <= set(debian.missing(path="/nowhere"))


@pytest.mark.parametrize(("python", "pip"), sorted((python, pip) for pip, python in matrix.TOO_OLD))
def test_a_pip_that_is_left_out_is_older_than_its_python(python: str, pip: str) -> None:
    """These combinations are not tested, so each must consist of an old pip and a Python on which it can't run."""
    assert pip in matrix.PIPS[:2]
    assert python in {"3.12", "3.13"}


@pytest.mark.parametrize(
    ("mount", "own", "folder"),
    [
        ("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0", "0::/user.slice/a.scope", "/sys/fs/cgroup/user.slice/a.scope"),
        ("cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0", "2:cpu:/a\n0::/", "/sys/fs/cgroup/unified"),
    ],
    ids=["unified", "hybrid"],
)
def test_the_cgroup_is_found(mount: str, own: str, folder: str) -> None:
    """Each systemd gets a cgroup of its own below that of the tests, so that two suites can run at the same time."""
    mounts = f"cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n{mount}\n"

    assert Path(folder) == systemd.cgroup(mounts, f"{own}\n")
