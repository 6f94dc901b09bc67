"""The command line: arguments, output and exit status."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from ble_exporter import __version__
from ble_exporter.errors import ConfigError, PortError
from ble_exporter.main import main
from tests.conftest import HERE
from tests.program import PATIENCE_S, ROOT, running, write_config
from tests.radios import Radio

pytestmark = [pytest.mark.usefixtures("process_as_before"), pytest.mark.program]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration file with a free port and a log in the test's folder."""
    return write_config(tmp_path, {})


def test_a_bad_request_is_not_shown_on_standard_error(tmp_path: Path) -> None:
    """Anybody on the network can send bad requests: they must not fill the journal, or the SD card."""
    path = write_config(tmp_path, {"log_level": "DEBUG"})
    port = yaml.safe_load(path.read_text())["listen_port"]
    log = tmp_path / "logs" / "x.log"
    with running("--config", str(path), "--mock") as process:
        while not (log.exists() and "serving on" in log.read_text()):
            assert process.poll() is None
        for target in [b"http://[]@/", b"/ "] * 10:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost : x\r\n\r\n")
                answer = connection.recv(1000)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE_S)

    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert "" == err
    assert "Traceback" not in log.read_text()
    assert 1 == len(
        [line for line in log.read_text().splitlines() if " WARNING a request was not understood: " in line]
    )


