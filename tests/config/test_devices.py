"""Devices with bindkeys: the sources of a key, and messages that never show a key."""

import os
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.config.app_config import KEYS, AppConfig, load_config
from ble_exporter.config.devices import world_readable_warnings
from ble_exporter.errors import ConfigError
from tests.conftest import HERE

KEY = "00112233445566778899aabbccddeeff"
ANOTHER = "ffeeddccbbaa99887766554433221100"
ADDRESS = "A4:C1:38:00:00:01"
HEAD = "scan_interval_seconds: 30\nscan_duration_seconds: 5\nlisten_port: 8000\n"


def write(folder: Path, device: str) -> Path:
    """Write a configuration with one device; return its path."""
    path = folder / "config.yaml"
    path.write_text(f'{HEAD}devices:\n  "{ADDRESS}": {device}\n', encoding="utf-8")
    return path


def key_of(path: Path) -> str:
    """Return the device's key, in hex, from a configuration."""
    return load_config(str(path)).keys[ADDRESS].hex()


def shows_a_part_of_the_key(text: str) -> bool:
    """Return whether a text contains eight consecutive digits of the key."""
    return any(KEY[start : start + 8] in text.lower() for start in range(len(KEY) - 7))


def test_a_key_file_is_looked_for_next_to_the_configuration(tmp_path: Path) -> None:
    """The path must not depend on the working directory, which is different in a systemd unit."""
    (tmp_path / "living_room.key").write_text(KEY.upper())

    assert KEY == key_of(write(tmp_path, "{name: x, bindkey_file: living_room.key}"))


@pytest.mark.parametrize(
    "around", [("", "\n"), ("", "\r\n"), ("", " \n\n"), ("\t", ""), ("\N{BYTE ORDER MARK}", "\r\n")], ids=ascii
)
def test_characters_that_an_editor_adds_to_a_key_are_ignored(tmp_path: Path, around: tuple[str, str]) -> None:
    """White space and a byte order mark are invisible, so the user could not find the fault."""
    (tmp_path / "x.key").write_text(KEY.join(around), encoding="utf-8")

    assert KEY == key_of(write(tmp_path, "{name: x, bindkey_file: x.key}"))


def test_a_file_with_more_text_after_the_key_is_refused(tmp_path: Path) -> None:
    """The user must learn that the file is wrong, even if the additional text is far after the key."""
    (tmp_path / "x.key").write_text(KEY + 1000 * " " + KEY)

    with pytest.raises(
        ConfigError, match=r"x\.key can't be read \(it has more than 200 bytes\); write the 32 hex digits"
    ):
        load_config(str(write(tmp_path, "{name: x, bindkey_file: x.key}")))


def test_a_pipe_does_not_hold_the_program_up(tmp_path: Path) -> None:
    """Reading a pipe would block until another program writes to it."""
    os.mkfifo(tmp_path / "x.key")

    with pytest.raises(ConfigError, match=r"x\.key can't be read \(it is a named pipe, not a file\)"):
        load_config(str(write(tmp_path, "{name: x, bindkey_file: x.key}")))


def test_systemd_s_credentials_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LoadCredential= keeps a key in a file that only the service can read, so this file is the safer choice."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "room.key").write_text(KEY)
    (tmp_path / "room.key").write_text(ANOTHER)
    (tmp_path / "attic.key").write_text(ANOTHER)

    assert KEY == key_of(write(tmp_path, "{name: x, bindkey_file: room.key}"))
    assert ANOTHER == key_of(write(tmp_path, "{name: x, bindkey_file: attic.key}"))
    assert ANOTHER == key_of(write(tmp_path, f"{{name: x, bindkey_file: {tmp_path}/room.key}}"))


def test_credentials_that_can_t_be_read_are_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A credential that can't be read must not cause a traceback. Even root can't read a file with such a long name."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    with pytest.raises(ConfigError, match="can't be read \\(File name too long\\)"):
        load_config(str(write(tmp_path, f"{{name: x, bindkey_file: {300 * 'x'}}}")))


