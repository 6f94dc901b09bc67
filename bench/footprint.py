"""
The cost of the whole exporter as a process, compared with a bare Python that has imported the same modules.

The radio is bench.steady_radio, so the figures exclude the Bluetooth stack, which `make bench-radio` measures.
"""

import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from bench.processes import free_port, get, running
from bench.report import Report, Table
from bench.steady_radio import address
from bench.timing import DifferenceError, Rounds

COUNTS = (0, 20, 200, 1_000)
"""The figures are measured with each of these numbers of devices."""
_PYTHON, _IMPORTS = "bare Python", "bare Python, same imports"
_ROUNDS = 5
_MEMORY_ROUNDS = 3
_EVERY_S = 0.6
"""The interval of a device's packets, in seconds. A value comes every 1.2 s; gaps below 1 s would count as bursts."""
_HEARD_FOR_S = 20 * _EVERY_S
_REST_S = 30.0
_RATE_S = 8.0
_RATE_DEVICES = 20
_RATES = (200, 1_000)
_HEARD = b"ble_sensor_temperature_celsius{"
_SETTLED_S = 0.5


def _title(devices: int) -> str:
    return f"exporter, {devices:,} devices"


_ROWS = (_PYTHON, _IMPORTS, *map(_title, COUNTS))
STARTING = Table(
    "Starting",
    f"Seconds from the start of the process to the first answer of /healthz and to the first reading in /metrics, and "
    f"the CPU time until then; for a bare Python, the CPU time until the imports are done. The figures are medians of "
    f"{_ROUNDS} rounds, in which the processes run one after the other. The ratio compares CPU times of the same "
    f"round. In the row with 0 devices, one is configured, and nothing is heard. Bytecode and files are cached.",
    ("process", "/healthz s", "reading s", "CPU s", "ratio to the same imports (min–max)"),
    _ROWS,
    "The imports take the same time for any number of devices. The rest grows linearly, because each device has some "
    "lines in the configuration.",
)
MEMORY = Table(
    "Resident memory",
    f"RSS after {_HEARD_FOR_S:g} s, in which every device has sent 20 packets with 6 measurements, and one scrape; "
    f"medians of {_MEMORY_ROUNDS} rounds. The process with the same imports has all modules of Python and of libraries "
    f"that the exporter imports, but none of the exporter's own. Aim, which is missed: with 200 devices, "
    f"at most 1.10 times the memory of this process.",
    ("process", "MiB", "ratio to the same imports (min–max)", "KiB for each further device"),
    _ROWS,
    "Memory grows linearly with the number of devices. With 0 devices, the difference from the same imports is the "
    "exporter's own code. For each device, the exporter keeps the latest values, the last hour of each value, the "
    "intervals of the packets, and the lines of the scrape. The last hour of six values grows to 3.4 kB, 40 % of the "
    "whole. Each of these has a limit, which it reaches in the first hour, so memory does not grow afterwards. "
    "Measured once, with packets a simulated minute apart: 10,000 devices took 86 MiB after the first packets, 128 MiB "
    "after an hour, and 200 MiB at most, during requests for /metrics, /status, /history and /. Unknown devices take "
    "no memory.",
)
_REST, _PER_PACKET = "at rest, ms of CPU a minute", "for each packet, µs of CPU"
PROCESSOR = Table(
    "CPU time of the process",
    f"CPU time with {_RATE_DEVICES} devices. At rest ({_REST_S:g} s), no packet arrives, and nobody scrapes. The cost "
    f"of a packet is the difference between the CPU times at {_RATES[0]:,} and at {_RATES[1]:,} packets a second "
    f"({_RATE_S:g} s each), divided by the difference in the number of packets. The bare Python has the same imports, "
    f"and counts the packets of the same radio. A thousand thermometers send 400 packets a second. `make bench-radio` "
    f"measures the CPU time of the Bluetooth stack.",
    ("CPU time", "bare Python", "exporter", "ratio"),
    (_REST, _PER_PACKET),
    "At rest, the CPU time is constant. Otherwise, it grows linearly with the number of packets.",
)
TABLES = (STARTING, MEMORY, PROCESSOR)