def test_a_full_disk_does_not_fill_standard_error(tmp_path: Path) -> None:
    """By default, Python prints a traceback for each lost log line, which would fill the journal, too."""
    path = write_config(tmp_path, {"log_file": "/dev/full"})
    assert 0 == main(["--config", str(path), "--config.check"])
    with running("--config", str(path), DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={tmp_path}/nothing") as process:
        _, err = process.communicate(timeout=PATIENCE_S)

    # One line for the log, one for Bluetooth.
    assert (69, 2) == (process.returncode, err.count("\n"))


def test_the_shipped_capture_is_heard_with_its_configuration(tmp_path: Path) -> None:
    """A visitor without sensors tries this command of docs/commands.md; a wrong address would leave the page empty."""
    (command,) = re.findall(
        r"^ble-exporter (--config \S+ --replay \S+)$", (ROOT / "docs/commands.md").read_text(), re.MULTILINE
    )
    _, config, _, capture = command.split()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = (ROOT / config).read_text(encoding="utf-8")
    (tmp_path / "config.yaml").write_text(text.replace("listen_port: 8000", f"listen_port: {port}"), encoding="utf-8")
    sent = set(re.findall(r"^[\d.]+ +(\S+)", (ROOT / capture).read_text(encoding="utf-8"), re.MULTILINE))
    with running("--config", str(tmp_path / "config.yaml"), "--replay", str(ROOT / capture)) as process:
        assert process.stderr is not None
        heard = [next(line for line in process.stderr if "for the first time" in line) for _ in sent]

    assert sent == {address for line in heard for address in re.findall(r"\(([0-9A-F:]+)\)", line)}


def test_a_capture_is_replayed(tmp_path: Path) -> None:
    """Recorded packets of real sensors must take the same path as packets from the radio."""
    path = write_config(tmp_path, {"log_file": "-", "devices": {"A4:C1:38:AA:BB:01": "kitchen"}})
    with running("--config", str(path), "--replay", str(ROOT / "contrib" / "lywsd03mmc.capture")) as process:
        assert process.stderr is not None
        heard = next(line for line in process.stderr if " heard " in line)

    assert "heard kitchen (A4:C1:38:AA:BB:01) for the first time: battery 81 %, temperature 27.01 °C" in heard


def test_without_bluetooth_it_ends_with_69_and_one_line(config: Path, tmp_path: Path) -> None:
    """The journal and the log must each have the cause and a hint, in one line: a traceback would hide them."""
    with running("--config", str(config), DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={tmp_path}/nothing") as process:
        out, err = process.communicate(timeout=PATIENCE_S)

    assert (69, "") == (process.returncode, out)
    assert re.fullmatch(r"ble-exporter: error: D-Bus can't be reached \(.*\): start it with `systemctl.*\n", err)
    assert " ERROR D-Bus can't be reached" in (tmp_path / "logs" / "x.log").read_text()


def test_a_log_on_standard_error_has_the_error_once(tmp_path: Path) -> None:
    """In the journal, the same line twice looks like two errors."""
    path = write_config(tmp_path, {"log_file": "-"})
    with running("--config", str(path), DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={tmp_path}/nothing") as process:
        _, err = process.communicate(timeout=PATIENCE_S)

    assert (69, 1) == (process.returncode, err.count("D-Bus can't be reached"))


@pytest.mark.parametrize(("error", "status"), [(PortError("in use"), 75), (ConfigError("wrong"), 78)])
def test_a_port_that_stays_in_use_ends_with_75_and_one_line(
    config: Path, capsys: pytest.CaptureFixture[str], error: Exception, status: int
) -> None:
    """Unlike a wrong configuration (78), a port in use may become free, so systemd must restart the exporter."""
    assert status == main(["--config", str(config)], lambda *_settings, **_options: Radio(error=error))
    assert f"ble-exporter: error: {error}\n" == capsys.readouterr().err


def test_a_log_that_cannot_be_opened_is_a_warning_and_a_metric(tmp_path: Path) -> None:
    """Readings are worth more than log lines, so the exporter must run without its log, but the operator must know."""
    (tmp_path / "file").touch()
    path = write_config(tmp_path, {"log_file": str(tmp_path / "file" / "x.log")})
    port = yaml.safe_load(path.read_text())["listen_port"]
    with running("--config", str(path), "--mock") as process:
        metrics = scraped(port, until="ble_exporter_log_lines_lost_total")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE_S)

    assert "ble_exporter_log_writable 0.0" in metrics
    assert (0, 1) == (process.returncode, err.count("\n"))
    assert err.startswith(f"ble-exporter: warning: log_file: {tmp_path}/file/x.log can't be written (Not a directory)")


@pytest.mark.parametrize("log_file", ["-", "/dev/stderr"])
def test_a_pipe_that_nobody_reads_stops_neither_the_radio_nor_sigterm(tmp_path: Path, log_file: str) -> None:
    """If the program that starts the exporter does not read its log, it may drop log lines, but no readings."""
    reader, writer = os.pipe()
    path = write_config(tmp_path, {"log_file": log_file})
    port = yaml.safe_load(path.read_text())["listen_port"]
    with os.fdopen(reader), os.fdopen(writer, "wb", buffering=0) as pipe:
        os.set_blocking(writer, False)
        while pipe.write(b"x" * select.PIPE_BUF) is not None:
            pass
        os.set_blocking(writer, True)
        command = [sys.executable, "-m", "ble_exporter", "--config", str(path), "--mock"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=pipe, cwd=ROOT) as process:
            try:
                metrics = scraped(port, until='ble_sensor_seen{device="living_room"} 1.0')
                process.send_signal(signal.SIGTERM)
                status = process.wait(timeout=PATIENCE_S)
            finally:
                process.kill()

    lost = re.findall(r"^ble_exporter_log_lines_lost_total (\d+)", metrics, re.MULTILINE)
    assert (0, True) == (status, int(lost[0]) >= 2)


def scraped(port: int, until: str) -> str:
    """Return the first metrics that contain a text, as soon as the program serves them."""
    deadline = time.monotonic() + PATIENCE_S
    metrics = ""
    while until not in metrics and time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
            metrics = response.read().decode()
    assert until in metrics
    return metrics


def test_a_bad_configuration_ends_with_78_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The unit's RestartPreventExitStatus keeps systemd from restarting the exporter after this status."""
    path = HERE / "configs" / "bad" / "port_zero.yaml"

    assert 78 == main(["--config", str(path)])
    assert (
        f"ble-exporter: error: {path}:4: listen_port: 0 is not a port; write a whole number from 1 to 65535\n"
        == capsys.readouterr().err
    )


def broken(*_settings: object, **_options: object) -> Radio:
    """Return a radio with a bug."""
    return Radio(error=ZeroDivisionError())


def test_an_unexpected_error_keeps_its_traceback(config: Path, tmp_path: Path) -> None:
    """A bug report needs the traceback, which must be in the log, too. Python itself sets exit status 1."""
    with pytest.raises(ZeroDivisionError):
        main(["--config", str(config)], broken)
    assert "ZeroDivisionError" in (tmp_path / "logs" / "x.log").read_text()


def test_errors_before_the_log_is_open_have_its_format(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A collector of JSON lines would drop a line of plain text, and with it the reason for the failure."""
    path = tmp_path / "bad.yaml"
    path.write_text(config.read_text().replace("listen_port:", "listen_prt:"))
    assert 78 == main(["--config", str(path), "--log.format=json"])
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    assert [("ERROR", True)] * 2 == [(line["level"], line["msg"].startswith(str(path))) for line in lines]


def test_an_unexpected_error_is_shown_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log on standard error already contains the traceback, and a second copy would look like a second error."""
    assert 1 == main(["--config", str(write_config(tmp_path, {"log_file": "-"}))], broken)
    assert 1 == capsys.readouterr().err.count("Traceback")


def test_config_check_says_what_it_understood(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Users can find mistakes before they restart a running service."""
    port = yaml.safe_load(config.read_text())["listen_port"]

    assert 0 == main(["--config", str(config), "--config.check"])
    assert f"{config}: ok: 2 devices, a scan of 20 s every 30 s, port {port}\n" == capsys.readouterr().out
    assert not (config.parent / "logs").exists()


def test_config_check_names_the_file_that_is_used(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The service would start with the backup, so the check must not call the damaged file ok."""
    backup = config.with_name(f"{config.name}.before-discover-x1")
    backup.write_bytes(config.read_bytes())
    config.write_bytes(b"listen_port: 80\0\0")

    assert 0 == main(["--config", str(config), "--config.check"])
    output = capsys.readouterr()
    assert output.out.startswith(f"{backup}: ok: ")
    assert f"read from its backup: copy {backup} back" in output.err


def test_config_check_knows_the_web_options(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The options replace keys of the file, so a check without them would not show what the service will do."""
    arguments = ["--config", str(config), "--config.check", "--web.listen-address=127.0.0.1:9", "--web.telemetry-path"]

    assert (0, 78) == (main([*arguments, "/m"]), main([*arguments, "/status"]))
    out, err = capsys.readouterr()
    assert out.endswith(", port 9\n")
    assert "ble-exporter: error: --web.telemetry-path: /status is the path of something else\n" == err


def test_a_simulation_says_that_it_uses_no_bindkey(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without this message, a user might take the simulated readings for proof that the bindkeys are right."""
    sensor = {"name": "cellar", "bindkey": "00112233445566778899aabbccddeeff"}
    path = write_config(tmp_path, {"log_file": "-", "devices": {"A4:C1:38:00:00:05": sensor}})

    assert 1 == main(["--config", str(path), "--mock"], broken)
    assert "the simulated radio sends no encrypted packets, so the bindkeys are not used" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["ble_exporter", "ble_exporter.main"])
def test_both_modules_are_the_program(module: str) -> None:
    """Both modules are public API, and existing installations rely on them."""
    out = subprocess.run(
        [sys.executable, "-m", module, "--version"], capture_output=True, text=True, cwd=ROOT, check=True
    )

    assert f"ble-exporter {__version__}\n" == out.stdout


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (["--config.check"], {"bleak", "aiohttp", "dbus_fast", "prometheus_client", "cryptography"}),
        (["--help"], {"bleak", "aiohttp", "dbus_fast", "prometheus_client", "cryptography", "yaml", "asyncio"}),
        (["decode", "40"], {"bleak", "aiohttp", "dbus_fast", "prometheus_client", "cryptography", "yaml", "asyncio"}),
    ],
)
def test_quick_answers_do_not_import_bluetooth_or_http(arguments: list[str], missing: set[str]) -> None:
    """On a Pi, the imports of Bluetooth and HTTP take most of a second, for which these commands must not wait."""
    code = (
        "import sys\nfrom ble_exporter.main import main\n"
        f"try: main({arguments})\nexcept SystemExit: pass\nprint(*sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout

    assert not missing & set(out.split())


def test_a_pipe_that_nobody_reads_any_more_ends_it_without_a_traceback() -> None:
    """In `ble-exporter decode … | head -1`, head closes the pipe early, and a traceback would look like a bug."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        ended = subprocess.run(
            [sys.executable, "-m", "ble_exporter", "decode", "400161"],
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert (0, b"") == (ended.returncode, ended.stderr)


def test_the_options_of_prometheus_take_effect(tmp_path: Path) -> None:
    """The endpoints replace the configured one, and each serves the metrics under the given path."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [one.getsockname()[1], other.getsockname()[1]]
    path = write_config(tmp_path, {"log_file": "-"})
    endpoints = [f"--web.listen-address=127.0.0.1:{port}" for port in ports]
    options = ["--web.telemetry-path=/m", "--log.format=logfmt", "--log.level=DEBUG", "--mock", "--mock-seed=1"]
    with running("--config.file", str(path), *endpoints, *options) as process:
        assert process.stderr is not None
        lines: list[str] = []
        while not all(f"127.0.0.1:{port}/m for Prometheus" in "".join(lines) for port in ports):
            lines.append(process.stderr.readline())
        bodies = []
        for port in ports:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/m") as response:
                bodies.append(response.read())

    assert [True, True] == [b"ble_exporter_build_info" in body for body in bodies]
    assert all(line.startswith("time=") for line in lines)


def test_a_replay_has_no_pauses(tmp_path: Path) -> None:
    """With pauses, the packets that are lost in them, and so the readings, would depend on the speed of the replay."""
    capture = tmp_path / "x.capture"
    capture.write_text("".join(f"{number / 20} A4:C1:38:00:00:01 -61 fcd2 4002ca09\n" for number in range(30)))
    path = write_config(tmp_path, {"log_file": "-", "scan_interval_seconds": 30, "scan_duration_seconds": 1})
    with running("--config", str(path), "--replay", str(capture)) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "scan 1: " in line:
                break

    assert "; 30 advertisements, 0 of them from unknown devices" in lines[-1]
    assert any("is played without pauses between the scans" in line for line in lines)
