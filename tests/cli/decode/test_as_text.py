"""The lines that `ble-exporter decode` prints."""

import shlex
from pathlib import Path

import pytest

from ble_exporter import __version__
from tests.cli.decode.calls import says
from tests.conftest import HERE

GOLDEN = HERE / "cli" / "decode" / "golden"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_a_payload_is_explained_as_it_is_written_here(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is pasted into bug reports: two of one version are alike, and nothing in them is by accident."""
    call, *lines = path.read_text(encoding="utf-8").splitlines()
    monkeypatch.chdir(GOLDEN)
    status, out, err = says(shlex.split(call)[3:], capsys)

    expected = [line.replace("VERSION", __version__) for line in lines]
    assert expected == [*out.splitlines(), *err.splitlines(), f"exit status {status}"]


def test_what_is_written_there_fits_on_a_screen() -> None:
    """The explanations are pasted into mails, which break long lines."""
    lines = [line for path in GOLDEN.glob("*.txt") for line in path.read_text(encoding="utf-8").splitlines()[1:]]

    assert max(map(len, lines)) <= 100
