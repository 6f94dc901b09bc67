"""Tests of the output, the questions and the files of `ble-exporter discover`."""

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ble_exporter.cli.discover.command import parse
from ble_exporter.cli.discover.run import run
from ble_exporter.config.app_config import load_config
from ble_exporter.errors import ConfigError, ScannerError
from ble_exporter.scanner import Listener, MockScanner, RadioSettings, build_radio
from ble_exporter.scanner.build import RadioBuilder
from tests.conftest import HERE, PACKET_A, PACKET_B, vectors
from tests.radios import Radio

pytestmark = pytest.mark.program

ROOT = HERE.parent
ADDRESS, ANOTHER = "A4:C1:38:00:00:01", "A4:C1:38:00:00:02"
ENCRYPTED_VECTOR = vectors("bthome_v2_encrypted.json")[0]
KEY: str = ENCRYPTED_VECTOR["key"]
HEAD = "scan_interval_seconds: 30\nscan_duration_seconds: 5\nlisten_port: 8000\n"
PATIENCE_S = 30


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test in a directory without a config.yaml."""
    monkeypatch.chdir(tmp_path)


def four_devices(*_settings: object, **_options: object) -> MockScanner:
    """Return a radio that plays packets of three sensors, one of which encrypts, and of an unknown device."""
    return MockScanner(
        [
            (ADDRESS, PACKET_A),
            (ADDRESS, PACKET_B),
            (ANOTHER, PACKET_A),
            (ENCRYPTED_VECTOR["address"], bytes.fromhex(ENCRYPTED_VECTOR["payload"])),
            ("5A:00:00:00:00:01", b"\x00"),
        ]
    )


def discover(arguments: list[str], build: RadioBuilder = build_radio) -> int:
    """Run the command with this radio; return the exit status."""
    return run(parse(arguments), build)


def write_config(devices: str) -> None:
    """Write ./config.yaml with these devices."""
    Path("config.yaml").write_text(f"{HEAD}devices:\n{devices}")


def test_it_shows_the_sensors_in_range(capsys: pytest.CaptureFixture[str]) -> None:
    """The user must see which sensors are in range, and which command adds them."""
    assert 0 == discover([], four_devices)

    out, err = capsys.readouterr()
    assert "listening for 30 s\nto add sensors: ble-exporter discover --write config.yaml\n" == err
    assert [
        "heard 54:48:E6:8F:80:A5, BTHome",
        "heard A4:C1:38:00:00:01, BTHome",
        "heard A4:C1:38:00:00:02, BTHome",
    ] == out.splitlines()[:3]
    assert re.search(r"^     A4:C1:38:00:00:01 .*27.0 °C, 44.9 %, battery 81 %, 2.85 V", out, re.MULTILINE)
    assert re.search(r"^     54:48:E6:8F:80:A5 .*  encrypted: needs its bindkey$", out, re.MULTILINE)
    assert "Heard 3 sensors, 1 other device " in out


def test_all_lists_unknown_devices(capsys: pytest.CaptureFixture[str]) -> None:
    """A user whose sensor is missing needs to know why the program does not recognise it."""
    discover(["--all"], four_devices)

    assert "5A:00:00:00:00:01         -60      1         rejected: wrong_version" in capsys.readouterr().out


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """A program parses standard output, so it must contain nothing else."""
    assert 0 == discover(["--json"], four_devices)

    document = json.loads(capsys.readouterr().out)
    assert ["54:48:E6:8F:80:A5", ADDRESS, ANOTHER] == [sensor["address"] for sensor in document["sensors"]]
    assert 1 == document["other_devices"]
    assert "added" not in document


def test_configured_sensors_have_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    """Names from ./config.yaml show the user which sensors are already configured."""
    write_config(f'  "{ADDRESS}": "living_room"\n')

    discover([], four_devices)

    assert "  ok A4:C1:38:00:00:01  living_room  BTHome" in capsys.readouterr().out


def test_a_sensor_is_decrypted_with_its_configured_key(capsys: pytest.CaptureFixture[str]) -> None:
    """A user who has configured the key expects readings; the output may be published, and must not show the key."""
    write_config(f'  "{ENCRYPTED_VECTOR["address"]}": {{name: "attic", bindkey: "{KEY}"}}\n')

    discover([], four_devices)

    out, err = capsys.readouterr()
    assert re.search(r"attic .*25.1 °C, 50.5 %", out)
    assert KEY[:8] not in out + err


@pytest.mark.usefixtures("_without_cryptography")
def test_a_missing_library_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """Without the library, everything except encrypted readings can still be shown."""
    write_config(f'  "{ENCRYPTED_VECTOR["address"]}": {{name: "attic", bindkey: "{KEY}"}}\n')

    discover([], four_devices)

    out, err = capsys.readouterr()
    assert (
        "warning: encrypted packets are not decrypted: devices: a bindkey is set, but the library that decrypts" in err
    )
    assert "attic" in out


def test_a_broken_configuration_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """Listening needs no configuration, so a mistake in it must not prevent listening."""
    Path("config.yaml").write_text("devices: {}")

    assert 0 == discover([], four_devices)

    assert "warning: configured devices are not marked: config.yaml: scan_interval_seconds: " in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--config", "--write"])
def test_a_broken_configuration_that_is_named_is_an_error(option: str) -> None:
    """The user must learn of the mistake immediately, not after half a minute of listening."""
    Path("x.yaml").write_text("devices: {}")
    radio = Radio()

    with pytest.raises(ConfigError, match=r"x\.yaml: scan_interval_seconds: mandatory key is missing"):
        discover([option, "x.yaml"], lambda *_settings, **_options: radio)
    assert [] == radio.started


def test_a_named_configuration_must_exist() -> None:
    """If a mistyped file name were ignored, every sensor would seem new."""
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: can't be read"):
        discover(["--config", "nowhere.yaml"], four_devices)


def test_a_named_sensor_is_added(capsys: pytest.CaptureFixture[str]) -> None:
    """A script may add a sensor to a user's file, and must leave the comments and the order unchanged."""
    write_config(f'  "{ADDRESS}": "living_room"  # my own\n# the end\n')
    before = Path("config.yaml").read_text()

    assert 0 == discover(["--write", "config.yaml", "--add", f"{ANOTHER}=bed: room"], four_devices)

    line = f'  "{ANOTHER}": "bed: room"\n'
    assert before.replace("# my own\n", "# my own\n" + line) == Path("config.yaml").read_text()
    err = capsys.readouterr().err
    assert f'config.yaml: added {ANOTHER} as "bed: room"\n' in err
    assert "run the exporter: ble-exporter --config config.yaml\n" in err


