"""Tests of what `capture` records when something fails."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ble_exporter.cli.capture.recording import Recording
from ble_exporter.cli.capture.run import Recorder
from ble_exporter.errors import ConfigError, ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner import Listener
from ble_exporter.scanner.btsnoop import EVENT, Record, header, record_bytes, records
from tests.cli.capture.test_recording import file_limit
from tests.cli.capture.test_run import STRANGER, capture, senders
from tests.conftest import PACKET_A
from tests.program import PATIENCE_S, running
from tests.radios import Radio
from tests.scanner.monitor_frames import SENDER, frame, legacy_report, service_data


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test in a directory without a config.yaml."""
    monkeypatch.chdir(tmp_path)


def test_without_a_radio_the_old_capture_remains(capsys: pytest.CaptureFixture[str]) -> None:
    """If D-Bus is down at the second attempt, the first capture must remain."""
    Path("home.btsnoop").write_bytes(b"precious")

    with pytest.raises(ScannerError, match="no adapter"):
        capture("--force", build=lambda *_settings, **_options: Radio(error=ScannerError("no adapter")))

    assert b"precious" == Path("home.btsnoop").read_bytes()
    assert "home.btsnoop: nothing was written\n" in capsys.readouterr().err


class Failing(Radio):
    """A radio that fails after it has heard a packet."""

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """See Radio."""
        started()
        listener.handle(Advertisement(SENDER, {UUID: PACKET_A}, -60))
        raise ScannerError("gone")


def test_after_a_failure_the_user_learns_what_was_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    """The error alone would look as if hours of recording were lost."""
    with pytest.raises(ScannerError, match="gone"):
        capture(build=lambda *_settings, **_options: Failing())

    assert [(SENDER, "")] == senders()
    assert "home.btsnoop: 1 packet of 1 device, " in (err := capsys.readouterr().err)
    assert ", recorded until it failed\n" in err


def test_a_part_of_a_capture_does_not_replace_it() -> None:
    """With a limit that is too low, a conversion in place would destroy the end of the capture."""
    text = "".join(f"{second} {SENDER} -61 -\n" for second in range(100))
    Path("home.btsnoop").write_text(text)

    with pytest.raises(ConfigError, match=r"the file would exceed its maximum size \(--megabytes 0.001\)"):
        capture("--replay", "home.btsnoop", "--force", "--megabytes", "0.001")

    assert text == Path("home.btsnoop").read_text()


def test_a_conversion_keeps_damaged_events_and_says_what_it_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """The damage may be the fault that the user reports."""
    damaged = frame(legacy_report(b"", sender=STRANGER)[:5])[6:]
    whole = frame(legacy_report(service_data(PACKET_A)))[6:]
    theirs = [Record(1_700_000_000_000_000, 0, EVENT, one) for one in (damaged, whole)]
    Path("theirs.btsnoop").write_bytes(header() + b"".join(map(record_bytes, theirs)))

    assert 0 == capture("--replay", "theirs.btsnoop")
    assert theirs == [one for one in records(Path("home.btsnoop").read_bytes()) if one.opcode == EVENT]
    assert 0 == capture("--replay", "theirs.btsnoop", "--force", "--only", SENDER)
    assert "left out, wholly or in part, because the sender is uncertain: 1 damaged event" in capsys.readouterr().err


def test_a_clock_that_is_set_does_not_move_the_times() -> None:
    """If a Pi sets its clock forward by hours during a capture, a replay must not pause for that time."""
    wall, boot = [1000.0], [10.0]
    recording = Recording("home.btsnoop", 10_000)
    recorder = Recorder(recording, None, clock=lambda: wall[0], boot=lambda: boot[0])
    for passed_s, set_by_s in ((0.0, 0.0), (5.0, 0.0), (0.0, 21_600.0), (5.0, 0.0)):
        boot[0] += passed_s
        wall[0] += passed_s + set_by_s
        # The kernel stamped the third packet before the clock was set.
        recorder.handle(Advertisement(SENDER, {UUID: PACKET_A}, -60, age_s=set_by_s))
    recording.close()

    times = [one.at_us for one in records(Path("home.btsnoop").read_bytes()) if one.opcode == EVENT]
    assert [1000, 1005, 1005, 1010] == [at_us / 1e6 for at_us in times]


@pytest.mark.program
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_a_conversion_leaves_the_file_as_it_was(tmp_path: Path, number: signal.Signals) -> None:
    """An incomplete conversion must not replace the complete capture."""
    path = tmp_path / "home.btsnoop"
    one = record_bytes(Record(0, 0, EVENT, frame(legacy_report(service_data(PACKET_A)))[6:]))
    old = header() + one * (9_900_000 // len(one))
    path.write_bytes(old)
    # Disable coverage measurement, with which the program once failed to end.
    unmeasured = dict.fromkeys(("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"), "")
    arguments = ("capture", str(path), "--replay", str(path), "--force", "--only", SENDER)
    with running(*arguments, **unmeasured) as process:
        while not any(file != path and file.stat().st_size > 1000 for file in tmp_path.iterdir()):
            assert process.poll() is None
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE_S)

    assert 128 + number == process.returncode
    assert f"{path}: nothing was written\n" in err
    assert old == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def written() -> int:
    """Return the size of the file that is being recorded: the largest one, if an old capture exists."""
    return max(path.stat().st_size for path in Path().glob("home.btsnoop*"))


class Filling(Radio):
    """A radio that receives one packet before the disk fills up, and one after."""

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """See Radio."""
        started()
        listener.handle(Advertisement(SENDER, {UUID: PACKET_A}, -60))
        with file_limit(written()):
            listener.handle(Advertisement(SENDER, {UUID: PACKET_A}, -60))


def test_a_disk_that_fills_up_ends_the_capture(capsys: pytest.CaptureFixture[str]) -> None:
    """The packets recorded before the disk was full are kept, and an error reports that the capture is incomplete."""
    with pytest.raises(ConfigError, match=r"the file can't be written \(File too large\): it ends early"):
        capture(build=lambda *_settings, **_options: Filling())

    assert [(SENDER, "")] == senders()
    assert "recorded until it failed" not in capsys.readouterr().err


def test_a_disk_that_fills_up_keeps_the_old_capture() -> None:
    """Even with --force, an incomplete capture must not replace the old one, which may be complete."""
    Path("home.btsnoop").write_bytes(b"old")

    with pytest.raises(ConfigError, match=r"not replaced; the part that was recorded is in \S+\.part-") as failed:
        capture("--force", build=lambda *_settings, **_options: Filling())

    assert b"old" == Path("home.btsnoop").read_bytes()
    assert [(SENDER, "")] == senders(str(failed.value).rpartition(" ")[2])


def test_a_radio_that_fails_keeps_the_old_capture(capsys: pytest.CaptureFixture[str]) -> None:
    """The user must learn where to find the recorded part, which may show the fault."""
    Path("home.btsnoop").write_bytes(b"old")

    with pytest.raises(ScannerError, match="gone"):
        capture("--force", build=lambda *_settings, **_options: Failing())

    assert b"old" == Path("home.btsnoop").read_bytes()
    part, _, text = capsys.readouterr().err.splitlines()[-1].partition(": ")
    assert [(SENDER, "")] == senders(part)
    assert text.endswith("recorded until it failed")
