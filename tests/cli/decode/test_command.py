"""Tests of `ble-exporter decode`, from the command line to the output."""

import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ble_exporter.cli.decode.command import main as decode
from ble_exporter.utils import is_visible
from tests.cli.decode.calls import PACKET, says
from tests.formats.sealing import ADDRESS, KEY, SEALS

ENCRYPTED = SEALS[0][1](bytes.fromhex("02ca0903bf13")).hex()


def test_standard_input_is_the_payload(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program may pipe in the payload, on one line or several."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"40 00 b0\n01 51\n")))
    status, out, _ = says(["-"], capsys)

    assert 0 == status
    assert "ble_sensor_battery_percent 81" in out


def test_standard_input_is_the_key(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A password manager can pipe in the key, which keeps the key out of files and out of the process list."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(KEY.hex().encode() + b"\n")))
    status, out, _ = says([ENCRYPTED, "--key-file", "-", "--mac", ADDRESS], capsys)

    assert 0 == status
    assert "ble_sensor_temperature_celsius 25.06" in out


def test_ctrl_c_at_standard_input_causes_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`decode -` on a terminal waits for input, and a user who does not know Ctrl-D presses Ctrl-C."""

    class Terminal(io.BytesIO):
        """A terminal as standard input; the user presses Ctrl-C."""

        def read(self, _size: int | None = -1, /) -> bytes:
            """See BytesIO."""
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Terminal()))

    assert (130, "", "") == says(["-"], capsys)


def test_the_key_comes_from_the_configuration(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With the service's configuration, `decode` must use the same key for an address as the service does."""
    path = tmp_path / "config.yaml"
    path.write_text(
        "scan_interval_seconds: 30\nscan_duration_seconds: 5\nlisten_port: 8000\n"
        f'devices: {{"{ADDRESS}": {{name: a, bindkey: "{KEY.hex()}"}}, "A4:C1:38:00:00:01": b}}\n'
    )
    opened = says([ENCRYPTED, "--config", str(path), "--mac", ADDRESS.lower()], capsys)
    without = says([ENCRYPTED, "--config", str(path), "--mac", "A4:C1:38:00:00:01"], capsys)

    assert (0, True) == (opened[0], "ble_sensor_temperature_celsius 25.06" in opened[1])
    assert (1, True) == (without[0], "rejected as encrypted" in without[1])


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "give either a payload or --capture FILE"),
        (["40 0g"], 2, "'g' after 3 hex digits is not a hex digit"),
        (["40" * 1651], 2, "1651 bytes are more than an advertisement can hold (1650)"),
        ([PACKET, "--mac", "A4:C1:38"], 2, "--mac: this is not a Bluetooth address; write six pairs of hex digits"),
        ([PACKET, "--mac", "room"], 2, "--mac: this is not a Bluetooth address; write six pairs of hex digits"),
        ([PACKET, "--service", "feaa"], 2, "--service: this service has no known format; choose one of fcd2, 181c"),
        (["-", "--key-file", "-"], 2, "standard input can't be both the payload and the key"),
        ([PACKET, "--key", "a", "--config", "b"], 2, "not allowed with argument --key"),
        ([PACKET, "--jason"], 2, "unknown option --jason; did you mean --json?"),
        ([PACKET, "--key", KEY.hex()[:-2]], 78, "--key: the key has 30 hex digits instead of 32"),
        ([PACKET, "--key-file", "/nowhere/x.key"], 78, "--key-file /nowhere/x.key: can't be read (No such file"),
        ([PACKET, "--config", "/nowhere/x.yaml"], 78, "/nowhere/x.yaml: can't be read (No such file"),
    ],
)
def test_wrong_usage_is_answered_with_a_hint(
    arguments: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user must see what to correct, and a program that parses standard output must not receive the error."""
    ended, out, err = says(arguments, capsys)

    assert (status, "") == (ended, out)
    assert message in err


@pytest.mark.parametrize("service", ["fcd2", "0xFCD2", "0000fcd2", "0000fcd2-0000-1000-8000-00805f9b34fb"])
def test_a_service_may_be_written_in_any_common_notation(service: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Users copy the UUID from btmon, phone apps and BlueZ, and each of these writes it differently."""
    status, out, _ = says([PACKET, "--service", service], capsys)

    assert 0 == status
    assert "BTHome v2 (0xFCD2)\nformat: set by --service\n" in out


@pytest.mark.parametrize(
    ("service", "status", "said"),
    [
        ("fcd2", 0, "11 bytes of service data: BTHome v2 (0xFCD2)\nformat: named in the text around the bytes\n"),
        ("feaa", 1, "error: 11 bytes of service data of 0xFEAA, which has no known format"),
    ],
)
def test_the_service_named_in_the_text_is_used(
    service: str, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Judged by its bytes alone, the data of another service may look like a known format."""
    ended, out, _ = says([f"Service Data (UUID 0x{service}): {PACKET}"], capsys)

    assert status == ended
    assert said in out


def test_the_option_service_overrides_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    """The pasted text may name the wrong service, and the user must be able to correct it."""
    _, out, _ = says(["--service", "fcd2", f"Service Data (UUID 0xfeaa): {PACKET}"], capsys)

    assert "format: set by --service" in out


def test_an_ambiguous_payload_can_be_read_either_way(capsys: pytest.CaptureFixture[str]) -> None:
    """The same bytes may be a battery level and a humidity in BTHome v1, or flags and a list of services."""
    _, guessed, _ = says(["0201100303bf13"], capsys)
    status, forced, _ = says(["0201100303bf13", "--service", "advertising"], capsys)

    assert "alternative: a whole advertising payload (--service advertising)" in guessed
    assert "ble_sensor_humidity_percent 50.55" in guessed
    assert (1, True) == (status, "7 bytes of an advertising payload" in forced)
    assert None in [
        one["service"] for one in json.loads(says(["0201100303bf13", "--json"], capsys)[1])["payloads"][0]["also"]
    ]


@pytest.mark.parametrize("mac", [[], ["--mac", ADDRESS], ["--mac", "A4:C1:38:00:00:01"]])
@pytest.mark.parametrize("more", [[], ["--json"], ["--service", "feaa"], ["--jason"], ["--json=1"], ["zz"]])
def test_a_key_is_never_shown(mac: list[str], more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Users paste the output into bug reports, whether the command succeeds or fails."""
    _, out, err = says([ENCRYPTED, "--key", KEY.hex(), *mac, *more], capsys)

    assert out + err
    shown = re.sub(r"[\s:]", "", (out + err).lower())
    assert KEY.hex()[:12] not in shown
    assert KEY.hex()[-12:] not in shown


@pytest.mark.parametrize("option", ["--key-file", "--config"])
@pytest.mark.parametrize("name", [KEY.hex(), KEY.hex(":").upper(), "0x" + KEY.hex()[:20], f"/etc/{KEY.hex()}"])
def test_a_key_in_the_place_of_a_file_is_not_shown(option: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A user in a hurry may give the key itself instead of its file, and then paste the error into a bug report."""
    status, out, err = says([ENCRYPTED, option, name], capsys)

    assert (78, "") == (status, out)
    assert f"ble-exporter: error: {option}: there is no such file, and its name looks like a key" in err
    assert KEY.hex()[:8] not in re.sub(r"[\s:]", "", err.lower())


def test_a_file_may_have_a_name_that_looks_like_a_key(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file may be named after a checksum, which looks like a key."""
    monkeypatch.chdir(tmp_path)
    Path(KEY.hex()[::-1]).write_text(KEY.hex())

    assert 0 == says([ENCRYPTED, "--key-file", KEY.hex()[::-1], "--mac", ADDRESS], capsys)[0]


_HEX = st.binary(max_size=60).map(bytes.hex)
_HEAD = st.sampled_from(["", "020106", "0e16d2fc40", "1216fcd2", "40", "41", "50585b0501", "d2fc", "0721", "0520"])
_WORDS = st.one_of(
    st.text(max_size=40),
    st.builds(str.__add__, _HEAD, _HEX),
    st.sampled_from(["--json", "--key", "--mac", "--service", "--key=" + KEY.hex(), "fcd2", "181a", ADDRESS, "--help"]),
    st.sampled_from(["--", "-h", "--key-file", "--kye"]),
)


@given(words=st.lists(_WORDS, max_size=5))
@example(words=["--", "--", "40"])
@example(words=["40", "--key-file", "\0"])
@example(words=["\udcff"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_text_gives_an_explanation_or_a_clean_error(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the clipboard contains, the output has neither a traceback nor an escape sequence."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    status, out, err = says(words, capsys)

    assert status in {0, 1, 2, 78}
    assert bool(out) == (status in {0, 1})
    assert bool(err) == (status in {2, 78})
    assert all(map(is_visible, (out + err).replace("\n", "")))


@given(payload=st.one_of(_HEX, st.builds(str.__add__, _HEAD, _HEX)), key=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_the_status_is_1_exactly_when_something_is_not_valid(
    payload: str, key: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script may check only the status, which must therefore agree with the text and the JSON."""
    arguments = [f"0x{payload}00", *(["--key", KEY.hex()] if key else [])]
    status = decode(arguments)
    out = capsys.readouterr().out
    decode([*arguments, "--json"])
    document = json.loads(capsys.readouterr().out)

    assert document["sound"] == (status == 0)
    has_complaint = re.search(r"^(rejected|not decrypted|error|impossible|object)\b", out, re.MULTILINE)
    assert (has_complaint is not None) == (status == 1)
    assert ("\nvalid\n" in out) or status == 1
    assert all(len(line) <= 100 for line in out.splitlines())