def test_without_a_file_the_last_line_is_the_command_that_adds(capsys: pytest.CaptureFixture[str]) -> None:
    """A new user first looks around, and then needs to know the next step."""
    discover(["--mock"], four_devices)

    assert (
        "to add sensors: ble-exporter discover --write config.yaml --mock" == capsys.readouterr().err.splitlines()[-1]
    )


def test_the_adapter_that_was_used_must_be_in_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    """If the file does not name the adapter, the exporter may use another one that does not receive the sensor."""
    discover(["--write", "x.yaml", "--add", ADDRESS, "--adapter", "hci1"], four_devices)

    assert "x.yaml: does not name the adapter hci1; to listen with it, set: adapter: hci1" in capsys.readouterr().err


def test_an_adapter_that_the_file_names_is_not_added_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """A second `adapter` key would be an error, so the advice must contain the adapter that the file already names."""
    settings = "scan_interval_seconds: 30\nscan_duration_seconds: 30\nlisten_port: 8000\n"
    Path("x.yaml").write_text(f"{settings}adapter: hci0\ndevices: {{}}\n")
    discover(["--write", "x.yaml", "--add", ADDRESS, "--adapter", "hci1"], four_devices)

    assert "to listen with it, set: adapter: [hci0, hci1]" in capsys.readouterr().err


