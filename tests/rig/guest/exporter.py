"""The exporter as its user runs it: a process with a configuration file and an HTTP port."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
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
"""How long a stop may take where it is not measured: a busy host can take a guest's time away for a second."""
BLUETOOTH_UNAVAILABLE = 69
"""EX_UNAVAILABLE of sysexits.h."""

Setting = str | int | float | list[str]


class Scrape:
    """One answer of GET /metrics."""

    def __init__(self, text: str) -> None:
        """Parse the Prometheus text format."""
        self.text = text
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def value(self, name: str, **labels: str) -> float | None:
        """The one sample of this name and these labels; None if there is none."""
        values = [s.value for s in self._samples if s.name == name and s.labels == labels]
        assert len(values) <= 1, f"{name}{labels} is there {len(values)} times"
        return values[0] if values else None

    def by_device(self, name: str) -> dict[str, float]:
        """Device to value, of the metric of this name."""
        return {s.labels["device"]: s.value for s in self._samples if s.name == name}

    def total(self, name: str) -> int:
        """The sum over all labels of a counter of the exporter's own, without `ble_exporter_` and `_total`."""
        return int(sum(s.value for s in self._samples if s.name == f"ble_exporter_{name}_total"))

    def devices(self) -> set[str]:
        """The device names that have a reading or anything else of their own."""
        sensors = (s for s in self._samples if s.name.startswith("ble_sensor_"))
        return {sample.labels["device"] for sample in sensors}


def _yaml(settings: Mapping[str, Setting], devices: Mapping[str, str]) -> str:
    # JSON's strings and numbers are YAML's.
    lines = [f"{key}: {json.dumps(value)}" for key, value in settings.items()]
    lines += ["devices:"]
    lines += [f"  {json.dumps(mac)}: {json.dumps(name)}" for mac, name in devices.items()]
    return "\n".join(lines) + "\n"


class Exporter:
    """`python -m ble_exporter` on a configuration of its own; its log and its standard error go to `share`."""

    def __init__(
        self,
        share: Path,
        thermometers: Sequence[Thermometer],
        program: str = "ble_exporter",
        /,
        **settings: Setting,
    ) -> None:
        """Start it; `settings` go into the configuration file over the ordinary ones. `program` is a module's name."""
        self._log = share / "exporter.log"
        ordinary: dict[str, Setting] = {
            "scan_interval_seconds": SCAN_INTERVAL_S,
            "scan_duration_seconds": SCAN_DURATION_S,
            "log_file": str(self._log),
            "listen_address": "127.0.0.1",
            "listen_port": PORT,
        }
        devices = {thermometer.address: thermometer.name for thermometer in thermometers}
        config = Path("/run/exporter.yaml")
        config.write_text(_yaml({**ordinary, **settings}, devices))
        self._stderr = share / "exporter.stderr.log"
        with self._stderr.open("a") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", program, "--config", str(config)],
                stderr=stderr,
            )

    def scrape(self) -> Scrape:
        """GET /metrics; an OSError while nobody answers."""
        url = f"http://127.0.0.1:{PORT}/metrics"
        with urllib.request.urlopen(url, timeout=HTTP_TIMEOUT_S) as response:
            return Scrape(response.read().decode())

    def wait_until_right(self, wrongs: Callable[[Scrape], list[str]], within_s: float = PATIENCE_S) -> Scrape:
        """
        Scrape until nothing is wrong any more, and return that scrape.

        Args:
            wrongs: What is wrong with a scrape, a line each.
            within_s: The deadline.
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

    def wait_until_it_listens(self) -> None:
        """Wait until it says that it listens with hci0; the kernel may scan for it a little sooner."""

        def wrongs(scrape: Scrape) -> list[str]:
            up = scrape.value("ble_exporter_adapter_up", adapter="hci0")
            return [] if up == 1 else ["it does not listen yet"]

        self.wait_until_right(wrongs)

    def terminate(self, within_s: float = STOP_LIMIT_S) -> float:
        """Send SIGTERM, check that it ends well, and return how long that took, in seconds of the guest's."""
        self.process.send_signal(signal.SIGTERM)
        started = CLOCK.now()
        status = self.wait_for_exit()
        took = CLOCK.now() - started
        assert 0 == status, f"status {status} after SIGTERM"
        assert took <= within_s, f"it took {took:.2f} s to end after SIGTERM"
        return took

    def wait_for_exit(self, within_s: float = PATIENCE_S) -> int:
        """Wait until it ends by itself, and return its exit status."""
        wait_until(lambda: self.process.poll() is not None, "the exporter ends", within_s)
        return self.process.wait()

    def wait_for_failure(self, *phrases: str) -> None:
        """Wait until it ends by itself for want of Bluetooth, and check that one line says so, with each phrase."""
        status = self.wait_for_exit()
        stderr = self.stderr()
        assert status == BLUETOOTH_UNAVAILABLE, f"status {status}, and on stderr:\n{stderr}"
        assert 1 == len(stderr.splitlines()), f"not one line on stderr but:\n{stderr}"
        assert stderr.startswith("ble-exporter: error: "), stderr
        for phrase in phrases:
            assert phrase in stderr, f"no {phrase!r} in: {stderr}"
        assert "Traceback" not in self.log(), "there is a traceback in the log"

    def stderr(self) -> str:
        """What it wrote on standard error so far."""
        return self._stderr.read_text()

    def log(self) -> str:
        """What it wrote in its log so far."""
        return self._log.read_text() if self._log.exists() else ""

    def kill(self) -> None:
        """End it at once, if it still runs."""
        self.process.kill()
        self.process.wait()
