"""The formats of a line; test_build.py tests whole logs."""

import json
import logging
import re
from typing import get_args

import pytest

from ble_exporter.errors import ConfigError, ScannerError
from ble_exporter.logger.log_format import LogFormat, error_line, line_of

ERROR = ConfigError("unknown key", "remove it", path="config.yaml", line=3, device="A4:C1:38:00:00:01")


def test_by_default_an_error_is_for_a_person() -> None:
    """Without --log.format, a person has probably typed the command, and reads the error in the terminal."""
    assert f"ble-exporter: error: {ERROR}" == error_line("text", ERROR)


def test_json_has_the_address_of_the_device() -> None:
    """A log collector must get the error that prevents the start, with the address of the device as a field."""
    fields = json.loads(error_line("json", ERROR))

    assert ["address", "level", "msg", "time"] == sorted(fields)
    assert ("ERROR", str(ERROR), ERROR.device) == (fields["level"], fields["msg"], fields["address"])


def test_logfmt_has_the_adapter() -> None:
    """The adapter must be a field of its own, as it is in the log."""
    line = error_line("logfmt", ScannerError("down", adapter="hci0"))

    assert re.fullmatch(r'time=\S+ level=ERROR msg="adapter hci0: down" adapter=hci0', line)


@pytest.mark.parametrize("log_format", get_args(LogFormat))
def test_a_warning_is_one_line(log_format: LogFormat) -> None:
    """Tools read standard error line by line."""
    (line,) = line_of(log_format, logging.WARNING, "disk full").splitlines()

    assert "warning" in line.lower()
