"""A call of `ble-exporter decode`, and what several tests of it decode."""

import pytest

from ble_exporter.main import main

PACKET = "4000b00151028d0a038d11"


def says(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, str, str]:
    """Run the command; return its exit status, and what it says."""
    status: object
    try:
        status = main(["decode", *arguments])
    except SystemExit as end:
        status = end.code
    out, err = capsys.readouterr()
    return status, out, err
