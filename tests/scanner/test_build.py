"""Tests of `build_radio`, which builds the radios of the service and the commands."""

import asyncio
import errno
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ble_exporter.cli.discover.command import parse
from ble_exporter.cli.discover.run import run as discover
from ble_exporter.cli.doctor.check import CheckContext
from ble_exporter.cli.doctor.sensors import check_sensors
from ble_exporter.config.app_config import EarChoice, load_config
from ble_exporter.errors import ConfigError
from ble_exporter.main import main
from ble_exporter.monitor_channel.protocol import HELPER_SOCKET
from ble_exporter.scanner import (
    Everything,
    Listener,
    MockScanner,
    Radio,
    RadioSettings,
    Simulation,
    build_radio,
)
from ble_exporter.scanner.bleak_scanner import BleakEar
from ble_exporter.scanner.bluez_radio import BluezRadio
from ble_exporter.scanner.build import make_ear
from ble_exporter.scanner.ear import Ear
from ble_exporter.scanner.monitor_ear import MonitorEar
from ble_exporter.scanner.multi_adapter import MultiAdapterScanner
from tests.conftest import PACKET_A
from tests.program import write_config
from tests.radios import InVirtualTime
from tests.scanner.monitor_frames import Channel

ADDRESS = "A4:C1:38:00:00:01"


def test_resets_without_a_record_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the record, every restart permits new resets; an old unit or a container has no folder for the record."""
    said = []
    for folder, resets in (("", True), (str(tmp_path), True), ("", False)):
        monkeypatch.setenv("RUNTIME_DIRECTORY", folder)
        caplog.clear()
        build_radio(RadioSettings(resets=resets))
        said.append("RuntimeDirectory=ble_exporter" in caplog.text)

    assert [True, False, False] == said


class OneSensor(MockScanner):
    """A radio that receives one sensor, and then sends SIGTERM to this process."""

    def __init__(self) -> None:
        super().__init__([(ADDRESS, PACKET_A)])

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Deliver the packet, and send SIGTERM to this process."""
        await super().run(listener, started)
        os.kill(os.getpid(), signal.SIGTERM)


class Builder:
    """A replacement for `build_radio` that records the arguments and returns a fake radio."""

    def __init__(self, make: Callable[[], Radio] = OneSensor) -> None:
        self.asked: list[tuple[RadioSettings, str | None, Simulation | None]] = []
        self._make = make
        self.speed: float | None = None

    def __call__(
        self,
        settings: RadioSettings,
        *,
        replay: str | None = None,
        replay_speed: float | None = None,
        simulation: Simulation | None = None,
    ) -> Radio:
        """Record the arguments of a `build_radio` call; return the fake radio."""
        self.asked.append((settings, replay, simulation))
        self.speed = replay_speed
        return self._make()


@pytest.fixture
def config(tmp_path: Path) -> str:
    """Return the path of a configuration with every radio setting."""
    changes = {
        "adapter": ["hci1", "hci0"],
        "scan_mode": "passive",
        "silence_limit_seconds": 600,
        "on_adapter_failure": "continue",
        "on_silence": "reset",
        "log_file": str(tmp_path / "x.log"),
    }
    return str(write_config(tmp_path, changes))


CONFIGURED = RadioSettings(("hci1", "hci0"), "passive", 600.0, goes_on=True, resets=True)


@pytest.mark.usefixtures("process_as_before")
def test_the_service_listens_with_the_configured_radio(config: str, tmp_path: Path) -> None:
    """A radio setting that did not reach `build_radio` would have no effect."""
    build = Builder()

    assert 0 == main(["--config", config], build)

    assert [(CONFIGURED._replace(catches_up=True), None, None)] == build.asked
    assert f"heard living_room ({ADDRESS})" in (tmp_path / "x.log").read_text()


