"""The version tells which commit runs, from whatever it runs."""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ble_exporter import COMMIT, NUMBER, __version__, commit_of, version_of
from tests.conftest import HERE

ROOT = HERE.parent
COMMIT_OF_AN_ARCHIVE = "0123456789abcdef0123456789abcdef01234567"
ISOLATED = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    **{f"GIT_{who}_{what}": "test@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


def git(folder: Path, *arguments: str) -> str:
    """Run git there, whatever the machine's configuration of git is."""
    # Not GIT_DIR and its like, which a git hook that runs the tests sets.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", *arguments], cwd=folder, env={**environment, **ISOLATED}, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with two commits."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=topic/one")
    for message in ("first", "second"):
        git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return folder


def as_it_is(checkout: Path) -> Path:
    """On a branch."""
    return checkout


def packed(checkout: Path) -> Path:
    """After git's housekeeping, or a clone: the branch is no file of its own."""
    git(checkout, "tag", "--annotate", "--message", "a line below it", "v1")
    git(checkout, "pack-refs", "--all")
    assert not (checkout / ".git/refs/heads/topic/one").exists()
    return checkout


def detached(checkout: Path) -> Path:
    """On an older commit, as CI checks out."""
    git(checkout, "checkout", "--quiet", "--detach", "HEAD~1")
    return checkout


def worktree(checkout: Path) -> Path:
    """Beside the repository, on a branch of its own."""
    folder = checkout.parent / "worktree"
    git(checkout, "worktree", "add", "--quiet", "-b", "two", str(folder), "HEAD~1")
    return folder


def packed_worktree(checkout: Path) -> Path:
    """Both."""
    folder = worktree(checkout)
    git(checkout, "pack-refs", "--all")
    return folder


def shallow_clone(checkout: Path) -> Path:
    """As CI clones."""
    git(checkout.parent, "clone", "--quiet", "--depth=1", checkout.as_uri(), "shallow")
    return checkout.parent / "shallow"


@pytest.mark.parametrize("kind", [as_it_is, packed, detached, worktree, packed_worktree, shallow_clone])
def test_the_commit_of_a_checkout_is_git_s(checkout: Path, kind: Callable[[Path], Path]) -> None:
    """It is read from git's files, which git lays out in several ways."""
    folder = kind(checkout)

    assert git(folder, "rev-parse", "HEAD") == commit_of(folder)


def no_repository(checkout: Path) -> Path:
    """Downloaded in some other way."""
    return checkout.parent


def no_commit_yet(checkout: Path) -> Path:
    """A repository that is new."""
    git(checkout.parent, "init", "--quiet", "new")
    return checkout.parent / "new"


def strange_head(checkout: Path) -> Path:
    """Some later git's, which writes something else."""
    (checkout / ".git/HEAD").write_text("g" * 40)
    return checkout


def no_text(checkout: Path) -> Path:
    """A corrupt HEAD file, as on a failing SD card."""
    (checkout / ".git/HEAD").write_bytes(b"\xff\xfe")
    return checkout


def moved_worktree(checkout: Path) -> Path:
    """It says where the repository was."""
    folder = worktree(checkout)
    checkout.rename(checkout.parent / "elsewhere")
    return folder


@pytest.mark.parametrize("kind", [no_repository, no_commit_yet, strange_head, no_text, moved_worktree])
def test_without_a_known_commit_it_still_starts(checkout: Path, kind: Callable[[Path], Path]) -> None:
    """The version is no reason to fail; it is the number alone then."""
    commit = commit_of(kind(checkout))

    assert ("", "0.2.0.dev0") == (commit, version_of("0.2.0.dev0", commit))


def test_a_commit_that_is_written_down_is_the_one(checkout: Path) -> None:
    """An archive that is unpacked in a repository is not that repository's commit; nor is an empty one."""
    assert commit_of(checkout, COMMIT_OF_AN_ARCHIVE) == COMMIT_OF_AN_ARCHIVE
    assert "" == commit_of(checkout, "")


@pytest.mark.parametrize(
    ("number", "expected"), [("0.2.0.dev0", "0.2.0.dev0+g0123456"), ("0.2.0", "0.2.0"), ("1.0.0rc1", "1.0.0rc1")]
)
def test_a_release_is_its_number_alone(number: str, expected: str) -> None:
    """A release has one commit; a version in development has many."""
    assert version_of(number, COMMIT_OF_AN_ARCHIVE) == expected


def test_the_number_is_that_of_the_project() -> None:
    """It stands in two files: installed, the program has no pyproject.toml."""
    (number,) = re.findall(r'^version = "(.*?)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)

    assert number == NUMBER
    assert __version__.startswith(NUMBER)


def test_the_version_of_this_checkout_is_git_s() -> None:
    """The very repository that these tests run in, where it is one."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout: there is no .git")

    assert __version__ == version_of(NUMBER, git(ROOT, "-c", "safe.directory=*", "rev-parse", "HEAD"))


def test_git_archive_writes_the_commit_down(checkout: Path) -> None:
    """Forges make their downloads with it."""
    for path in (".gitattributes", "ble_exporter/__init__.py"):
        target = checkout / path
        target.parent.mkdir(exist_ok=True)
        # As committed, wherever these tests run: an archive's own file has the commit already.
        target.write_text((ROOT / path).read_text(encoding="utf-8").replace(f'"{COMMIT}"', '"$Format:%H$"'))
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "--message", "third")
    git(checkout, "archive", "--output", "../archive.tar", "HEAD")
    subprocess.run(["tar", "-xf", "archive.tar"], cwd=checkout.parent, check=True)

    spec = importlib.util.spec_from_file_location("archived", checkout.parent / "ble_exporter" / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    archived = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(archived)
    assert git(checkout, "rev-parse", "HEAD") == archived.COMMIT
    assert git(checkout, "rev-parse", "--short=7", "HEAD") == archived.__version__.partition("+g")[2]


def test_the_version_costs_no_large_import() -> None:
    """It is found at each start on a slow Pi, so it must not start a process either."""
    heavy = {"importlib.metadata", "subprocess", "tomllib", "zipfile"}
    # Isolated and without site, whose .pth files import what they like.
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import ble_exporter; print({heavy} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-ISc", code], capture_output=True, text=True, check=True)

    assert "set()\n" == out.stdout
