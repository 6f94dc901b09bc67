"""The configuration: accepted values, and the exact messages for refused ones."""

import os
import re
from itertools import takewhile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.cli.parser import DEFAULT_CONFIG
from ble_exporter.config.app_config import AppConfig, load_config, parse_config
from ble_exporter.errors import ConfigError
from ble_exporter.utils import is_visible
from tests.conftest import HERE
from tests.data import named

BAD = sorted((HERE / "configs" / "bad").glob("*.yaml"))
ROOT = HERE.parent


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_configuration_is_refused_with_this_message(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A precise message saves the user an evening, so each file begins with the exact text, one line per error."""
    monkeypatch.setenv("HOME", "/home/pi")
    lines = re.split(rb"\r\n|[\r\n]", path.read_bytes())
    first_lines = takewhile(lambda line: line.startswith(b"# FILE"), lines)
    expected = [line.removeprefix(b"# ").decode() for line in first_lines]

    with pytest.raises(ConfigError) as caught:
        load_config(str(path))

    found = str(caught.value).replace(str(path), "FILE").replace(str(path.parent), "FOLDER")
    assert expected == found.splitlines()
    assert expected[0] == str(caught.value.parts[0]).replace(str(path), "FILE").replace(str(path.parent), "FOLDER")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_in_another_encoding_is_named_as_such(tmp_path: Path, encoding: str) -> None:
    """Windows programs call UTF-16 "Unicode", and a message about control characters would not help their users."""
    path = tmp_path / "config.yaml"
    path.write_bytes((ROOT / "config.yaml").read_text().encode(encoding))

    with pytest.raises(ConfigError, match=r":1: the text is UTF-16 or UTF-32, not UTF-8; save the file as UTF-8"):
        load_config(str(path))


@pytest.mark.parametrize("content", [bytes(4096), bytes(range(256)), b"\0\xff" * 9])
def test_a_file_that_a_power_failure_has_damaged_is_named_as_such(tmp_path: Path, content: bytes) -> None:
    """For a damaged file, the advice to save it in another encoding, as for UTF-16, would not help."""
    path = tmp_path / "config.yaml"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=":1: the file begins with NUL characters, so it is not text"):
        load_config(str(path))


def with_name(name: str) -> bytes:
    """Return a configuration with one device, whose name is written in the file as `name`."""
    head = "scan_interval_seconds: 30\nscan_duration_seconds: 5\nlisten_port: 8000\n"
    return f'{head}devices:\n  "A4:C1:38:00:00:01": {name}\n'.encode()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("क्\u200dष", "क्\u200dष"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        (
            "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
            "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        ),
        ("\U0001fae8", "\U0001fae8"),
        ('"\\ud83c\\udf21 \\u00b0"', "🌡 °"),
        ('"say “hi”"', "say “hi”"),
        ("“den” of “Tom”s", "“den” of “Tom”s"),
        ("Tom’s", "Tom’s"),
    ],
    ids=ascii,
)
def test_a_name_may_be_in_any_language(written: str, name: str) -> None:
    """Users name rooms in their own language, and Hindi, Persian and some emoji contain invisible joiners."""
    assert {"A4:C1:38:00:00:01": name} == parse_config("config.yaml", with_name(written)).devices


def many_devices(count: int) -> bytes:
    """Return a configuration with `count` devices and one more."""
    lines = [f'  "A4:C1:{number.to_bytes(4, "big").hex(":").upper()}": "s{number}"\n' for number in range(count)]
    return with_name("x") + "".join(lines).encode()


def test_ten_thousand_devices_are_the_limit() -> None:
    """Reading a much larger file would take too long on a Raspberry Pi, so the user must learn the limit."""
    assert 10_000 == len(parse_config("config.yaml", many_devices(9_999)).devices)
    with pytest.raises(ConfigError) as caught:
        parse_config("config.yaml", many_devices(10_000))

    hint = "more than 10,000 entries; remove some, or run a second exporter"
    assert f"config.yaml:10005: devices: A4:C1:00:00:27:0F: {hint}" == str(caught.value)


def test_a_million_devices_are_refused_without_reading_them(tmp_path: Path) -> None:
    """Parsing a million devices would take too much time and memory."""
    path = tmp_path / "config.yaml"
    path.write_bytes(b"")
    os.truncate(path, 40_000_000)

    hint = "a configuration has at most 10,000 devices; check the path"
    with pytest.raises(ConfigError, match=re.escape(f"can't be read (it has more than 2 MB); {hint}")):
        load_config(str(path))


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev"])
def test_what_is_no_file_is_refused(path: str) -> None:
    """Reading /dev/zero would never end."""
    with pytest.raises(ConfigError, match=r"can't be read \(it is a (device|folder), not a file\)"):
        load_config(path)


def test_an_invalid_file_mentions_its_backup(tmp_path: Path) -> None:
    """If the power failed while `discover` wrote the file, the backup has the old content."""
    path = tmp_path / "config.yaml"
    path.write_bytes(b"listen_port: 80\0\0")
    (tmp_path / "config.yaml.before-discover-x1").write_bytes(b"")

    with pytest.raises(ConfigError) as caught:
        load_config(str(path))

    problem = "has the content from before `discover --write` was interrupted"
    assert f"{path}: {path}.before-discover-x1 {problem}; copy" in str(caught.value)


def test_many_errors_are_counted() -> None:
    """The first errors must not scroll off the screen."""
    with pytest.raises(ConfigError) as caught:
        parse_config("config.yaml", with_name("7") * 30)

    assert 21 == len(caught.value.parts)
    assert "more errors; correct these first" in str(caught.value.parts[-1])


@pytest.mark.parametrize(
    "line",
    ["a: \udcff\n", "k{0}: 1\n", '  "{0}": x\n', '  "A4:C1:38:00:{1:02X}:{2:02X}":x\n'],
    ids=["not UTF-8", "unknown keys", "no addresses", "no spaces"],
)
def test_reading_ends_after_very_many_errors(line: str) -> None:
    """A file of another program may have an error on each line, and finding all of them would delay the message."""
    lines = "".join(line.format(number, *divmod(number, 256)) for number in range(1500))
    head = with_name("x") if line.startswith(" ") else with_name("x").partition(b"devices")[0]
    with pytest.raises(ConfigError) as caught:
        parse_config("config.yaml", head + lines.encode(errors="surrogateescape"))

    assert "config.yaml: 980 or more other errors; correct these first" == str(caught.value.parts[-1])


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
            "A4:C1:38:00:00:09": "balcony",
            "A4:C1:38:00:00:08": "shed",
        },
        log_file="-",
        log_level="DEBUG",
        listen_address="::1",
        allowed_hosts=("pi.example.org", "xn--kche-0ra.example"),
        scan_mode="passive",
        ear="bluez",
        stale_after_seconds=90.5,
        stale_after={"A4:C1:38:00:00:08": "never"},
        adapters=("hci1", "hci0"),
        on_adapter_failure="continue",
        silence_limit_seconds=120,
        on_silence="reset",
        glitch_filter=True,
        glitch_filters={"A4:C1:38:00:00:08": False},
        offsets={"A4:C1:38:00:00:09": named({"temperature": -0.4, "temperature_2": 1, "humidity": 2.5})},
        labels={"A4:C1:38:00:00:09": {"room": "balcony", "floor": "2", "heated": "no"}},
        address_types={"A4:C1:38:00:00:09": "random"},
        keys={
            "A4:C1:38:00:00:05": bytes.fromhex("00112233445566778899aabbccddeeff"),
            "A4:C1:38:00:00:06": bytes.fromhex("12345678901234567890123456789012"),
            "A4:C1:38:00:00:07": bytes.fromhex("ffeeddccbbaa99887766554433221100"),
        },
    ) == load_config(str(HERE / "configs" / "good" / "complete.yaml"))


def test_the_sample_is_valid_and_leaves_the_defaults() -> None:
    """New users start from this file, so it must work before they change anything."""
    config = load_config(str(ROOT / "config.yaml"))

    assert (30, 5, 8000) == (config.scan_interval_seconds, config.scan_duration_seconds, config.listen_port)
    assert ("./logs/ble_exporter.log", "INFO") == (config.log_file, config.log_level)
    assert (None, (), None) == (config.listen_address, config.adapters, config.stale_after_seconds)
    assert ("auto", "exit", "exit") == (config.scan_mode, config.on_adapter_failure, config.on_silence)


def test_one_adapter_needs_no_list(tmp_path: Path) -> None:
    """Most machines have only one adapter."""
    path = tmp_path / "config.yaml"
    path.write_text((ROOT / "config.yaml").read_text() + "adapter: hci1\nstale_after_seconds: auto\n")

    config = load_config(str(path))

    assert (("hci1",), "auto") == (config.adapters, config.stale_after_seconds)


@pytest.mark.parametrize(
    ("path", "way_out"),
    [("nowhere.yaml", "check the path"), (DEFAULT_CONFIG, "name the configuration file with --config")],
)
def test_a_missing_file_is_named_with_a_hint(
    path: str, way_out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new user easily gets this error; the advice to use --config would not help a user who has used it."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError) as caught:
        load_config(path)

    hint = f"{way_out}, or create one with `ble-exporter discover --write FILE`"
    assert f"{path}: can't be read (No such file or directory); {hint}" == str(caught.value)


def test_a_configuration_error_is_a_value_error() -> None:
    """Programs that use the package may catch ValueError."""
    with pytest.raises(ValueError, match="listen_port"):
        load_config(str(HERE / "configs" / "bad" / "port_zero.yaml"))


FRAGMENTS = st.sampled_from(
    [
        *"\n\n\n  :-{}[],#&*!|>%@`?\"'\t\r\\“”’\u00a0\u2028\ufeff\x00",
        *(": ", "- ", "---", "devices:", "listen_port: 8000", "\\ud83c", '  "A4:C1:38:00:00:01": ', "name: "),
        *("!secret ", "&a ", "*a", "A4:C1:38:00:00:01", "scan_interval_seconds:30"),
    ]
)


@given(st.one_of(st.binary(max_size=200), st.lists(FRAGMENTS, max_size=40).map(lambda parts: "".join(parts).encode())))
def test_any_text_gives_errors_with_lines(text: bytes) -> None:
    """A damaged file must not cause a traceback; the lines of its errors must exist, and be in order."""
    with pytest.raises(ConfigError) as caught:
        parse_config("config.yaml", text)

    count = len(re.split(rb"\r\n|\r|\n", text))
    assert all(error.line is None or 1 <= error.line <= count for error in caught.value.parts)
    lines = [error.line or count + 1 for error in caught.value.parts]
    assert sorted(lines) == lines


@given(st.lists(st.tuples(st.integers(0, 200), FRAGMENTS), max_size=4))
def test_a_damaged_configuration_is_read_or_refused(edits: list[tuple[int, str]]) -> None:
    """No control character of a damaged file may reach the terminal or the log in an error."""
    text = with_name('{name: "room", bindkey: "00112233445566778899aabbccddeeff"}').decode()
    for at, fragment in edits:
        text = text[:at] + fragment + text[at + 1 :]
    parts: tuple[ConfigError, ...] = ()
    try:
        parse_config("config.yaml", text.encode())
    except ConfigError as error:
        parts = error.parts

    assert [] == [str(part) for part in parts if not all(map(is_visible, str(part)))]


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
    """YAML may give a value any type, and a wrong type must cause an error with a line number, not a traceback."""
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

    # A device with a wrong address and a wrong name has two errors, each on a line of its own.
    for line in message.splitlines():
        assert re.match(re.escape(str(path)) + r":\d+: ", line)
