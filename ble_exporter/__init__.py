"""Receives the advertisements of Bluetooth Low Energy thermometers, and exports the readings to Prometheus."""

from pathlib import Path

__all__ = ["__version__"]

NUMBER = "0.2.0.dev0"
"""The version number, the same as in pyproject.toml; `.dev` marks a version that is not a release (ADR 12)."""
COMMIT = "$Format:%H$"
"""A placeholder, which `git archive` and a build replace with the commit, or with an empty string if it is unknown."""


def version_of(number: str, commit: str) -> str:
    """
    Return the version that users see (PEP 440): `0.2.0.dev0+g1a2b3c4` in development, `0.2.0` for a release.

    Args:
        number: The version number.
        commit: The commit in hex digits, or an empty string if it is unknown.
    """
    return f"{number}+g{commit[:7]}" if commit and ".dev" in number else number


def commit_of(root: Path, recorded: str = COMMIT) -> str:
    """
    Return the recorded commit, or else the commit checked out in `root`, in hex digits; an empty string if unknown.

    Reads git's files, because running git would take tens of milliseconds on a Raspberry Pi, and git refuses a checkout
    that belongs to another user. Uncommitted changes do not affect the result.
    """
    if not recorded.startswith("$"):
        return recorded
    try:
        commit = _checked_out(root)
    except (OSError, UnicodeError):
        return ""
    return commit if len(commit) >= 40 and not commit.strip("0123456789abcdef") else ""


def _checked_out(root: Path) -> str:
    git = root / ".git"
    if not git.is_dir():
        # In a worktree or a submodule, .git is a file that contains the path of the git directory.
        git = root / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
    head = (git / "HEAD").read_text(encoding="utf-8").strip()
    if not head.startswith("ref:"):
        return head
    branch = head.removeprefix("ref:").strip()
    # Worktrees share the branches of the main repository.
    shared = git / "commondir"
    common = git / shared.read_text(encoding="utf-8").strip() if shared.exists() else git
    loose = common / branch
    if loose.exists():
        return loose.read_text(encoding="utf-8").strip()
    lines = (common / "packed-refs").read_text(encoding="utf-8").splitlines()
    return next((line.split()[0] for line in lines if line.split()[1:] == [branch]), "")


__version__ = version_of(NUMBER, commit_of(Path(__file__).resolve().parent.parent))