def test_discover_listens_with_one_adapter_actively(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Two adapters would count packets twice, and most devices send their names only in an active scan."""
    build = Builder(lambda: MockScanner([(ADDRESS, PACKET_A)]))

    assert 0 == discover(parse(["--config", config]), build)

    assert [(RadioSettings(("hci1",)), None, None)] == build.asked
    assert ADDRESS in capsys.readouterr().out


def test_doctor_listens_with_the_configured_radio(config: str) -> None:
    """`doctor` must check the radio that the service would use, but not reset an adapter."""
    build = Builder(lambda: MockScanner([(ADDRESS, PACKET_A)]))

    list(check_sensors(CheckContext(config, 1.0, build, config=load_config(config))))

    assert [(CONFIGURED._replace(resets=False), None, None)] == build.asked


@pytest.mark.usefixtures("process_as_before")
def test_service_and_commands_simulate_the_same_devices(config: str) -> None:
    """With --mock, the service and both commands must show every configured device."""
    service, discover_build, check_build = Builder(), Builder(lambda: MockScanner([])), Builder(lambda: MockScanner([]))

    main(["--config", config, "--mock"], service)
    discover(parse(["--config", config, "--mock"]), discover_build)
    list(check_sensors(CheckContext(config, 1.0, check_build, is_mock=True, config=load_config(config))))

    simulations = [asked[0][2] for asked in (service.asked, discover_build.asked, check_build.asked)]
    assert all(simulation is not None and ADDRESS in simulation.addresses for simulation in simulations)


def test_discover_replays_a_capture(config: str, tmp_path: Path) -> None:
    """A configured adapter must not prevent the replay."""
    build = Builder(lambda: MockScanner([]))

    discover(parse(["--config", config, "--replay", "x.capture", "--replay-speed", "20"]), build)

    assert ["x.capture"] == [replay for _settings, replay, _simulation in build.asked]
    assert 20 == build.speed


def test_the_default_is_the_real_radio() -> None:
    """Without --mock and --replay, the program must use Bluetooth."""
    assert BluezRadio is type(build_radio(RadioSettings()))


def test_several_adapters_form_one_radio() -> None:
    """Each adapter receives sensors that are out of range of the others."""
    assert MultiAdapterScanner is type(build_radio(RadioSettings(("hci0", "hci1"))))


@pytest.mark.parametrize(
    ("choice", "refusal", "kind"),
    [
        ("auto", None, MonitorEar),
        ("auto", OSError(errno.EAFNOSUPPORT, "no"), BleakEar),
        ("auto", OSError(errno.ETIMEDOUT, "late", HELPER_SOCKET), BleakEar),
        ("monitor", OSError(errno.EAFNOSUPPORT, "no"), MonitorEar),
        ("bluez", None, BleakEar),
    ],
)
def test_auto_hears_through_the_channel_if_it_can(
    choice: EarChoice, refusal: OSError | None, kind: type[Ear], caplog: pytest.LogCaptureFixture
) -> None:
    """A machine that lacks the helper must still hear its sensors, and the log must name what it lacks."""
    caplog.set_level(logging.INFO)
    channel = Channel(refusal=refusal)

    assert kind is type(asyncio.run(make_ear(choice, channel.open)))
    channel.close()
    assert (refusal is not None and choice == "auto") == ("ble_exporter-monitor.socket" in caplog.text)


@pytest.mark.parametrize(("place", "level"), [(None, "INFO"), (HELPER_SOCKET, "WARNING")])
def test_a_helper_that_fails_is_a_fault(place: str | None, level: str, caplog: pytest.LogCaptureFixture) -> None:
    """A machine may do without a helper, but if its helper fails, the user must learn that packets are lost."""
    caplog.set_level(logging.INFO)
    refused = Channel(refusal=OSError(errno.ETIMEDOUT, "late", place))
    asyncio.run(make_ear("auto", refused.open))

    assert [level] == [record.levelname for record in caplog.records]


def test_an_unreadable_capture_fails_immediately(tmp_path: Path) -> None:
    """The user gets the error at the start, before the program listens."""
    with pytest.raises(ConfigError, match="can't be read"):
        build_radio(RadioSettings(), replay=str(tmp_path / "nothing"))


def test_a_capture_is_played_at_the_given_speed(tmp_path: Path, in_virtual_time: InVirtualTime) -> None:
    """A user who replays an hour of packets in minutes relies on this option."""
    path = tmp_path / "two.capture"
    path.write_text(f"0 {ADDRESS} -61 -\n60 {ADDRESS} -61 -\n")

    async def replay() -> float:
        radio = build_radio(RadioSettings(), replay=str(path), replay_speed=20)
        await radio.run(Everything(lambda _one: None), lambda: None)
        return asyncio.get_running_loop().time()

    assert 3 == in_virtual_time(replay())
