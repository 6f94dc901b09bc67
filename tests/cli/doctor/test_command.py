"""Tests of the command line of `ble-exporter doctor`."""

import json
from pathlib import Path

import pytest

from ble_exporter.main import main
from tests.cli.conftest import Write


def test_json_output_is_one_document(
    bus: Path, write: Write, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A program that reads the JSON needs the same results as a user who reads the text."""
    status = main(["doctor", "--config", str(write()), "--mock", "--seconds", "0.3", "--json"])
    document = json.loads(capsys.readouterr().out)

    assert 0 == status
    assert 0 == document["failures"]
    assert document["summary"].endswith("2 of 2 sensors heard")
    assert ["user", "config", "log", "port", "clock", "sensors", "sensors", "sensors"] == [
        row["check"] for row in document["checks"]
    ]
    assert {"check", "level", "text", "remedy"} == set(document["checks"][0])


def test_a_simulated_radio_needs_no_key(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """Simulated packets are not encrypted, so `doctor`, like the service, must ignore a key."""
    path = write('"A4:C1:38:00:00:01": {name: x, bindkey: 00112233445566778899aabbccddeeff}')
    path.chmod(0o600)
    status = main(["doctor", "--config", str(path), "--mock", "--seconds", "0.3"])

    assert 0 == status
    assert "ok   x (A4:C1:38:00:00:01): heard, BTHome v2" in capsys.readouterr().out


@pytest.mark.parametrize("seconds", ["-1", "nan", "3601", "soon"])
def test_an_invalid_time_is_wrong_usage(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The message must name the limits, so that the user can correct the option."""
    with pytest.raises(SystemExit) as caught:
        main(["doctor", "--seconds", seconds])

    assert 2 == caught.value.code
    assert f"{seconds} is not a number between 0 and 3600" in capsys.readouterr().err
