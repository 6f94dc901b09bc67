"""The version includes the commit of the running code, whether it runs from a checkout, an archive or a build."""

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
    """Run git in a folder, independently of the machine's git configuration; return its output."""
    # A git hook that runs the tests sets GIT_DIR and related variables.
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
    """Leave the repository on its branch."""
    return checkout


def packed(checkout: Path) -> Path:
    """Pack the references, as `git gc` does: the branch then has no file of its own."""
    git(checkout, "tag", "--annotate", "--message", "a line below it", "v1")
    git(checkout, "pack-refs", "--all")
    assert not (checkout / ".git/refs/heads/topic/one").exists()
    return checkout


def detached(checkout: Path) -> Path:
    """Check out an older commit without a branch, as CI does."""
    git(checkout, "checkout", "--quiet", "--detach", "HEAD~1")
    return checkout


def worktree(checkout: Path) -> Path:
    """Add a worktree next to the repository, on a new branch."""
    folder = checkout.parent / "worktree"
    git(checkout, "worktree", "add", "--quiet", "-b", "two", str(folder), "HEAD~1")
    return folder


def packed_worktree(checkout: Path) -> Path:
    """Add a worktree, then pack the references."""
    folder = worktree(checkout)
    git(checkout, "pack-refs", "--all")
    return folder


def shallow_clone(checkout: Path) -> Path:
    """Clone with depth 1, as CI does."""
    git(checkout.parent, "clone", "--quiet", "--depth=1", checkout.as_uri(), "shallow")
    return checkout.parent / "shallow"


@pytest.mark.parametrize("kind", [as_it_is, packed, detached, worktree, packed_worktree, shallow_clone])
def test_the_commit_of_a_checkout_is_git_s(checkout: Path, kind: Callable[[Path], Path]) -> None:
    """The program reads the commit from git's files, whose layout differs between these cases."""
    folder = kind(checkout)

    assert git(folder, "rev-parse", "HEAD") == commit_of(folder)


def no_repository(checkout: Path) -> Path:
    """Return a folder without a repository, as after a download."""
    return checkout.parent


def no_commit_yet(checkout: Path) -> Path:
    """Return a new repository without commits."""
    git(checkout.parent, "init", "--quiet", "new")
    return checkout.parent / "new"


def strange_head(checkout: Path) -> Path:
    """Write a HEAD in an unknown format, as a future git might."""
    (checkout / ".git/HEAD").write_text("g" * 40)
    return checkout


def no_text(checkout: Path) -> Path:
    """Corrupt the HEAD file, as a failing SD card may."""
    (checkout / ".git/HEAD").write_bytes(b"\xff\xfe")
    return checkout


def moved_worktree(checkout: Path) -> Path:
    """Move the repository, so that the worktree refers to its old path."""
    folder = worktree(checkout)
    checkout.rename(checkout.parent / "elsewhere")
    return folder


@pytest.mark.parametrize("kind", [no_repository, no_commit_yet, strange_head, no_text, moved_worktree])
def test_without_a_known_commit_it_still_starts(checkout: Path, kind: Callable[[Path], Path]) -> None:
    """An unknown commit must not end the program; the version is then the number alone."""
    commit = commit_of(kind(checkout))

    assert ("", "0.2.0.dev0") == (commit, version_of("0.2.0.dev0", commit))


def test_a_recorded_commit_takes_precedence(checkout: Path) -> None:
    """An archive may be unpacked in a repository with another commit; a recorded empty commit also takes precedence."""
    assert commit_of(checkout, COMMIT_OF_AN_ARCHIVE) == COMMIT_OF_AN_ARCHIVE
    assert "" == commit_of(checkout, "")


@pytest.mark.parametrize(
    ("number", "expected"), [("0.2.0.dev0", "0.2.0.dev0+g0123456"), ("0.2.0", "0.2.0"), ("1.0.0rc1", "1.0.0rc1")]
)
def test_a_release_is_its_number_alone(number: str, expected: str) -> None:
    """The number alone identifies the commit of a release, but a development version has many commits."""
    assert version_of(number, COMMIT_OF_AN_ARCHIVE) == expected


def test_the_number_is_that_of_the_project() -> None:
    """Two files state the number, because an installed program has no pyproject.toml; the two must agree."""
    (number,) = re.findall(r'^version = "(.*?)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)

    assert number == NUMBER
    assert __version__.startswith(NUMBER)


def test_the_version_of_this_checkout_is_git_s() -> None:
    """The fixtures imitate git's layouts; this checkout has the layout that developers and CI really use."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout: there is no .git")

    assert __version__ == version_of(NUMBER, git(ROOT, "-c", "safe.directory=*", "rev-parse", "HEAD"))


def test_git_archive_records_the_commit(checkout: Path) -> None:
    """Code hosting sites create downloads with `git archive`, and a bug report about one needs the commit."""
    for path in (".gitattributes", "ble_exporter/__init__.py"):
        target = checkout / path
        target.parent.mkdir(exist_ok=True)
        # Restore the committed text: in an archive, this file already has the commit.
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
    """Every start determines the version: large imports, or another process, would delay the start on a slow Pi."""
    heavy = {"importlib.metadata", "subprocess", "tomllib", "zipfile"}
    # Without -I and -S, the environment or .pth files could import any module.
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import ble_exporter; print({heavy} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-ISc", code], capture_output=True, text=True, check=True)

    assert "set()\n" == out.stdout
