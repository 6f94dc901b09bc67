"""Bindkeys never appear in output."""

import asyncio
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import aiohttp
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from ble_exporter.config.app_config import AppConfig, load_config
from ble_exporter.errors import LossReason, ResetOutcome
from ble_exporter.formats.bthome import UUID
from ble_exporter.logger import NAME, get_logger
from ble_exporter.main import main
from ble_exporter.model import Advertisement
from ble_exporter.scanner import Listener
from ble_exporter.service import serve
from ble_exporter.tasks import Tasks
from tests.conftest import HERE, PACKET_A

pytestmark = [pytest.mark.usefixtures("process_as_before"), pytest.mark.program]
ADDRESS = "A4:C1:38:00:00:01"


KEY = bytes.fromhex("0123456789abcdef0123456789abcdef")
OTHER_KEY = bytes.fromhex("fedcba9876543210fedcba9876543210")


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Close the log's handlers, because an open handler would also receive the log of the next test."""
    yield
    logger = logging.getLogger(NAME)
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()


def encrypted(counter: int, celsius: int, key: bytes = KEY) -> bytes:
    """Return a sensor's BTHome v2 payload, encrypted with that key."""
    head, count = b"\x41", counter.to_bytes(4, "little")
    nonce = bytes.fromhex(ADDRESS.replace(":", "")) + b"\xd2\xfc" + head + count
    sealed = AESCCM(key, tag_length=4).encrypt(nonce, b"\x02" + (100 * celsius).to_bytes(2, "little"), None)
    return head + sealed[:-4] + count + sealed[-4:]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with a bindkey, readable only by its owner."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = tmp_path / "config.yaml"
    path.write_text(
        f"scan_interval_seconds: 1\nscan_duration_seconds: 1\nlisten_address: 127.0.0.1\nlisten_port: {port}\n"
        f"log_level: DEBUG\nlog_file: {tmp_path}/x.log\n"
        f'devices:\n  "{ADDRESS}": {{name: room, bindkey: {KEY.hex()}}}\n'
    )
    path.chmod(0o600)
    return path


class Sensor:
    """A radio that hears a sensor with a key, and forged packets under its address."""

    adapters: Mapping[str, bool] = MappingProxyType({})
    lost_events: Mapping[tuple[str, LossReason], int] = MappingProxyType({})
    adapter_resets: Mapping[tuple[str, ResetOutcome], int] = MappingProxyType({})
    is_resetting = False
    silence = None

    def catch_up(self) -> None:
        """See Radio: every packet is delivered at once."""

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Hear each packet once."""
        started()
        for data in (
            {UUID: encrypted(5, 21)},
            {UUID: encrypted(4, 20)},
            {UUID: encrypted(6, 22, OTHER_KEY)},
            {UUID: b""},
            {UUID: PACKET_A},
            {},
        ):
            if listener.wants(ADDRESS):
                listener.handle(Advertisement(ADDRESS, data, -60))
        await asyncio.Event().wait()


def forms_of(key: bytes) -> list[str]:
    """Return the forms in which a bindkey could leak."""
    digits = key.hex()
    return [digits, digits[:8], digits[-8:], str(key), str(list(key)), str(int(digits, 16))]


async def all_pages(config: AppConfig, log: logging.Logger) -> str:
    """Serve until the service is ready; return the latest text of every page."""
    stop = asyncio.Event()
    shown: dict[str, str] = {}
    async with Tasks() as tasks, aiohttp.ClientSession(f"http://127.0.0.1:{config.listen_port}") as session:
        serving = tasks.start(serve(config, Sensor(), log, stop))
        while shown.get("/readyz") != "ready" and not serving.done():
            await asyncio.sleep(0)
            with suppress(aiohttp.ClientConnectionError):
                for page in ("/readyz", "/metrics", "/status", "/", "/healthz", "/nowhere"):
                    async with session.get(page) as response:
                        shown[page] = await response.text()
        stop.set()
        await tasks.wait(serving)
    return "".join(shown.values())


def test_no_key_is_shown_by_anything_that_a_run_says(config: Path, tmp_path: Path) -> None:
    """Users paste logs into bug reports: no key may appear, even at DEBUG and with refused packets."""
    app_config = load_config(str(config))
    shown = asyncio.run(all_pages(app_config, get_logger(app_config)))
    log = (tmp_path / "x.log").read_text()

    assert 'ble_sensor_temperature_celsius{device="room"} 21.0' in shown
    assert all(f"rejected an advertisement: {reason}" in log for reason in ("wrong_key", "not_encrypted", "replayed"))
    everything = (shown + log + repr(app_config)).lower()
    assert [] == [form for form in forms_of(KEY) if form.lower() in everything]


def test_config_check_shows_no_key(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Users paste this summary into bug reports, so it may show only the number of keys."""
    assert 0 == main(["--config", str(config), "--config.check"])

    out, err = capsys.readouterr()
    assert f"{config}: ok: 1 device (1 with a key), a scan of 1 s every 1 s, port " in out
    assert "" == err
    assert [] == [form for form in forms_of(KEY) if form in out.lower()]


class Stopping(Sensor):
    """A radio that stops the program."""

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Send SIGTERM to the process, then run like Sensor."""
        os.kill(os.getpid(), signal.SIGTERM)
        await super().run(listener, started)


def stopping(*_settings: object, **_options: object) -> Stopping:
    """Return a radio that stops the program as soon as it listens."""
    return Stopping()


def test_a_key_that_everybody_can_read_is_warned_of(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that had no bindkey at first often still has mode 644."""
    config.chmod(0o644)
    warning = f"{config} holds a bindkey, and every user of this machine can read it: run `chmod o-r {config}`"

    assert 0 == main(["--config", str(config), "--config.check"])
    assert f"ble-exporter: warning: {warning}" in capsys.readouterr().err

    assert 0 == main(["--config", str(config)], stopping)
    assert f" WARNING {warning}" in (tmp_path / "x.log").read_text()


def test_without_keys_nobody_is_asked_to_change_a_mode(capsys: pytest.CaptureFixture[str]) -> None:
    """Addresses and names are not secret, so a warning would be a false alarm."""
    sample = HERE.parent / "config.yaml"
    assert sample.stat().st_mode & stat.S_IROTH

    assert 0 == main(["--config", str(sample), "--config.check"])
    assert "" == capsys.readouterr().err


def test_a_key_without_the_library_is_exit_status_78(config: Path) -> None:
    """Users run --config.check before they restart the service, so it must notice the missing library, too."""
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        f"from ble_exporter.main import main; sys.exit(main(['--config', {str(config)!r}, '--config.check']))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HERE.parent, check=False)

    assert (78, "", 1) == (run.returncode, run.stdout, run.stderr.count("\n"))
    assert run.stderr.startswith(
        "ble-exporter: error: devices: a bindkey is set, but the library that decrypts can't be"
    )
