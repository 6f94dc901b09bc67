"""Restarts of the whole program, which keeps its state in the folder that systemd names."""

import re
import signal
import urllib.request
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError

import pytest
import yaml

from ble_exporter.formats.bthome import UUID
from tests.formats.sealing import ADDRESS, KEY, seal_temperature
from tests.program import PATIENCE_S, running, write_config

pytestmark = pytest.mark.program


def run(folder: Path, counters: Iterable[int], **environment: str) -> dict[str, int]:
    """Run the program with a capture of these counters, and stop it; return the counted advertisements."""
    packets = [seal_temperature(20 + counter % 7, counter) for counter in counters]
    lines = [f"{0.005 * index} {ADDRESS} -60 {UUID} {packet.hex()}\n" for index, packet in enumerate(packets)]
    (folder / "air.capture").write_text("".join(lines))
    config = write_config(folder, {"devices": {ADDRESS: {"name": "cellar", "bindkey": KEY.hex()}}})
    url = f"http://127.0.0.1:{yaml.safe_load(config.read_text())['listen_port']}/metrics"
    counted: dict[str, int] = {}
    with running("--config", str(config), "--replay", str(folder / "air.capture"), **environment) as process:
        while sum(counted.values()) < len(packets):
            assert process.poll() is None
            with suppress(URLError, ConnectionError), urllib.request.urlopen(url) as answer:
                counts = re.findall(r'_(decoded|rejected)_total(?:{reason="\w+"})? ([\d.]+)', answer.read().decode())
                counted = {name: sum(int(float(count)) for one, count in counts if one == name) for name, _ in counts}
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
    assert 0 == process.returncode
    return counted


def test_none_of_200_recorded_packets_is_accepted_after_a_restart(tmp_path: Path) -> None:
    """Without a stored state, 200 of 200 recorded packets were accepted after a restart, which anybody can provoke."""
    state = tmp_path / "state"
    state.mkdir()
    run(tmp_path, range(50_000, 50_050), STATE_DIRECTORY=str(state))

    assert {"decoded": 0, "rejected": 200} == run(tmp_path, range(1000, 1200), STATE_DIRECTORY=str(state))
    assert {"decoded": 10, "rejected": 0} == run(tmp_path, range(50_050, 50_060), STATE_DIRECTORY=str(state))


def test_a_folder_that_can_t_be_written_does_not_end_the_program(tmp_path: Path) -> None:
    """The readings are worth more than the protection that the stored counters give."""
    (tmp_path / "file").touch()
    folder = str(tmp_path / "file")

    assert {"decoded": 5, "rejected": 0} == run(tmp_path, range(5), STATE_DIRECTORY=folder)
    assert f"the state of the replay guard can't be written to {folder}/" in (tmp_path / "logs" / "x.log").read_text()


def test_without_systemd_nothing_is_kept(tmp_path: Path) -> None:
    """A user who plays a capture twice must see the same readings twice."""
    for _run in range(2):
        assert {"decoded": 5, "rejected": 0} == run(tmp_path, range(5), STATE_DIRECTORY="")
