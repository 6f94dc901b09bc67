"""Tests of `ble-exporter doctor` as a whole: its output and exit status."""

import asyncio
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ble_exporter.cli.doctor.check import CheckContext
from ble_exporter.cli.doctor.run import run
from ble_exporter.scanner import build_radio
from ble_exporter.utils import is_visible
from tests.cli.conftest import Write
from tests.scanner.conftest import on_bluez
from tests.scanner.scripted_bluez import ScriptedBluez
from tests.scanner.test_inspection import switch

Act = Callable[[ScriptedBluez], object]


def examined(bus: Path, context: CheckContext, act: Act = lambda _bluez: None) -> tuple[int, str]:
    """Run `doctor` with a scripted bluetoothd; return the exit status and the output."""

    async def run_with(bluez: ScriptedBluez) -> tuple[int, str]:
        bluez.processes = {"org.bluez": 812}
        act(bluez)
        stream = io.StringIO()
        status = await asyncio.to_thread(run, context, stream)
        return status, stream.getvalue()

    result: tuple[int, str] = on_bluez(bus, run_with)
    return result


def levels(report: str) -> list[str]:
    """Return the level of each line that has one."""
    return re.findall(r"^(ok|warn|fail|skip) ", report, re.MULTILINE)


def test_a_healthy_machine_passes_every_check(bus: Path, context: CheckContext) -> None:
    """A user must see from the summary that nothing needs repair."""
    status, report = examined(bus, context)

    assert 0 == status
    assert {"ok"} == set(levels(report))
    assert 15 == len(levels(report)), report
    assert report.endswith("\n\nall is well: 2 of 2 sensors heard\n")
    assert "\x1b" not in report


def test_it_listens_as_the_service_does(bus: Path, context: CheckContext, write: Write) -> None:
    """`doctor` must use the adapter that the service would choose, or its result would not apply to the service."""
    context.build, context.seconds = build_radio, 0.1
    write(ear="bluez")
    seen: list[ScriptedBluez] = []
    status, report = examined(bus, context, seen.append)

    assert 0 == status
    assert ("StartDiscovery", "/org/bluez/hci0") in seen[0].calls
    assert "warn air: nothing was heard in 0.1 s with hci0, not even from unknown devices" in report
    assert "; 0 of 2 sensors heard\n" in report


def test_a_failure_shows_its_command_and_skips_dependent_checks(bus: Path, context: CheckContext) -> None:
    """One cause must appear as one failure, and checks that do not need Bluetooth must still run."""
    folder = switch(context.root, 0, soft="1")
    status, report = examined(bus, context)

    assert 1 == status
    assert f"fail rfkill blocks hci0\n     → echo 0 | sudo tee {folder}/soft\n" in report
    assert ["skip"] * 5 == [level for level in levels(report) if level == "skip"]
    assert "skip adapter: not checked before rfkill is in order\n" in report
    assert report.endswith(f"\n1 failure; fix this first: rfkill: echo 0 | sudo tee {folder}/soft\n")


def test_failures_and_warnings_are_counted(bus: Path, context: CheckContext) -> None:
    """The first failure may cause the others, so the summary must say how to fix the first."""
    (context.root / "run/systemd/timesync/synchronized").unlink()
    context.output_of = lambda *_command: "no"
    Path(context.config_path).write_text("")
    status, report = examined(bus, context, ScriptedBluez.vanish)

    assert 1 == status
    assert f"2 failures, 1 warning; fix this first: configuration: nano {context.config_path}\n" in report


def test_a_command_that_needs_bluetooth_is_not_suggested_first(bus: Path, context: CheckContext) -> None:
    """A new user has no configuration yet, and `discover` receives nothing while the adapter is blocked."""
    folder = switch(context.root, 0, soft="1")
    Path(context.config_path).unlink()
    status, report = examined(bus, context)

    assert 1 == status
    assert f" discover --write {context.config_path}\n" in report
    assert report.endswith(f"\n2 failures; fix this first: rfkill: echo 0 | sudo tee {folder}/soft\n")


