"""A new format needs only one file and one row: the service and every command then support it."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import HERE

ADDRESS = "A4:C1:38:00:00:01"
PAYLOAD = "0715"  # packet id 7, 21 °C
# Coverage must not be measured in the copy.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_CONFIG"}
PROGRAM = [sys.executable, "-m", "ble_exporter"]
ROW = """
    Format(made_up.UUID, "Made up", "Made up", made_up.decode, made_up.fields, made_up.NUMBERS, made_up.guess),"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package that has an additional format, and with a capture of that format."""
    folder = tmp_path_factory.mktemp("program")
    shutil.copytree(HERE.parent / "ble_exporter", folder / "ble_exporter", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "formats" / "made_up.py", folder / "ble_exporter" / "formats")
    registry = folder / "ble_exporter" / "formats" / "registry.py"
    text = registry.read_text(encoding="utf-8")
    text = text.replace("import atc, bthome, bthome_v1, mibeacon", "import atc, bthome, bthome_v1, made_up, mibeacon")
    registry.write_text(text.replace("_ROWS = (", f"_ROWS = ({ROW}"), encoding="utf-8")
    (folder / "capture").write_text(f"0.0 {ADDRESS} -60 cafe {PAYLOAD}\n0.1 {ADDRESS} -60 cafe {PAYLOAD}\n")
    return folder


def run(program: Path, *arguments: str) -> tuple[int, str]:
    """Run a command; return its exit status and its output."""
    ended = subprocess.run(
        [*PROGRAM, *arguments], cwd=program, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=False
    )
    return ended.returncode, ended.stdout


def test_the_service_reads_it(program: Path) -> None:
    """The values of a new format must become metrics."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (program / "config.yaml").write_text(
        f"scan_interval_seconds: 30\nscan_duration_seconds: 20\nlisten_address: 127.0.0.1\nlisten_port: {port}\n"
        f'log_file: "-"\ndevices: {{"{ADDRESS}": room}}\n'
    )
    command = [*PROGRAM, "--config", "config.yaml", "--replay", "capture"]
    with subprocess.Popen(command, cwd=program, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        heard = next((line for line in service.stderr if " heard " in line), "nothing was heard")
        service.kill()

    assert f"heard room ({ADDRESS}) for the first time: temperature 21" in heard


def test_discover_finds_it(program: Path) -> None:
    """`discover` must list a sensor of the new format, with the format's name."""
    found = json.loads(run(program, "discover", "--replay", "capture", "--seconds", "1", "--json")[1])

    assert [(["Made up"], 21.0)] == [(one["formats"], one["measurements"]["temperature"]) for one in found["sensors"]]


DECODE = {
    "guessed": [PAYLOAD],
    "given": ["--service", "cafe", PAYLOAD],
    "in an advertising payload": [f"0516feca{PAYLOAD}"],
    "cut short": ["--service", "cafe", "07"],
}
DECODE_EACH = """
import io, json, sys
from contextlib import redirect_stdout
from ble_exporter.main import main
answers = {}
for name, arguments in json.loads(sys.argv[1]).items():
    with redirect_stdout(io.StringIO()) as out:
        answers[name] = main(["decode", *arguments]), out.getvalue()
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def decoded(program: Path) -> dict[str, tuple[int, str]]:
    """The exit status and output of `decode` for each payload; a single process saves time."""
    command = [sys.executable, "-c", DECODE_EACH, json.dumps(DECODE)]
    out = subprocess.run(command, cwd=program, env=ENVIRONMENT, stdout=subprocess.PIPE, check=True).stdout
    return {name: (status, text) for name, (status, text) in json.loads(out).items()}


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("guessed", "guessed: it has two bytes"),
        ("given", "set by --service"),
        ("in an advertising payload", "set by the service data's UUID"),
    ],
)
def test_decode_explains_it(decoded: dict[str, tuple[int, str]], name: str, how: str) -> None:
    """Users must be able to decode a new format in each of the ways in which they decode the others."""
    status, out = decoded[name]

    assert 0 == status
    assert "2 bytes of service data: Made up (0xCAFE)" in out
    assert f"format: {how}" in out
    assert "ble_sensor_temperature_celsius 21" in out


def test_decode_says_where_it_is_wrong(decoded: dict[str, tuple[int, str]]) -> None:
    """Firmware authors count bytes, so an error in a new format needs its position, too."""
    status, out = decoded["cut short"]

    assert (1, True) == (status, "the temperature at byte 1 needs 1 byte, but none is left" in out)
