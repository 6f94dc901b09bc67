"""Tests of what `capture` records, and what it prints."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from ble_exporter.cli.capture.command import parse
from ble_exporter.cli.capture.recording import Recording
from ble_exporter.cli.capture.run import Recorder, run
from ble_exporter.errors import ConfigError, ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner import Listener, MockScanner, RadioSettings, build_radio
from ble_exporter.scanner.btsnoop import EVENT, Record, header, new_index, record_bytes, records
from ble_exporter.scanner.build import RadioBuilder
from ble_exporter.scanner.capture import Transmission, load_capture
from ble_exporter.scanner.monitor_socket import SocketOpener
from tests.conftest import PACKET_A
from tests.program import PATIENCE_S, ROOT, running
from tests.radios import Radio
from tests.scanner.monitor_frames import SENDER, Channel, frame, legacy_report, service_data

STRANGER = "5A:00:00:00:00:01"
AIR = [Transmission(0.0, SENDER, -60, {UUID: PACKET_A}, "ATC"), Transmission(0.0, STRANGER, -70, {}, "Neighbour")]
CONFIG = "scan_interval_seconds: 30\nscan_duration_seconds: 5\nlisten_port: 8000\n" + f'devices: {{"{SENDER}": bed}}\n'


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test in a directory without a config.yaml."""
    monkeypatch.chdir(tmp_path)


def two_devices(*_settings: object, **_options: object) -> MockScanner:
    """Return a radio that plays a packet of a sensor and a packet of an unknown device, and then ends."""
    return MockScanner(air=AIR)


def capture(*arguments: str, build: RadioBuilder = two_devices) -> int:
    """Run the command with this radio; return the exit status."""
    return run(parse(["home.btsnoop", *arguments]), build)


def senders(path: str = "home.btsnoop") -> list[tuple[str, str]]:
    """Return the addresses and names in a capture."""
    return [(sent.address, sent.name) for sent in load_capture(path)]


def test_without_the_monitor_channel_events_are_made_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Without privileges, the program gets only bluetoothd's reports, and the user must know that."""
    assert 0 == capture()

    assert [(SENDER, "ATC"), (STRANGER, "Neighbour")] == senders()
    out, err = capsys.readouterr()
    assert "home.btsnoop: 2 packets of 2 devices, " in out
    assert "note: the events are made up from bluetoothd's reports" in err
    assert "to leave out other devices: " in err
    assert " capture public-home.btsnoop --replay home.btsnoop --only ADDRESS\n" in err
    assert "to read it: btmon -r home.btsnoop, Wireshark, or " in err


def test_the_kernel_s_events_are_recorded_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    """A bug in how events are read can be found only in the events, so no event may be changed or made up."""
    channel = Channel()
    report = frame(legacy_report(service_data(PACKET_A)), controller=1)

    class Monitor(Radio):
        """A radio that uses the monitor channel, and hears one event twice."""

        def __init__(self, open_socket: SocketOpener) -> None:
            super().__init__()
            self._open_socket = open_socket

        async def run(self, listener: Listener, started: Callable[[], None]) -> None:
            """See Radio."""
            started()
            monitor = await self._open_socket(1)
            channel.receive(report, report)
            assert 2 == len(monitor.read())
            assert not listener.wants(SENDER)
            monitor.close()

    def build(_settings: RadioSettings, *, open_socket: SocketOpener, **_options: object) -> Monitor:
        return Monitor(open_socket)

    assert 0 == run(parse(["home.btsnoop"]), build, channel.open)

    channel.close()
    first, *others = records(Path("home.btsnoop").read_bytes())
    assert new_index(first.at_us, 1) == first
    assert [(1, EVENT, report[6:])] * 2 == [(one.controller, one.opcode, one.packet) for one in others]
    assert "the controller's events, with the kernel's timestamps" in capsys.readouterr().err


def test_lost_events_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """A gap in the file must not be mistaken for silence on air. A damaged event is in the file, so it is not lost."""
    radio = two_devices()
    radio.lost_events = {("hci0", "buffer_full"): 3, ("hci1", "buffer_full"): 2, ("hci0", "invalid"): 7}

    assert 0 == capture(build=lambda *_settings, **_options: radio)

    assert "note: 5 events could not be recorded: this machine was too busy" in capsys.readouterr().err


