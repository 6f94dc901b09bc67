"""The configuration: accepted values, and the exact messages for all others."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.config.app_config import AppConfig, load_config
from ble_exporter.errors import ConfigError
from tests.conftest import HERE

BAD = sorted((HERE / "configs" / "bad").glob("*.yaml"))
ROOT = HERE.parent


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_configuration_is_refused_with_this_message(path: Path) -> None:
    """A precise message saves the user an evening, so the first line of each file has the exact text."""
    expected = path.read_bytes().split(b"\n")[0].removeprefix(b"# ").decode()

    with pytest.raises(ConfigError) as caught:
        load_config(str(path))

    assert expected == str(caught.value).replace(str(path), "FILE").replace(str(path.parent), "FOLDER")


def test_every_key_is_read() -> None:
    """A key that is silently ignored is worse than one that is refused."""
    assert AppConfig(
        scan_interval_seconds=30,
        scan_duration_seconds=2.5,
        listen_port=9100,
        devices={
            "A4:C1:38:00:00:01": "living_room",
            "00:34:56:12:34:56": "bedroom",
            "12:34:56:12:34:56": "Küche, oben",
            "A4:C1:38:00:00:04": "no",
            "A4:C1:38:00:00:05": "cellar",
            "A4:C1:38:00:00:06": "attic",
            "A4:C1:38:00:00:07": "garage",
            "A4:C1:38:00:00:08": "shed",
        },
        log_file="-",
        log_level="DEBUG",
        listen_address="::1",
        allowed_hosts=("pi.example.org", "xn--kche-0ra.example"),
        scan_mode="passive",
        stale_after_seconds=90.5,
        adapters=("hci1", "hci0"),
        on_adapter_failure="continue",
        silence_limit_seconds=120,
        keys={
            "A4:C1:38:00:00:05": bytes.fromhex("00112233445566778899aabbccddeeff"),
            "A4:C1:38:00:00:06": bytes.fromhex("12345678901234567890123456789012"),
            "A4:C1:38:00:00:07": bytes.fromhex("ffeeddccbbaa99887766554433221100"),
        },
    ) == load_config(str(HERE / "configs" / "good" / "complete.yaml"))


def test_the_sample_is_valid_and_leaves_the_defaults() -> None:
    """Users edit this file first."""
    config = load_config(str(ROOT / "config.yaml"))

    assert (30, 5, 8000) == (config.scan_interval_seconds, config.scan_duration_seconds, config.listen_port)
    assert ("./logs/ble_exporter.log", "INFO") == (config.log_file, config.log_level)
    assert (None, (), None) == (config.listen_address, config.adapters, config.stale_after_seconds)
    assert ("auto", "exit") == (config.scan_mode, config.on_adapter_failure)


def test_one_adapter_needs_no_list(tmp_path: Path) -> None:
    """Most machines have only one adapter."""
    path = tmp_path / "config.yaml"
    path.write_text((ROOT / "config.yaml").read_text() + "adapter: hci1\nstale_after_seconds: auto\n")

    config = load_config(str(path))

    assert (("hci1",), "auto") == (config.adapters, config.stale_after_seconds)


def test_a_missing_file_is_named_with_a_hint(tmp_path: Path) -> None:
    """A missing file is the most common first error."""
    path = tmp_path / "nowhere.yaml"

    with pytest.raises(ConfigError) as caught:
        load_config(str(path))

    hint = "name the configuration file with --config, or create one with `ble-exporter discover --write FILE`"
    assert f"{path}: can't be read (No such file or directory); {hint}" == str(caught.value)


def test_a_configuration_error_is_a_value_error() -> None:
    """Callers may catch ValueError."""
    with pytest.raises(ValueError, match="listen_port"):
        load_config(str(HERE / "configs" / "bad" / "port_zero.yaml"))


@given(st.binary(max_size=200))
def test_any_bytes_give_a_configuration_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, text: bytes
) -> None:
    """A damaged file must not cause a traceback."""
    path = tmp_path_factory.mktemp("config") / "config.yaml"
    path.write_bytes(text)

    with pytest.raises(ConfigError):
        load_config(str(path))


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.lists(st.integers(), max_size=2)
)
KEYS = {
    "scan_interval_seconds": 30,
    "scan_duration_seconds": 5,
    "listen_port": 8000,
    "listen_address": "127.0.0.1",
    "allowed_hosts": "pi.example.org",
    "adapter": "hci0",
    "log_file": "-",
    "log_level": "INFO",
    "devices": {"A4:C1:38:00:00:01": "living_room"},
}


@given(st.sampled_from(sorted(KEYS)), scalars, st.one_of(scalars, st.sampled_from(["A4:C1:38:00:00:01"])))
def test_any_value_of_a_key_is_taken_or_refused_with_its_line(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object, address: object
) -> None:
    """Each key is checked, whatever type YAML gives to its value."""
    path = tmp_path_factory.mktemp("config") / "config.yaml"
    changed = KEYS | {key: {address: value} if key == "devices" and isinstance(address, str) else value}
    path.write_text(yaml.safe_dump(changed, sort_keys=False), encoding="utf-8")

    try:
        config = load_config(str(path))
    except ConfigError as error:
        message = str(error)
    else:
        message = f"{path}:0: taken"
        assert isinstance(config.scan_interval_seconds, int | float)
        assert 1 <= config.scan_duration_seconds <= config.scan_interval_seconds
        assert 1 <= config.listen_port <= 65535

    assert re.match(re.escape(str(path)) + r":\d+: ", message)
    assert "\n" not in message