def run(report: Report) -> None:
    """Measure processes, and print the tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        modules = _modules(folder)
        report.add(STARTING, _starting(folder, modules))
        report.add(MEMORY, _memory(folder, modules))
        report.add(PROCESSOR, _processor(folder, modules))


def _keep(rounds: Rounds, name: str, figure: float) -> None:
    rounds.setdefault(name, []).append(figure)


def _modules(folder: Path) -> str:
    """Return the names of the modules, other than its own, that the running exporter has imported."""
    port = free_port()
    with running(*exporter(folder, _RATE_DEVICES, port)) as process:
        process.wait_for(port, "/metrics", _HEARD)
        return process.end().strip()


def exporter(folder: Path, devices: int, port: int, per_second: int = 0, kind: str = "exporter") -> list[str]:
    """Write a configuration; return the arguments of Python for an exporter with this many devices."""
    path = folder / f"{devices}.yaml"
    lines = [
        *("scan_interval_seconds: 30", "scan_duration_seconds: 30", "stale_after_seconds: auto"),
        *('log_file: "-"', 'listen_address: "127.0.0.1"', f"listen_port: {port}", "devices:"),
        *(f'  "{address(number)}": "room_{number}"' for number in range(max(devices, 1))),
    ]
    path.write_text("\n".join([*lines, ""]))
    return ["-m", "bench.steady_radio", kind, str(devices), str(per_second), str(path)]


def _starting(folder: Path, modules: str) -> Mapping[str, tuple[str, ...]]:
    healthy_s, heard_s, cpu_s = Rounds(), Rounds(), Rounds()
    for _ in range(_ROUNDS):
        for name, wanted in ((_PYTHON, ""), (_IMPORTS, modules)):
            with running(*_bare(0, 0)) as process:
                process.tell(wanted)
                _keep(cpu_s, name, process.cpu_s)
        for devices in COUNTS:
            name, port = _title(devices), free_port()
            with running(*exporter(folder, devices, port)) as process:
                _keep(healthy_s, name, process.wait_for(port, "/healthz", b"ok"))
                if devices:
                    _keep(heard_s, name, process.wait_for(port, "/metrics", _HEARD))
                _keep(cpu_s, name, process.cpu_s)
    return {
        name: (
            f"{healthy_s.median(name):.2f}" if name in healthy_s else "–",
            f"{heard_s.median(name):.2f}" if name in heard_s else "–",
            f"{cpu_s.median(name):.2f}",
            str(cpu_s.ratio(name, _IMPORTS)),
        )
        for name in _ROWS
    }


def _memory(folder: Path, modules: str) -> Mapping[str, tuple[str, ...]]:
    resident_mib = Rounds()
    for _ in range(_MEMORY_ROUNDS):
        # Processes that run at the same time do not change each other's memory.
        with ExitStack() as stack:
            processes = {}
            for name, wanted in ((_PYTHON, ""), (_IMPORTS, modules)):
                processes[name] = stack.enter_context(running(*_bare(0, 0)))
                processes[name].tell(wanted)
            ports = {devices: free_port() for devices in COUNTS}
            for devices, port in ports.items():
                arguments = exporter(folder, devices, port, round(devices / _EVERY_S))
                processes[_title(devices)] = stack.enter_context(running(*arguments))
            for devices, port in ports.items():
                processes[_title(devices)].wait_for(port, "/healthz", b"ok")
            time.sleep(_HEARD_FOR_S)
            for devices, port in ports.items():
                if (heard := get(port, "/metrics").count(_HEARD)) != devices:
                    raise DifferenceError(f"{heard} of {devices} devices were heard")
            time.sleep(_SETTLED_S)
            for name in _ROWS:
                _keep(resident_mib, name, processes[name].resident_mib())
    cells = {name: [f"{resident_mib.median(name):.1f}", str(resident_mib.ratio(name, _IMPORTS)), ""] for name in _ROWS}
    for fewer, more in pairwise(COUNTS):
        grown_mib = resident_mib.median(_title(more)) - resident_mib.median(_title(fewer))
        cells[_title(more)][-1] = f"{1024 * grown_mib / (more - fewer):.1f}"
    return {name: tuple(row) for name, row in cells.items()}


def _processor(folder: Path, modules: str) -> Mapping[str, tuple[str, ...]]:
    rest_s = _spent_s(folder, modules, 0, _REST_S)
    slow_s, fast_s = (_spent_s(folder, modules, rate, _RATE_S) for rate in _RATES)
    packets = _RATE_S * (_RATES[1] - _RATES[0])
    micros = [1e6 * (fast - slow) / packets for fast, slow in zip(fast_s, slow_s, strict=True)]
    return {
        _REST: (*(f"{1e3 * 60 / _REST_S * seconds:.1f}" for seconds in rest_s), "–"),
        _PER_PACKET: (*(f"{each:.1f}" for each in micros), f"{micros[1] / micros[0]:.1f}×"),
    }


def _spent_s(folder: Path, modules: str, per_second: int, seconds: float) -> tuple[float, float]:
    """Return the CPU times of a bare Python and of an exporter while both receive packets for this many seconds."""
    port = free_port()
    with (
        running(*_bare(_RATE_DEVICES, per_second)) as bare,
        running(*exporter(folder, _RATE_DEVICES, port, per_second)) as ours,
    ):
        bare.tell(modules)
        ours.wait_for(port, "/metrics", _HEARD)
        time.sleep(_SETTLED_S)
        before_s = bare.cpu_s, ours.cpu_s
        time.sleep(seconds)
        return bare.cpu_s - before_s[0], ours.cpu_s - before_s[1]


def _bare(devices: int, per_second: int) -> list[str]:
    return ["-m", "bench.steady_radio", "imports", str(devices), str(per_second)]
