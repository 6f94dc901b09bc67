"""The exporter as a process, with a configuration file and an HTTP port, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from .air import Thermometer
from .clock import CLOCK
from .polling import PATIENCE_S, POLL_S, wait_until

PORT = 8000
HTTP_TIMEOUT_S = 5.0
SCAN_INTERVAL_S = 5
SCAN_DURATION_S = 3
STOP_LIMIT_S = 10.0
"""The time limit of a stop whose duration is not tested; a busy host may suspend the guest for a second."""
BLUETOOTH_UNAVAILABLE = 69
"""EX_UNAVAILABLE of sysexits.h."""

EAR = os.environ.get("RIG_EAR", "auto")
"""The ear of every scenario that does not set one; `auto` chooses the monitor ear, which the guest permits."""

Setting = str | int | float | list[str]


class Scrape:
    """One response to GET /metrics."""

    def __init__(self, text: str) -> None:
        """Parse the Prometheus text format."""
        self.text = text
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of the sample with this name and these labels, or None if it is missing."""
        values = [s.value for s in self._samples if s.name == name and s.labels == labels]
        assert len(values) <= 1, f"{len(values)} samples of {name}{labels}"
        return values[0] if values else None

    def by_device(self, name: str) -> dict[str, float]:
        """Return the values of this metric by device."""
        return {s.labels["device"]: s.value for s in self._samples if s.name == name}

    def labelled(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Return the labels and the value of each sample with this name."""
        return [(s.labels, s.value) for s in self._samples if s.name == name]

    def total(self, name: str) -> int:
        """Return the sum over all labels of `ble_exporter_<name>_total`."""
        return int(sum(s.value for s in self._samples if s.name == f"ble_exporter_{name}_total"))

    def devices(self) -> set[str]:
        """Return the names of the devices that have any series besides `ble_sensor_labels_info`."""
        names = (s for s in self._samples if s.name.startswith("ble_sensor_"))
        sensors = (s for s in names if s.name != "ble_sensor_labels_info")
        return {sample.labels["device"] for sample in sensors}


def _yaml(settings: Mapping[str, Setting], devices: Mapping[str, str]) -> str:
    # A JSON string or number is also valid YAML.
    lines = [f"{key}: {json.dumps(value)}" for key, value in settings.items()]
    lines += ["devices:"]
    lines += [f"  {json.dumps(mac)}: {json.dumps(name)}" for mac, name in devices.items()]
    return "\n".join(lines) + "\n"


class Exporter:
    """
    A process of `python -m ble_exporter` with its own configuration; log and standard error go to `share`.

    Several exporters can run at once if each has its own `listen_port`.
    """

    def __init__(
        self,
        share: Path,
        thermometers: Sequence[Thermometer],
        program: str = "ble_exporter",
        /,
        **settings: Setting,
    ) -> None:
        """Start the module `program`; `settings` override the usual configuration."""
        self._port = settings.get("listen_port", PORT)
        name = "exporter" if self._port == PORT else f"exporter-{self._port}"
        self._log = share / f"{name}.log"
        ordinary: dict[str, Setting] = {
            "scan_interval_seconds": SCAN_INTERVAL_S,
            "scan_duration_seconds": SCAN_DURATION_S,
            "log_file": str(self._log),
            "listen_address": "127.0.0.1",
            "listen_port": PORT,
            "ear": EAR,
        }
        devices = {thermometer.address: thermometer.name for thermometer in thermometers}
        config = Path(f"/run/{name}.yaml")
        config.write_text(_yaml({**ordinary, **settings}, devices))
        self._stderr = share / f"{name}.stderr.log"
        with self._stderr.open("a") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", program, "--config", str(config)],
                stderr=stderr,
            )

    def scrape(self) -> Scrape:
        """Request /metrics; raises OSError while the exporter does not answer."""
        url = f"http://127.0.0.1:{self._port}/metrics"
        with urllib.request.urlopen(url, timeout=HTTP_TIMEOUT_S) as response:
            return Scrape(response.read().decode())

    def readiness(self) -> str:
        """Return the answer to GET /readyz: "ready", or the reason why the exporter is not ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=HTTP_TIMEOUT_S) as response:
                text: str = response.read().decode()
        except urllib.error.HTTPError as error:
            text = error.read().decode()
        return text

    def wait_until_right(self, wrongs: Callable[[Scrape], list[str]], within_s: float = PATIENCE_S) -> Scrape:
        """
        Scrape until `wrongs` returns an empty list; return that scrape.

        Args:
            wrongs: Returns the faults of a scrape, each as a line of text.
            within_s: The time limit in seconds.
        """
        deadline = CLOCK.now() + within_s
        while True:
            status = self.process.poll()
            assert status is None, f"the exporter ended with status {status}"
            try:
                scrape = self.scrape()
                wrong = wrongs(scrape)
            except OSError as error:
                wrong = [f"no answer from the exporter: {error}"]
            if not wrong:
                return scrape
            assert CLOCK.now() < deadline, "\n".join(wrong)
            time.sleep(POLL_S)

    def wait_until_it_listens(self, adapter: str = "hci0") -> None:
        """Wait until the exporter reports the adapter as up; the kernel may start the scan slightly earlier."""

        def wrongs(scrape: Scrape) -> list[str]:
            up = scrape.value("ble_exporter_adapter_up", adapter=adapter)
            return [] if up == 1 else ["the exporter does not listen yet"]

        self.wait_until_right(wrongs)

    def terminate(self, within_s: float = STOP_LIMIT_S) -> float:
        """Send SIGTERM, check for exit status 0 in time, and return the duration in seconds on the guest's clock."""
        self.process.send_signal(signal.SIGTERM)
        started = CLOCK.now()
        status = self.wait_for_exit()
        took = CLOCK.now() - started
        assert 0 == status, f"status {status} after SIGTERM"
        assert took <= within_s, f"the exporter took {took:.2f} s to end after SIGTERM"
        return took

    def wait_for_exit(self, within_s: float = PATIENCE_S) -> int:
        """Wait until the exporter ends by itself; return its exit status."""
        wait_until(lambda: self.process.poll() is not None, "the exporter ends", within_s)
        return self.process.wait()

    def wait_for_failure(self, *phrases: str) -> None:
        """Wait until the exporter ends because Bluetooth is unavailable; check that its one line has each phrase."""
        status = self.wait_for_exit()
        stderr = self.stderr()
        assert status == BLUETOOTH_UNAVAILABLE, f"status {status}, standard error:\n{stderr}"
        assert 1 == len(stderr.splitlines()), f"more or less than one line on standard error:\n{stderr}"
        assert stderr.startswith("ble-exporter: error: "), stderr
        for phrase in phrases:
            assert phrase in stderr, f"no {phrase!r} in: {stderr}"
        assert "Traceback" not in self.log(), "the log has a traceback"

    def stderr(self) -> str:
        """Return the output on standard error so far."""
        return self._stderr.read_text()

    def log(self) -> str:
        """Return the log so far."""
        return self._log.read_text() if self._log.exists() else ""

    def kill(self) -> None:
        """Kill the process if it still runs."""
        self.process.kill()
        self.process.wait()