def test_the_last_line_keeps_the_simulation(capsys: pytest.CaptureFixture[str]) -> None:
    """Without `--mock`, the next command would look for Bluetooth hardware that the user does not have."""
    discover(["--write", "my home.yaml", "--add", ADDRESS, "--mock", "--mock-seed", "3"], four_devices)

    last = capsys.readouterr().err.splitlines()[-1]
    assert "run the exporter: ble-exporter --config 'my home.yaml' --mock --mock-seed 3" == last


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            "scan_interval_seconds: 30\nscan_duration_seconds: 5\n",
            "scans only 5 s of every 30 s, which costs less CPU time but leaves gaps in the graphs and shows only the",
        ),
        (
            "scan_interval_seconds: 30\nscan_duration_seconds: 5\nstale_after_seconds: auto\n",
            "scans only 5 s of every 30 s, which costs less CPU time but leaves gaps in the graphs; the recommended",
        ),
        ("scan_interval_seconds: 30\nscan_duration_seconds: 30\n", "shows only the values of the latest scan; the re"),
        ("scan_interval_seconds: 30\nscan_duration_seconds: 30\nstale_after_seconds: auto\n", ""),
    ],
)
def test_settings_that_are_not_recommended_are_named(
    settings: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A user who adds a sensor to the sample configuration should know why the graphs have gaps."""
    Path("x.yaml").write_text(f"{settings}listen_port: 8000\ndevices:\n")
    discover(["--write", "x.yaml", "--add", ADDRESS], four_devices)

    notes = [line for line in capsys.readouterr().err.splitlines() if "recommended settings are" in line]
    assert [said] * bool(said) == [note.removeprefix("x.yaml: ")[: len(said)] for note in notes]


def test_a_new_file_is_complete() -> None:
    """A new user has no configuration yet, and the service must accept the new file."""
    discover(["--write", "new.yaml", "--add", ADDRESS, "--add", f"{ANOTHER}=bedroom"], four_devices)

    assert {ADDRESS: "sensor_000001", ANOTHER: "bedroom"} == load_config("new.yaml").devices


def test_a_refused_sensor_is_reported_and_changes_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    """A script must notice that a sensor was not added, although the others were."""
    encrypted = ENCRYPTED_VECTOR["address"]

    status = discover(
        ["--write", "new.yaml", "--add", ADDRESS, "--add", encrypted, "--add", "A4:C1:38:FF:FF:FF"], four_devices
    )

    assert 1 == status
    assert [ADDRESS] == list(load_config("new.yaml").devices)
    err = capsys.readouterr().err
    assert f"not added: {encrypted}: it sends encrypted packets, and no bindkey was given\n" in err
    assert "not added: A4:C1:38:FF:FF:FF: no packet of a known format was received from it" in err


def test_what_was_chosen_is_printed_if_it_can_not_be_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A user who can paste the lines into the file need not listen and answer again."""
    write_config(f'  "{ADDRESS}": "living_room"\n')

    def no_longer_valid(*_settings: object, **_options: object) -> MockScanner:
        Path("config.yaml").write_text("listen_port: 8000\n")
        return four_devices()

    with pytest.raises(ConfigError, match="mandatory key is missing"):
        discover(["--write", "config.yaml", "--add", f"{ANOTHER}=bed"], no_longer_valid)

    expected = f'config.yaml: nothing was written; these are the lines to add below `devices:`\n  "{ANOTHER}": "bed"\n'
    assert capsys.readouterr().err.endswith(expected)


def test_without_a_terminal_and_a_choice_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal nobody can choose, and a sensor that nobody has chosen must not be added."""
    assert 0 == discover(["--write", "new.yaml"], four_devices)

    assert not Path("new.yaml").exists()
    assert capsys.readouterr().err.endswith(
        "new.yaml: nothing was written: there is no terminal for questions; choose with --add ADDRESS=NAME\n"
    )


def test_without_any_standard_input_it_works_as_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some launchers close standard input, which must not cause an error after half a minute of listening."""
    monkeypatch.setattr(sys, "stdin", None)

    assert 0 == discover(["--write", "new.yaml", "--add", ADDRESS], four_devices)

    assert [ADDRESS] == list(load_config("new.yaml").devices)


def test_json_lists_the_added_sensors(capsys: pytest.CaptureFixture[str]) -> None:
    """A script also needs the refused sensors, to report them."""
    assert 1 == discover(
        ["--json", "--write", "new.yaml", "--add", ADDRESS, "--add", ENCRYPTED_VECTOR["address"]], four_devices
    )

    document = json.loads(capsys.readouterr().out)
    assert [{"address": ADDRESS, "name": "sensor_000001"}] == document["added"]
    assert [ENCRYPTED_VECTOR["address"]] == [refusal["address"] for refusal in document["not_added"]]


def test_after_a_radio_failure_the_sensors_found_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """The sensors found before an adapter is unplugged are still useful to the user."""

    class Unplugged(Radio):
        async def run(self, listener: Listener, started: Callable[[], None]) -> None:
            await four_devices().run(listener, started)
            raise ScannerError("adapter hci0: it was unplugged")

    with pytest.raises(ScannerError, match="unplugged"):
        discover([], lambda *_settings, **_options: Unplugged())
    assert "Heard 3 sensors" in capsys.readouterr().out


def test_a_radio_that_does_not_start_prints_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty table would distract from the error."""
    with pytest.raises(ScannerError, match="no Bluetooth adapter"):
        discover([], lambda *_settings, **_options: Radio(error=ScannerError("no Bluetooth adapter")))
    assert "" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "config", "adapters"),
    [
        ([], None, ()),
        (["--adapter", "hci2"], f"adapter: [hci1, hci0]\ndevices: {{'{ADDRESS}': x}}", ("hci2",)),
        ([], f"adapter: [hci1, hci0]\ndevices: {{'{ADDRESS}': x}}", ("hci1",)),
    ],
)
def test_the_adapter_is_the_named_one_or_the_configured_one(
    arguments: list[str], config: str | None, adapters: tuple[str, ...]
) -> None:
    """Only one adapter is used, because with two each packet would count twice."""
    asked: list[RadioSettings] = []

    def record(settings: RadioSettings, **_options: object) -> MockScanner:
        asked.append(settings)
        return four_devices()

    if config is not None:
        Path("config.yaml").write_text(HEAD + config)
    discover(arguments, record)

    assert [RadioSettings(adapters)] == asked


@pytest.mark.program
def test_the_rest_of_a_capture_is_not_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    """Without the hint, a sensor that was recorded later would seem to be missing from the capture."""
    Path("x.capture").write_text("0 A4:C1:38:00:00:01 -61 -\n60 A4:C1:38:00:00:02 -61 -\n")

    assert 0 == discover(["--replay", "x.capture", "--seconds", "1"])

    assert (
        "the capture continues after these 1 s; to hear more: ble-exporter discover --replay x.capture "
        "--replay-speed 1000, or a longer --seconds\n" in capsys.readouterr().err
    )


def test_a_capture_is_played(capsys: pytest.CaptureFixture[str]) -> None:
    """A user can send a capture, and a developer can examine it on another machine."""
    Path("x.capture").write_text(f"0 {ADDRESS} -61 fcd2 {PACKET_A.hex()}\n")

    assert 0 == discover(["--replay", "x.capture"])

    assert "A4:C1:38:00:00:01        BTHome   -61      1         27.0 °C" in capsys.readouterr().out


class Terminal:
    """The command, running on an 80-column terminal of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._waited_for = 0
        self.text = ""

    def wait_for(self, words: str) -> None:
        """Wait until new output contains the words."""
        assert self._process.stdout is not None
        until = time.monotonic() + PATIENCE_S
        while words not in self.text[self._waited_for :]:
            assert time.monotonic() < until, f"no {words!r} in: {self.text}"
            if select.select([self._process.stdout], [], [], 1.0)[0]:
                read = os.read(self._process.stdout.fileno(), 65536)
                assert read, f"the command ended without {words!r}: {self.text}"
                self.text += read.decode(errors="replace")
        self._waited_for = self.text.index(words, self._waited_for) + len(words)

    def type(self, keys: str) -> None:
        """Type these keys."""
        self.type_bytes(keys.encode())

    def type_bytes(self, keys: bytes) -> None:
        """Type these bytes, as a terminal with another encoding sends them."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(keys)
            self._process.stdin.flush()

    def end(self, keys: str = "") -> int:
        """
        Type the keys, wait for the end, and return the exit status.

        If Ctrl-C arrives between a question and the read of its answer, Python notices it only at the next key. The
        keys are therefore typed again after 2 s without output.
        """
        assert self._process.stdout is not None
        until = time.monotonic() + PATIENCE_S
        self.type(keys)
        while time.monotonic() < until:
            if not select.select([self._process.stdout], [], [], 2.0)[0]:
                self.type(keys)
                continue
            read = os.read(self._process.stdout.fileno(), 65536)
            if not read:
                return self._process.wait(PATIENCE_S)
            self.text += read.decode(errors="replace")
        raise AssertionError(f"the command did not end: {self.text}")


@contextmanager
def on_a_terminal(*arguments: str) -> Iterator[Terminal]:
    """Run the command on a terminal; kill it at the end of the test."""
    relay = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    command = [sys.executable, "-m", "ble_exporter", "discover", *arguments]
    environment = {**os.environ, "COLUMNS": "80", "LINES": "24", "TERM": "xterm", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", relay, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        try:
            yield Terminal(process)
        finally:
            process.kill()


def test_a_user_chooses_and_names(tmp_path: Path) -> None:
    """The whole dialogue must work on a terminal, from the first packet to the written file."""
    with on_a_terminal("--mock", "--mock-seed", "3", "--write", "new.yaml", "--seconds", "600") as terminal:
        terminal.wait_for("ATC_7B109F")
        terminal.type("\x03")
        terminal.wait_for("Add which? Numbers, `all`, or Enter for none: ")
        number = re.findall(r"(\d+) A4:C1:38:7B:10:9F", terminal.text)[-1]
        terminal.type(f"{number}\r")
        terminal.wait_for("Name of A4:C1:38:7B:10:9F [atc_7b109f]: ")
        terminal.type("kitchen 🍳\r")

        assert 0 == terminal.end()

    assert {"A4:C1:38:7B:10:9F": "kitchen 🍳"} == load_config(str(tmp_path / "new.yaml")).devices
    assert 'new.yaml: added A4:C1:38:7B:10:9F as "kitchen 🍳"' in terminal.text


def test_a_typed_key_is_not_shown(tmp_path: Path) -> None:
    """The bindkey must not appear on the screen, and other users must not be able to read it in the written file."""
    (tmp_path / "x.capture").write_text(f"0 {ENCRYPTED_VECTOR['address']} -61 fcd2 {ENCRYPTED_VECTOR['payload']}\n")
    with on_a_terminal("--replay", "x.capture", "--write", "new.yaml") as terminal:
        terminal.wait_for("Add which?")
        terminal.type("1\r")
        terminal.wait_for("Name of")
        terminal.type("attic\r")
        terminal.wait_for('Bindkey of "attic"')
        terminal.type("f" * 32 + "\r")
        terminal.wait_for("This key does not decrypt the sensor's packets")
        terminal.wait_for('Bindkey of "attic"')
        terminal.type(KEY + "\r")

        assert 0 == terminal.end()

    assert {ENCRYPTED_VECTOR["address"]: bytes.fromhex(KEY)} == load_config(str(tmp_path / "new.yaml")).keys
    assert 0o600 == (tmp_path / "new.yaml").stat().st_mode & 0o777
    assert KEY[:8] not in terminal.text
    assert "ffff" not in terminal.text


@pytest.mark.parametrize(("keys", "status"), [("\r", 0), ("\x04", 0), ("\x03", 130)])
def test_choosing_nothing_changes_nothing(tmp_path: Path, keys: str, status: int) -> None:
    """A user who chooses nothing, by Enter, Ctrl-D or Ctrl-C, expects no change to the file."""
    (tmp_path / "x.capture").write_text(f"0 {ADDRESS} -61 fcd2 {PACKET_A.hex()}\n")
    with on_a_terminal("--replay", "x.capture", "--write", "new.yaml") as terminal:
        terminal.wait_for("Add which?")

        assert status == terminal.end(keys)

    assert "new.yaml: nothing was written" in terminal.text
    assert not (tmp_path / "new.yaml").exists()


def test_without_a_key_only_that_sensor_is_left_out(tmp_path: Path) -> None:
    """After Ctrl-D in place of a key, the other sensor must be added, and the exit status must be 1."""
    encrypted = ENCRYPTED_VECTOR["address"]
    (tmp_path / "x.capture").write_text(
        f"0 {ADDRESS} -61 fcd2 {PACKET_A.hex()}\n0 {encrypted} -61 fcd2 {ENCRYPTED_VECTOR['payload']}\n"
    )
    with on_a_terminal(
        "--replay", "x.capture", "--write", "new.yaml", "--add", f"{encrypted}=attic", "--add", f"{ADDRESS}=bed"
    ) as terminal:
        terminal.wait_for('Bindkey of "attic"')
        terminal.type("\x04")

        assert 1 == terminal.end()

    assert {ADDRESS: "bed"} == load_config(str(tmp_path / "new.yaml")).devices
    assert f"not added: {encrypted}: it sends encrypted packets, and no bindkey was given" in terminal.text


def test_an_answer_that_is_not_valid_text_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal with another encoding sends an ü as a byte that is invalid in UTF-8, at any of the three questions."""
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")
    (tmp_path / "x.capture").write_text(f"0 {ENCRYPTED_VECTOR['address']} -61 fcd2 {ENCRYPTED_VECTOR['payload']}\n")
    with on_a_terminal("--replay", "x.capture", "--write", "new.yaml") as terminal:
        terminal.wait_for("Add which?")
        terminal.type_bytes(b"\xfc\r")
        terminal.wait_for("Write 1, or `all`.")
        terminal.wait_for("Add which?")
        terminal.type("1\r")
        terminal.wait_for("Name of")
        terminal.type_bytes(b"k\xfcche\r")
        terminal.wait_for("The name contains the control character U+0000; remove it.")
        terminal.wait_for("Name of")
        terminal.type("attic\r")
        terminal.wait_for('Bindkey of "attic"')
        terminal.type_bytes(b"\xfc\r")
        terminal.wait_for("It has 1 character, not 32")
        terminal.wait_for('Bindkey of "attic"')
        terminal.type(KEY + "\r")

        assert 0 == terminal.end()

    assert {ENCRYPTED_VECTOR["address"]: "attic"} == load_config(str(tmp_path / "new.yaml")).devices


def test_the_terminal_needs_no_restoring() -> None:
    """A killed program can't restore the terminal, so it must neither use the alternate screen nor hide the cursor."""
    with on_a_terminal("--mock", "--mock-seed", "3") as terminal:
        terminal.wait_for("ATC_7B109F")

    assert {"m", "K", "J", "A"} >= set(re.findall(r"\x1b\[[0-9;]*(.)", terminal.text))
    assert "\x1b[?" not in terminal.text
