"""A helper that calls `ble-exporter decode`, and a payload that several tests decode."""

import pytest

from ble_exporter.main import main

PACKET = "4000b00151028d0a038d11"


def says(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, str, str]:
    """Run the command; return its exit status, standard output and standard error."""
    status: object
    try:
        status = main(["decode", *arguments])
    except SystemExit as end:
        status = end.code
    out, err = capsys.readouterr()
    return status, out, err