def test_the_configuration_says_who_is_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    """A file for a public bug report must not contain neighbours' addresses and names."""
    Path("config.yaml").write_text(CONFIG)

    assert 0 == capture("--only-configured")

    assert [(SENDER, "ATC")] == senders()
    assert "to leave out" not in capsys.readouterr().err


def test_a_device_that_is_not_configured_can_be_chosen() -> None:
    """The bug may be that `discover` does not recognise the sensor, which is therefore not configured."""
    assert 0 == capture("--only", STRANGER)

    assert [(STRANGER, "Neighbour")] == senders()


def test_without_a_configuration_nobody_is_configured() -> None:
    """If every device were recorded instead, the user might publish the data of other devices."""
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        capture("--only-configured")

    assert not Path("home.btsnoop").exists()


def test_the_radio_has_the_configured_settings() -> None:
    """The bug may depend on the setting `ear`, but a command that only records must not reset the adapter."""
    asked: list[RadioSettings] = []

    def build(settings: RadioSettings, **_options: object) -> MockScanner:
        asked.append(settings)
        return two_devices()

    Path("config.yaml").write_text(f"{CONFIG}adapter: hci1\near: bluez\non_silence: reset\n")
    capture(build=build)
    capture("--adapter", "hci2", "--force", build=build)

    assert [("bluez", ("hci1",), False), ("bluez", ("hci2",), False)] == [
        (one.ear, tuple(one.adapters), one.resets) for one in asked
    ]


def test_a_capture_is_reduced_without_waiting(capsys: pytest.CaptureFixture[str]) -> None:
    """Keys and other devices' packets in a `btmon -w` file must go; its pause of an hour must not delay the copy."""
    theirs = [
        Record(1_700_000_000_000_000, 0, 0, bytes(16)),
        Record(1_700_000_000_000_001, 0, EVENT, bytes.fromhex("3e0c0501000000000000000000000000")[:14]),
        Record(1_700_000_000_000_002, 0, 2, b"a link key"),
        Record(1_700_000_000_000_003, 0, EVENT, frame(legacy_report(b"", sender=STRANGER))[6:]),
        Record(1_700_003_600_000_004, 0, EVENT, frame(legacy_report(service_data(PACKET_A)))[6:]),
    ]
    Path("theirs.btsnoop").write_bytes(header() + b"".join(map(record_bytes, theirs)))

    assert 0 == capture("--replay", "theirs.btsnoop", "--only", SENDER, build=build_radio)

    assert [new_index(theirs[-1].at_us, 0), theirs[-1]] == list(records(Path("home.btsnoop").read_bytes()))
    out, err = capsys.readouterr()
    assert out.startswith("home.btsnoop: 1 packet of 1 device, ")
    assert "left out: 1 packet of other devices" in err


def test_a_capture_can_be_reduced_in_place() -> None:
    """A capture may be its own output file, so it must be read completely before the file is replaced."""
    Path("home.btsnoop").write_text(f"0 {SENDER} -61 -\n0 {STRANGER} -61 -\n")

    assert 0 == capture("--replay", "home.btsnoop", "--only", SENDER, "--force")

    assert [(SENDER, "")] == senders()


def test_the_file_ends_at_its_size(capsys: pytest.CaptureFixture[str]) -> None:
    """The user must learn that the end of the recording is missing."""
    Path("long.capture").write_text("".join(f"{second} {SENDER} -61 -\n" for second in range(100)))

    assert 0 == capture("--replay", "long.capture", "--megabytes", "0.001")

    assert 1000 >= Path("home.btsnoop").stat().st_size
    assert "the file ends early, at its maximum size (--megabytes 0.001)" in capsys.readouterr().err


def test_if_nothing_is_heard_there_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    """A script must not go on with an empty capture."""
    assert 1 == capture("--only", "A4:C1:38:00:00:99")

    assert not Path("home.btsnoop").exists()
    assert "home.btsnoop: nothing was recorded, so the file was not written" in capsys.readouterr().err


