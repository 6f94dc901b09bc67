"""
The bytes of one exporter's series in a block: `python -m bench.block`, a part of `make bench-fleet`.

The exporter's own collectors are rendered every 30 s of a simulated clock, for two hours, and promtool writes the text
as a block, in the same way as Prometheus' compaction. Nothing here depends on the speed of the machine.
"""

import json
import logging
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from bench.exporters import air, configuration
from ble_exporter.device.clock import Clock
from ble_exporter.exporter.exposition import OPENMETRICS, Exposition
from ble_exporter.metrics.device_labels import DeviceLabels
from ble_exporter.metrics.process_metrics import ProcessMetrics
from ble_exporter.metrics.readings import Readings
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.pipeline import Pipeline, build_devices

SCRAPE_S = 30
_BLOCK_S = 2 * 3600
_DAY_S = 86_400
# A block of two hours begins at a multiple of two hours.
_BEGAN_S = 250_000 * _BLOCK_S
_SENSORS = 50
_END = b"# EOF\n"


class Block(NamedTuple):
    """The contents of a block on disk."""

    samples: int
    series: int
    chunk_bytes: int
    index_bytes: int

    def bytes_a_day(self, series: int) -> float:
        """Return the bytes that this many series take in a day, as twelve blocks with a scrape every 30 s."""
        samples = series * _DAY_S / SCRAPE_S
        blocks = _DAY_S / _BLOCK_S
        return samples * self.chunk_bytes / self.samples + blocks * series * self.index_bytes / self.series


def read_blocks(folder: Path) -> Block:
    """Return the sum of all blocks in a folder."""
    samples = series = chunk_bytes = index_bytes = 0
    for meta in folder.glob("*/meta.json"):
        stats = json.loads(meta.read_text())["stats"]
        samples += stats["numSamples"]
        series += stats["numSeries"]
        chunk_bytes += sum(file.stat().st_size for file in (meta.parent / "chunks").iterdir())
        index_bytes += (meta.parent / "index").stat().st_size
    return Block(samples, series, chunk_bytes, index_bytes)


class _Time:
    """A simulated clock; `now_s` is the time since the start."""

    now_s = 0.0

    def boot(self) -> float:
        return self.now_s

    def wall(self) -> float:
        return _BEGAN_S + self.now_s


def write_answers(path: Path, seconds: float = _BLOCK_S, sensors: int = _SENSORS) -> None:
    """Write the exporter's answers to all scrapes, each sample with its time."""
    moment, counts = _Time(), SelfMetrics()
    clock = Clock(moment.boot, moment.wall)
    devices = build_devices(configuration(0, sensors, 8000), moment.boot)
    pipeline = Pipeline(devices, counts, logging.getLogger("bench"), moment.boot)
    exposition = Exposition(
        {
            "readings": Readings(devices.values(), clock),
            "labels": DeviceLabels(devices.values()),
            "exporter": counts,
            "process": ProcessMetrics(clock),
        }
    )
    scrape_s = 0.0
    with path.open("wb") as file:
        for heard in air(sensors, 0, -60.0, 0):
            while heard.at >= scrape_s:
                if scrape_s >= seconds:
                    file.write(_END)
                    return
                moment.now_s = scrape_s
                file.write(_with_time(exposition.render(OPENMETRICS), _BEGAN_S + scrape_s))
                scrape_s += SCRAPE_S
            moment.now_s = heard.at
            pipeline.handle(heard.advertisement(0.0))


def _with_time(answer: bytes, at_s: float) -> bytes:
    lines = answer.removesuffix(_END).splitlines()
    return b"".join(b"%s %.3f\n" % (line, at_s) for line in lines if not line.startswith(b"#"))


def measure() -> Block:
    """Return the contents of the block. Raises SystemExit if promtool is missing."""
    promtool = shutil.which("promtool")
    if promtool is None:
        raise SystemExit("bench: promtool is missing (Debian: apt-get install prometheus)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_answers(folder / "answers")
        writer = (promtool, "tsdb", "create-blocks-from", "openmetrics")
        command: list[str | Path] = [*writer, folder / "answers", folder / "blocks"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return read_blocks(folder / "blocks")


if __name__ == "__main__":
    logging.disable()
    written = measure()
    print(f"series: {written.series:,}; samples: {written.samples:,}")
    print(f"bytes for each sample in the chunks: {written.chunk_bytes / written.samples:.2f}")
    print(f"bytes for each series in the index: {written.index_bytes / written.series:.0f}")
    print(f"bytes for each sample in all: {(written.chunk_bytes + written.index_bytes) / written.samples:.2f}")
    print(f"disk for a day, MB: {written.bytes_a_day(written.series) / 1e6:.2f}")
