"""The programs that the tests share, started once per session; a failed test shows their logs."""

import os
import shutil
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import pytest

from . import captures
from . import eventful as eventful_scenario
from .exporter import Exporter, Scan, start_exporter
from .programs import Launch, Program, free_ports, wait_for
from .server import Prometheus, start_prometheus

# The tests end before a second scan begins, so no value expires: all were received in the only scan.
_ONE_SCAN = Scan(3600, 3600)

_PROGRAMS = pytest.StashKey[list[Program]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the programs' new output to the report of a failed test."""
    report = yield
    if report.failed:
        for program in item.config.stash.get(_PROGRAMS, []):
            if output := program.new_output():
                report.sections.append((f"log of {program.name}", output))
    return report


@pytest.fixture(scope="session")
def launch(pytestconfig: pytest.Config) -> Iterator[Launch]:
    """Return a function that starts programs, which end with the session."""
    programs = pytestconfig.stash[_PROGRAMS] = []

    def start(name: str, command: Sequence[str | Path], folder: Path) -> Program:
        program = Program(name, command, folder)
        programs.append(program)
        return program

    yield start
    for program in reversed(programs):
        program.stop()


def _program(name: str, package: str = "prometheus") -> Path:
    """Return a program's path; skip the test without it, or fail under CI, where everything must be installed."""
    path = shutil.which(name)
    if path is None:
        reason = f"{name} is missing: apt-get install {package}"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return Path(path)


@pytest.fixture(scope="session")
def promtool() -> Path:
    """The path of Prometheus' own checker."""
    return _program("promtool")


@pytest.fixture(scope="session")
def prometheus_program() -> Path:
    """The path of Prometheus."""
    return _program("prometheus")


@pytest.fixture(scope="session")
def alertmanager_program() -> Path:
    """The path of Alertmanager, as Debian's package calls it."""
    return _program("prometheus-alertmanager", "prometheus-alertmanager")


@pytest.fixture(scope="session")
def amtool() -> Path:
    """The path of Alertmanager's own checker."""
    return _program("amtool", "prometheus-alertmanager")


@pytest.fixture(scope="session")
def ports() -> dict[str, int]:
    """A free port for each server."""
    names = ("prometheus", "still", "street", "remote", "eventful", "simulation")
    return dict(zip(names, free_ports(len(names)), strict=True))


@pytest.fixture(scope="session")
def prometheus(
    launch: Launch, prometheus_program: Path, ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> Prometheus:
    """A Prometheus server that is scraping; its targets may start later."""
    folder = tmp_path_factory.mktemp("prometheus", numbered=False)
    jobs = {job: ports[job] for job in ("still", "street", "remote", "eventful")}
    server = start_prometheus(launch, prometheus_program, folder, ports["prometheus"], jobs)
    wait_for(lambda: len(server.query("up")) == len(jobs), "Prometheus has scraped each target")
    return server


@pytest.fixture(scope="session")
def still(launch: Launch, ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Exporter:
    """An exporter that has heard every object, and hears no more packets."""
    folder = tmp_path_factory.mktemp("still", numbered=False)
    devices = captures.STILL_DEVICES
    exporter = start_exporter(
        launch,
        folder,
        ports["still"],
        devices=devices,
        scan=_ONE_SCAN,
        capture=captures.still(),
        labels=captures.STILL_LABELS,
    )
    wait_for(lambda: exporter.status()["devices_seen"] == len(devices), "the first scan has ended")
    return exporter


@pytest.fixture(scope="session")
def scraped_still(prometheus: Prometheus, still: Exporter) -> Exporter:
    """The still exporter, after Prometheus has scraped the values of its only scan."""
    prometheus.wait_for('ble_exporter_last_scan_timestamp_seconds{job="still"} > 0')
    return still


@pytest.fixture(scope="session")
def street(
    prometheus: Prometheus, launch: Launch, ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> Exporter:
    """An exporter that hears a device fall silent while Prometheus is scraping."""
    folder = tmp_path_factory.mktemp("street", numbered=False)
    devices = captures.STREET_DEVICES
    exporter = start_exporter(
        launch, folder, ports["street"], devices=devices, scan=captures.STREET_SCAN, capture=captures.street()
    )
    prometheus.wait_for('ble_sensor_seen{job="street"}')
    return exporter


@pytest.fixture(scope="session")
def remote(
    prometheus: Prometheus, launch: Launch, ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> Exporter:
    """An exporter that hears two buttons while Prometheus is scraping; each of them has one event."""
    folder = tmp_path_factory.mktemp("remote", numbered=False)
    devices, capture = captures.REMOTE_DEVICES, captures.remote()
    return start_exporter(launch, folder, ports["remote"], devices=devices, scan=captures.STREET_SCAN, capture=capture)


@pytest.fixture(scope="session")
def eventful(
    prometheus: Prometheus, launch: Launch, ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> Exporter:
    """An exporter with data for the panels of the dashboard; it starts while Prometheus is scraping."""
    return start_exporter(
        launch,
        tmp_path_factory.mktemp("eventful", numbered=False),
        ports["eventful"],
        devices=eventful_scenario.DEVICES,
        labels=eventful_scenario.LABELS,
        scan=Scan(2, 2),
        capture=eventful_scenario.capture(),
        module=eventful_scenario.__name__,
        options=["--replay-speed", str(eventful_scenario.SPEED)],
        settings="stale_after_seconds: auto\n",
    )


@pytest.fixture(scope="session")
def simulation(launch: Launch, ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Exporter:
    """An exporter that has heard both packets of each simulated sensor."""
    folder = tmp_path_factory.mktemp("simulation", numbered=False)
    devices = captures.SIMULATED_DEVICES
    exporter = start_exporter(launch, folder, ports["simulation"], devices=devices, scan=_ONE_SCAN)
    metric = "ble_sensor_voltage_volts{"
    wait_for(lambda: exporter.exposition().count(metric) == len(devices), "each sensor's second packet is heard")
    return exporter