def test_a_warning_is_no_failure(bus: Path, context: CheckContext) -> None:
    """Despite the warning the service exports readings, so the exit status is 0."""
    (context.root / "run/systemd/timesync/synchronized").unlink()
    context.output_of = lambda *_command: "no"
    status, report = examined(bus, context)

    assert 0 == status
    assert report.endswith("\n1 warning; 2 of 2 sensors heard\n")


def test_a_check_that_breaks_is_one_line(bus: Path, context: CheckContext) -> None:
    """A bug in one check must not hide the results of the others."""
    context.clock = lambda: -1e300
    status, report = examined(bus, context)

    assert 1 == status
    assert (
        "\nfail clock: this check crashed: OverflowError: timestamp out of range for platform time_t; please" in report
    )
    assert 14 == levels(report).count("ok")


def test_without_listening_the_other_checks_run(bus: Path, context: CheckContext) -> None:
    """A script may skip the slowest check and still learn the results of the others."""
    context.seconds = 0
    status, report = examined(bus, context)

    assert 0 == status
    assert "skip sensors: not checked (--seconds 0)\n" in report
    assert report.endswith("\nall is well: sensors not checked\n")


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def test_a_terminal_shows_colours_and_progress(
    context: CheckContext, bus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a progress line, ten seconds of listening would look like a hang."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    context.is_mock = True
    stream = Terminal()
    run(context, stream)

    assert "\x1b[32mok  \x1b[0m user: " in stream.getvalue()
    assert "\x1b[2m     listening for 1 s …\x1b[0m\n" in stream.getvalue()


def test_a_stream_that_can_not_encode_the_arrow_gets_ascii(context: CheckContext, bus: Path) -> None:
    """A serial line or an old locale must not cause a traceback."""
    Path(context.config_path).write_text("ä: 1\n", encoding="utf-8")
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    status = run(context, stream)

    assert 1 == status
    assert b"?: unknown key" in raw.getvalue()
    assert b"     -> nano +1 " in raw.getvalue()


class Closed(io.StringIO):
    """A pipe without a reader."""

    def write(self, text: str) -> int:  # noqa: ARG002 - TextIO's
        """Fail, as a pipe does after `head` has ended."""
        raise BrokenPipeError


def test_a_closed_pipe_keeps_the_exit_status(context: CheckContext, bus: Path) -> None:
    """A script may read only the first lines of the output, but relies on the exit status."""
    assert 1 == run(context, Closed())


def test_a_command_with_a_line_break_is_not_shown(context: CheckContext, bus: Path) -> None:
    """Pasted into a shell, a command with a line break would run as two commands."""
    context.config_path = "no\nsuch\x1b[2Jfile"
    stream = io.StringIO()
    run(context, stream)

    assert "\x1b" not in stream.getvalue()
    assert "nano" not in stream.getvalue().partition("fix this first")[0]


ERRORS = st.tuples(
    st.sampled_from(
        [
            "org.freedesktop.DBus.Error.ServiceUnknown",
            "org.freedesktop.DBus.Error.AccessDenied",
            "org.freedesktop.systemd1.UnitMasked",
            "com.example.Whatever",
        ]
    ),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    config=st.one_of(st.none(), st.binary(max_size=60)),
    errors=st.dictionaries(st.sampled_from(["GetManagedObjects", "ListNames"]), ERRORS),
    output=st.one_of(st.none(), st.text(max_size=20)),
    now=st.floats(),
    flag=st.binary(max_size=4),
)
def test_no_state_of_the_machine_breaks_it(
    bus: Path,
    context: CheckContext,
    *,
    config: bytes | None,
    errors: dict[str, tuple[str, str]],
    output: str | None,
    now: float,
    flag: bytes,
) -> None:
    """Users run `doctor` when something is broken, and a traceback would not help them to find the cause."""
    bus.unlink(missing_ok=True)
    if config is not None:
        Path(context.config_path).write_bytes(config)
    folder = context.root / "sys/class/rfkill/rfkill0"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "type").write_text("bluetooth\n")
    (folder / "soft").write_bytes(flag)
    context.output_of, context.clock, context.config = lambda *_command: output, lambda: now, None
    status, report = examined(bus, context, lambda bluez: bluez.errors.update(errors))

    assert ("fail" in levels(report)) == bool(status)
    assert all(map(is_visible, report.replace("\n", "")))
