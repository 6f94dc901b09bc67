"""One function builds the radios of the service and of the commands."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ble_exporter.cli.discover.command import parse
from ble_exporter.cli.discover.run import run as discover
from ble_exporter.cli.doctor.check import CheckContext
from ble_exporter.cli.doctor.sensors import check_sensors
from ble_exporter.config.app_config import load_config
from ble_exporter.errors import ConfigError
from ble_exporter.main import main
from ble_exporter.scanner import (
    BleakScannerImpl,
    Listener,
    MockScanner,
    Radio,
    RadioSettings,
    Simulation,
    build_radio,
)
from ble_exporter.scanner.multi_adapter import MultiAdapterScanner
from tests.conftest import PACKET_A
from tests.program import write_config

ADDRESS = "A4:C1:38:00:00:01"


class MadeUp(MockScanner):
    """A radio that hears one sensor, and then sends SIGTERM to this process."""

    def __init__(self) -> None:
        super().__init__([(ADDRESS, PACKET_A)])

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """See Radio."""
        await super().run(listener, started)
        os.kill(os.getpid(), signal.SIGTERM)


class Builder:
    """Builds the made-up radio, and notes the arguments."""

    def __init__(self, make: Callable[[], Radio] = MadeUp) -> None:
        self.asked: list[tuple[RadioSettings, str | None, Simulation | None]] = []
        self._make = make

    def __call__(
        self, settings: RadioSettings, *, replay: str | None = None, simulation: Simulation | None = None
    ) -> Radio:
        """Build as build_radio does."""
        self.asked.append((settings, replay, simulation))
        return self._make()


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A configuration with every setting of the radio."""
    changes = {
        "adapter": ["hci1", "hci0"],
        "scan_mode": "passive",
        "silence_limit_seconds": 600,
        "on_adapter_failure": "continue",
        "log_file": str(tmp_path / "x.log"),
    }
    return str(write_config(tmp_path, changes))


CONFIGURED = RadioSettings(("hci1", "hci0"), "passive", 600.0, goes_on=True)


@pytest.mark.usefixtures("process_as_before")
def test_the_service_listens_with_what_is_built(config: str, tmp_path: Path) -> None:
    """The service must listen with the radio that was built for its configuration."""
    build = Builder()

    assert 0 == main(["--config", config], build)

    assert [(CONFIGURED, None, None)] == build.asked
    assert f"heard living_room ({ADDRESS})" in (tmp_path / "x.log").read_text()


def test_discover_listens_with_what_is_built(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It uses one adapter and scans actively: a device sends its name only when asked."""
    build = Builder(lambda: MockScanner([(ADDRESS, PACKET_A)]))

    assert 0 == discover(parse(["--config", config]), build)

    assert [(RadioSettings(("hci1",)), None, None)] == build.asked
    assert ADDRESS in capsys.readouterr().out


def test_doctor_listens_with_what_is_built(config: str) -> None:
    """It must check the radio that the service would use."""
    build = Builder(lambda: MockScanner([(ADDRESS, PACKET_A)]))

    list(check_sensors(CheckContext(config, 1.0, build, config=load_config(config))))

    assert [(CONFIGURED, None, None)] == build.asked


@pytest.mark.usefixtures("process_as_before")
def test_service_and_commands_simulate_the_same_devices(config: str) -> None:
    """Each of them simulates every configured device."""
    service, search, examination = Builder(), Builder(lambda: MockScanner([])), Builder(lambda: MockScanner([]))

    main(["--config", config, "--mock"], service)
    discover(parse(["--config", config, "--mock"]), search)
    list(check_sensors(CheckContext(config, 1.0, examination, is_mock=True, config=load_config(config))))

    simulations = [asked[0][2] for asked in (service.asked, search.asked, examination.asked)]
    assert all(simulation is not None and ADDRESS in simulation.addresses for simulation in simulations)


def test_a_capture_is_played_by_all_that_can(config: str, tmp_path: Path) -> None:
    """It takes precedence over any adapter."""
    build = Builder(lambda: MockScanner([]))

    discover(parse(["--config", config, "--replay", "x.capture"]), build)

    assert ["x.capture"] == [replay for _settings, replay, _simulation in build.asked]


def test_the_default_is_the_real_radio() -> None:
    """It uses the first powered adapter, and does not touch Bluetooth before the first scan."""
    assert BleakScannerImpl is type(build_radio(RadioSettings()))


def test_several_adapters_are_one_radio() -> None:
    """Each hears the sensors that the others do not reach."""
    assert MultiAdapterScanner is type(build_radio(RadioSettings(("hci0", "hci1"))))


def test_an_unreadable_capture_fails_at_once(tmp_path: Path) -> None:
    """The user learns of it at the start, before anything listens."""
    with pytest.raises(ConfigError, match="can't be read"):
        build_radio(RadioSettings(), replay=str(tmp_path / "nothing"))
