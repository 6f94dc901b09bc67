"""The exporter's CPU time for an advertisement, compared with the smallest program that uses bleak."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from .crowd import Crowd
from .exporter import Exporter
from .polling import wait_until
from .process import TICK_S, cpu_seconds
from .registry import scenario_of
from .scenarios_soak import IS_LONG, LISTENING_S, PER_SECOND, SET_UP_S, say
from .stack import Stack
from .virtual_radio import VirtualRadio

ROUNDS = 2 if IS_LONG else 1
MEASURED_S = 90.0 if IS_LONG else 30.0
WARM_UP_S = 10.0
"""Time excluded from the measurement, for imports and the first packet of each device."""
SCRAPE_EVERY_S = 15.0
"""The interval of Prometheus."""

SENSORS = 20
PHONES = 200
ADDRESS_LASTS_S = 900.0
AIM = 1.33
HEARD_SHARE = 0.95
"""The minimum fraction of advertisements that the bare program must receive for a fair comparison."""

PROGRAM, BLUETOOTHD, DBUS = "the program", "bluetoothd", "dbus-daemon"


@dataclass
class Cost:
    """CPU time of each process in seconds, and the number of advertisements."""

    advertisements: int = 0
    seconds: Counter[str] = field(default_factory=Counter)

    def of(self, process: str) -> tuple[float, float]:
        """Return the CPU time for one advertisement in milliseconds, and its standard error."""
        ticks = self.seconds[process] / TICK_S
        each_ms = 1000 * TICK_S / self.advertisements
        # Each tick counts for the process that runs at that instant, so the number of ticks has a Poisson error.
        return ticks * each_ms, math.sqrt(ticks) * each_ms


def measure(crowd: Crowd, pids: Mapping[str, int], cost: Cost, exporter: Exporter | None = None) -> None:
    """Add the CPU time of the processes during MEASURED_S to `cost`, scraping the exporter meanwhile."""
    before, reported = {name: cpu_seconds(pid) for name, pid in pids.items()}, crowd.reported()
    end = time.monotonic() + MEASURED_S
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, SCRAPE_EVERY_S))
        if exporter:
            exporter.scrape()
    cost.advertisements += crowd.reported() - reported
    cost.seconds.update({name: cpu_seconds(pid) - before[name] for name, pid in pids.items()})


def measure_bare(stack: Stack, radio: VirtualRadio, crowd: Crowd, cost: Cost) -> None:
    """Measure a program that only counts bleak's callbacks, and add its CPU time to `cost`."""
    before = crowd.reported()
    command = [sys.executable, "-m", "rig.guest.bare_scanner"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as bare:
        try:
            wait_until(lambda: radio.scanning, "the bare program scans", SET_UP_S)
            time.sleep(WARM_UP_S)
            measure(crowd, _pids(stack, bare.pid), cost)
        finally:
            bare.terminate()
        output, _ = bare.communicate()
    reported = crowd.reported() - before
    assert int(output) >= HEARD_SHARE * reported, f"{output} callbacks of {reported} advertisements"


def measure_exporter(stack: Stack, radio: VirtualRadio, crowd: Crowd, cost: Cost) -> None:
    """Measure the exporter, and add its CPU time to `cost`."""
    exporter = stack.start_exporter(
        crowd.thermometers,
        scan_interval_seconds=LISTENING_S,
        scan_duration_seconds=LISTENING_S,
    )
    wait_until(lambda: radio.scanning, "the exporter scans", SET_UP_S)
    time.sleep(WARM_UP_S)
    measure(crowd, _pids(stack, exporter.process.pid), cost, exporter)
    exporter.terminate(SET_UP_S)


def _pids(stack: Stack, program: int) -> dict[str, int]:
    return {PROGRAM: program, BLUETOOTHD: stack.pid(BLUETOOTHD), DBUS: stack.pid(DBUS)}


def table(bare: Cost, exporter: Cost) -> str:
    """Return both costs as a table."""
    lines = [
        f"CPU time for one advertisement in ms, at {PER_SECOND:g}/s from {SENSORS} sensors and {PHONES} phones;",
        f"{ROUNDS} × {MEASURED_S:g} s of each, ± the standard error of counting ticks of {1000 * TICK_S:g} ms",
        f"{'':14}{'bare callback':>18}{'exporter':>18}{'ratio':>16}",
    ]
    for process in (PROGRAM, BLUETOOTHD, DBUS):
        (base, base_error), (cost, cost_error) = bare.of(process), exporter.of(process)
        ratio = cost / base
        error = ratio * math.hypot(base_error / base, cost_error / cost)
        figures = f"{base:>10.3f} ± {base_error:.3f}{cost:>10.3f} ± {cost_error:.3f}{ratio:>9.2f} ± {error:.2f}"
        lines.append(f"{process:14}{figures}")
    lines.append(f"The aim for the program is at most {AIM}. {BLUETOOTHD} does the same work for both programs:")
    lines.append("the distance of its ratio from 1 shows the influence of other work on this machine.")
    if not IS_LONG:
        lines.append("This was a short run, precise to one significant figure; `make soak` measures longer.")
    return "\n".join(lines)


@scenario_of(2 * ROUNDS * (SET_UP_S + WARM_UP_S + MEASURED_S) + SET_UP_S)
def soak_cpu(stack: Stack) -> None:
    """The CPU time for each advertisement is printed next to that of a bare callback; it has no limit."""
    radio = stack.start()
    crowd = Crowd(SENSORS, PHONES, PER_SECOND, ADDRESS_LASTS_S)
    stack.start_air(radio, *crowd.sensors, *crowd.phones)
    bare, exporter = Cost(), Cost()
    for _ in range(ROUNDS):
        # The programs run one after the other, because two listeners would double the work of dbus-daemon.
        measure_bare(stack, radio, crowd, bare)
        wait_until(lambda: not radio.scanning, "the radio is idle")
        measure_exporter(stack, radio, crowd, exporter)
        wait_until(lambda: not radio.scanning, "the radio is idle")
    say(table(bare, exporter))