def test_the_files_that_hold_keys_are_known(tmp_path: Path) -> None:
    """The service warns if every user can read these files."""
    (tmp_path / "a.key").write_text(KEY)
    path = write(tmp_path, f'{{name: x, bindkey: {KEY}}}\n  "A4:C1:38:00:00:02": {{name: y, bindkey_file: a.key}}')

    assert load_config(str(path)).key_files == (str(path), str(tmp_path / "a.key"))
    assert () == load_config(str(write(tmp_path, "x"))).key_files


def test_a_configuration_does_not_show_its_keys(tmp_path: Path) -> None:
    """The repr of a configuration may end up in a log."""
    config = load_config(str(write(tmp_path, f"{{name: x, bindkey: {KEY}}}")))

    assert isinstance(config, AppConfig)
    assert KEY not in repr(config)
    assert repr(bytes.fromhex(KEY)) not in repr(config)


@given(
    st.integers(0, 300),
    st.integers(0, 40),
    st.sampled_from(["", '"', ":", "\n", "\t", "*", "&", "!", "[", "{", "x", "\0", ": "]),
)
def test_no_message_shows_a_key_however_the_file_is_broken(
    tmp_path_factory: pytest.TempPathFactory, at: int, length: int, instead: str
) -> None:
    """Users paste errors and tracebacks into bug reports, so neither may contain a key."""
    path = write(
        tmp_path_factory.mktemp("config"), f"{{name: room, bindkey: {KEY}, bindkey_file: {KEY}}}\n{KEY}: {KEY}"
    )
    text = path.read_text()
    start = text.index("devices:") + at
    path.write_text(text[:start] + instead + text[start + length :])

    with pytest.raises(ConfigError) as caught:
        load_config(str(path))

    assert not shows_a_part_of_the_key("".join(traceback.format_exception(caught.value)))


@pytest.mark.parametrize("setting", [key for key in KEYS if key not in ("devices", "log_file")])
def test_no_setting_shows_a_key_that_was_put_there(tmp_path: Path, setting: str) -> None:
    """Users misplace keys and publish errors; Python's own errors quote the value, so they must not be chained."""
    path = tmp_path / "config.yaml"
    settings = {
        **dict.fromkeys(("scan_interval_seconds", "scan_duration_seconds", "listen_port"), "30"),
        setting: KEY,
    }
    lines = [f"{key}: {value}\n" for key, value in settings.items()]
    path.write_text(f'{"".join(lines)}devices: {{"{ADDRESS}": x}}\n')

    with pytest.raises(ConfigError, match=setting) as caught:
        load_config(str(path))

    assert not shows_a_part_of_the_key("".join(traceback.format_exception(caught.value)))


@pytest.mark.parametrize("path", sorted((HERE / "configs" / "bad").glob("*bindkey*")), ids=lambda path: path.stem)
def test_no_message_of_a_bad_key_shows_a_part_of_it(path: Path) -> None:
    """A key that is one digit short, or in the wrong place, is still a secret."""
    with pytest.raises(ConfigError) as caught:
        load_config(str(path))

    assert not shows_a_part_of_the_key("".join(traceback.format_exception(caught.value)))


def test_an_error_carries_its_parts(tmp_path: Path) -> None:
    """`doctor` needs the line and the key of the error to suggest a command, and must not parse the message."""
    path = write(tmp_path, "{name: x, bindkey_file: x.key}")

    with pytest.raises(ConfigError) as caught:
        load_config(str(path))

    error = caught.value
    assert (str(path), 5, ADDRESS, "bindkey_file") == (error.path, error.line, error.device, error.key)
    assert f"{tmp_path}/x.key can't be read (No such file or directory)" == error.problem
    assert "write the 32 hex digits into that file, and make it readable for this user" == error.hint


def test_a_file_that_was_removed_is_not_readable_by_others(tmp_path: Path) -> None:
    """The file may be a credential that is removed after the start, which is no reason to fail."""
    assert [] == list(world_readable_warnings([str(tmp_path / "gone")]))
