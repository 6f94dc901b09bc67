"""Tests of the text that `ble-exporter decode` prints."""

import shlex
from pathlib import Path

import pytest

from ble_exporter import __version__
from tests.cli.decode.calls import says
from tests.conftest import HERE

GOLDEN = HERE / "cli" / "decode" / "golden"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_an_explanation_matches_its_golden_file(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Explanations are pasted into bug reports, so no line may change unintentionally."""
    call, *lines = path.read_text(encoding="utf-8").splitlines()
    monkeypatch.chdir(GOLDEN)
    status, out, err = says(shlex.split(call)[3:], capsys)

    expected = [line.replace("VERSION", __version__) for line in lines]
    assert expected == [*out.splitlines(), *err.splitlines(), f"exit status {status}"]


def test_explanations_are_at_most_100_columns_wide() -> None:
    """Users paste the explanations into e-mails, and mail clients break long lines."""
    lines = [line for path in GOLDEN.glob("*.txt") for line in path.read_text(encoding="utf-8").splitlines()[1:]]

    assert max(map(len, lines)) <= 100