def test_a_failing_radio_leaves_no_empty_file() -> None:
    """The next attempt would need --force to overwrite the empty file."""
    with pytest.raises(ScannerError, match="no adapter"):
        capture(build=lambda *_settings, **_options: Radio(error=ScannerError("no adapter")))

    assert not Path("home.btsnoop").exists()


@pytest.mark.program
def test_simulated_packets_are_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    """A user can try the command without hardware."""
    assert 0 == capture("--mock", "--mock-seed", "1", "--mock-strangers", "1", "--seconds", "1", build=build_radio)

    assert 4 == len(set(senders()))
    assert "note: the events are made up, because no controller was involved" in capsys.readouterr().err


def test_an_advertisement_has_the_time_and_the_adapter_of_its_reception() -> None:
    """With several adapters, or if packets are delivered late, the recorded adapters and times must be right."""
    recording = Recording("home.btsnoop", 10_000)
    recorder = Recorder(recording, None, clock=lambda: 1_700_000_000.5)
    for adapter in ("hci1", "", "hci"):
        recorder.handle(Advertisement(SENDER, {UUID: PACKET_A}, -60, adapter, age_s=0.25))
    recording.close()

    written = [one for one in records(Path("home.btsnoop").read_bytes()) if one.opcode == EVENT]
    assert [(1_700_000_000_250_000, controller) for controller in (1, 0, 0)] == [
        (one.at_us, one.controller) for one in written
    ]


@pytest.mark.program
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_whole_file(tmp_path: Path, number: signal.Signals) -> None:
    """`timeout 60 ble-exporter capture …` and Ctrl-C must not lose the recorded packets."""
    path = tmp_path / "home.btsnoop"
    with running("capture", str(path), "--mock", "--seconds", str(PATIENCE_S)) as process:
        while not (path.exists() and path.stat().st_size > 500):
            assert process.poll() is None
        process.send_signal(number)
        out, _ = process.communicate(timeout=PATIENCE_S)

    assert 0 == process.returncode
    assert re.match(rf"{re.escape(str(path))}: \d+ packets of \d+ devices, ", out)
    assert list(load_capture(str(path)))


@pytest.mark.program
def test_a_terminal_shows_the_progress(tmp_path: Path) -> None:
    """The user waits for a minute, and must see that packets arrive."""
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "ble_exporter", "capture", str(tmp_path / "x"), "--mock", "--seconds", "1"]
    with subprocess.Popen(command, stderr=end, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "TERM": "xterm"}):
        os.close(end)
        shown = b""
        with suppress(OSError):
            while part := os.read(terminal, 4096):
                shown += part
    os.close(terminal)

    assert re.search(
        rb"\r\S+/x: \d+ packets? of \d+ devices?, [^\r]*; 1 s left; Ctrl-C ends the recording\x1b\[K", shown
    )
    assert b"\r\x1b[K" in shown


def test_the_printed_command_fits(capsys: pytest.CaptureFixture[str]) -> None:
    """If the printed command failed, users might publish the capture with their neighbours' devices."""
    Path("other.yaml").write_text(CONFIG)
    Path("my captures").mkdir()

    assert 0 == run(parse(["my captures/x", "--config", "other.yaml"]), two_devices)

    err = capsys.readouterr().err
    assert " capture 'my captures/public-x' --replay 'my captures/x' --only-configured --config other.yaml\n" in err
    assert "to read it: btmon -r 'my captures/x', Wireshark, or " in err


def test_the_printed_command_fits_any_file_name(capsys: pytest.CaptureFixture[str]) -> None:
    """File names need not be valid UTF-8; if an invalid byte were replaced, the command would name another file."""
    assert 0 == capture() == run(parse(["garage\udcff", "--replay", "home.btsnoop"]))

    err = capsys.readouterr().err
    assert r"capture $'public-garage\377' --replay $'garage\377' --only" in err
    assert r"to read it: btmon -r $'garage\377', Wireshark, or " in err
