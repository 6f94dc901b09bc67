"""No new release can break an installation: every documented command installs locked packages."""

import re
from pathlib import Path

import pytest

from tests.conftest import HERE

ROOT = HERE.parent
PLACES = sorted(
    path
    for pattern in (
        "Makefile",
        ".ci/*",
        ".github/workflows/*",
        "*.md",
        "docs/*.md",
        "contrib/**/*",
        "ble_exporter/**/*.py",
    )
    for path in ROOT.glob(pattern)
    if path.is_file() and path.suffix != ".pyc"
)
"""The files with commands that people or scripts run. docs/adr is left out: it has commands that were rejected."""


def unlocked(text: str) -> list[str]:
    """Return the pip commands that may install a newer release: they lack `--no-deps`, or the hashes of a lock."""
    # A command ends at the end of the line, at a shell operator, or at the end of a code span.
    calls = re.findall(r"\bpip\b(?: --?[\w-]+)* (?:install|wheel|download)\b[^`;&|\n]*", text.replace("\\\n", " "))
    return [
        call
        for call in calls
        if "--no-deps" not in call or (re.search(r" (-r\b|--requirement)", call) and "--require-hashes" not in call)
    ]


@pytest.mark.parametrize("place", PLACES, ids=[str(path.relative_to(ROOT)) for path in PLACES])
def test_no_installation_takes_what_is_not_locked(place: Path) -> None:
    """Pip 23 once took a newer release than the one in a complete lock, had no hash for it, and failed."""
    assert [] == unlocked(place.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "command",
    [
        "venv/bin/pip install --require-hashes --requirement requirements.lock",
        "venv/bin/pip install --no-deps --requirement requirements.lock",
        "python -m pip install --quiet 'cryptography>=43.0'",
        "see `pip install .`, which",
        "$work/venv/bin/pip wheel .",
        "pip --quiet install \\\n  --require-hashes -r requirements.lock",
    ],
)
def test_the_search_finds_unlocked_installations(command: str) -> None:
    """A command that may install a newer release can be written in several ways, and each must be found."""
    assert unlocked(command)


def test_the_makefile_and_the_readme_have_commands_to_find() -> None:
    """If the search found no commands, the tests above could not fail."""
    for place in (ROOT / "Makefile", ROOT / "README.md", ROOT / "contrib" / "test-wheel"):
        assert re.search(r"\bpip\b.*install.*--no-deps", place.read_text(encoding="utf-8"))


def test_every_lock_names_no_index() -> None:
    """A lock must work with the index of any machine, and must state the hashes of each package."""
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text(encoding="utf-8")
        packages = re.findall(r"^\w.*", text, re.MULTILINE)
        assert packages, lock.name
        assert all(re.match(r"[\w.-]+==\S+.* \\$", line) for line in packages), lock.name
        assert not re.search(r"^ *--(?!hash=sha256:)|://", text, re.MULTILINE), lock.name
