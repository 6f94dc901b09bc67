"""Tests of the messages that errors build from their attributes."""

import pytest

from ble_exporter.errors import ConfigError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConfigError("is broken"), "is broken"),
        (ConfigError("is broken", "mend it"), "is broken; mend it"),
        (ConfigError("is broken", path="x.yaml"), "x.yaml: is broken"),
        (ConfigError("is broken", path="x.yaml", line=3, key="listen_port"), "x.yaml:3: listen_port: is broken"),
        (
            ConfigError("is broken", "mend it", path="x.yaml", line=3, key="bindkey", device="A4:C1:38:00:00:01"),
            "x.yaml:3: devices: A4:C1:38:00:00:01: bindkey: is broken; mend it",
        ),
    ],
)
def test_a_configuration_error_is_one_line_of_its_parts(error: ConfigError, text: str) -> None:
    """A user must find the place, the problem and the hint in the same order in every message."""
    assert text == str(error)
