"""The settings of a configuration; the files in tests/configs have the messages for invalid settings."""

import time

import pytest

from ble_exporter.config.app_config import KEYS
from ble_exporter.config.settings import Settings
from ble_exporter.config.yaml_document import Document


def settings(text: str) -> Settings:
    """Return the settings of a text."""
    document = Document("x.yaml", known=KEYS)
    return Settings(document, document.nodes(document.entries(text), KEYS))


def test_a_missing_setting_has_its_default() -> None:
    """A file that sets only the mandatory keys is valid."""
    empty = settings("listen_port: 8000")

    assert ("x.log", None, (), (), 90) == (
        empty.log_file("x.log"),
        empty.listen_address(),
        empty.adapters(),
        empty.allowed_hosts(),
        empty.seconds("silence_limit_seconds", 90),
    )


def test_an_invalid_setting_is_reported_and_has_its_default() -> None:
    """Reading must continue after an error, so that the user sees all errors at once."""
    invalid = settings("listen_port: x\nscan_mode: loud\nadapter: [hci0, 5, hci0]")

    assert 0 == invalid.port()
    assert "auto" == invalid.choice("scan_mode", ["auto"], "auto")
    assert ("hci0",) == invalid.adapters()
    with pytest.raises(ValueError, match="listen_port") as caught:
        invalid.document.errors.raise_all()
    assert 4 == len(str(caught.value).splitlines())


@pytest.mark.parametrize("path", ["logs/~x.log", "/var/log/a$b.log", "./$", "-", "می\u200cخواهم.log"])
def test_a_path_may_have_unusual_characters(path: str) -> None:
    """Only ~ or a variable at the beginning is refused, because no shell expands it; other names are valid."""
    found = settings(f'log_file: "{path}"')

    assert path == found.log_file("")
    found.document.errors.raise_all()


def test_a_very_long_host_name_is_refused_at_once() -> None:
    """Converting a name to Punycode takes time that grows with the square of its length, and would delay the start."""
    started = time.process_time()

    assert () == settings(f"allowed_hosts: {'ü' * 200_000}").allowed_hosts()
    assert 10 > time.process_time() - started
