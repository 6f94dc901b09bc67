"""The CPU time of the exporter and of BlueZ for an advertisement, compared with the smallest program with bleak."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from .crowd import Crowd
from .exporter import Exporter
from .polling import wait_until
from .process import TICK_S, cpu_seconds
from .registry import scenario_of
from .scenarios_modes import EXPERIMENTAL
from .scenarios_soak import IS_LONG, LISTENING_S, SET_UP_S, say
from .stack import Stack
from .virtual_radio import VirtualRadio

MEASURED_S = 90.0 if IS_LONG else 30.0
WARM_UP_S = 10.0
"""Time excluded from the measurement, for imports and the first packet of each device."""
SCRAPE_EVERY_S = 15.0
"""The interval of Prometheus."""

SENSORS = 20
SENSORS_PER_SECOND = 8.0
CROWDS = (0, 200, 1000) if IS_LONG else (200,)
"""Numbers of unknown devices; each sends one advertisement a second."""
ADDRESS_LASTS_S = 900.0

PROGRAM, BLUETOOTHD, DBUS = "the program", "bluetoothd", "dbus-daemon"
PROCESSES = (PROGRAM, BLUETOOTHD, DBUS)
BARE, BLUEZ, MONITOR = "bare callback", "ear: bluez", "ear: monitor"
LISTENERS = (BARE, BLUEZ, MONITOR)
EARS = {BLUEZ: "bluez", MONITOR: "monitor"}
HEARD_SHARE = 0.98
"""The least share of the advertisements that must be heard; some are sent too early, or are still on their way."""
AIM_OF_BLUEZ = 1.2
AIM_OF_MONITOR = 12


@dataclass
class Cost:
    """CPU time of each process in seconds, for a number of advertisements, and the share that was heard."""

    advertisements: int
    seconds: Counter[str]
    heard_share: float = 0.0

    def of(self, *processes: str) -> tuple[float, float]:
        """Return the CPU time of processes for one advertisement in milliseconds, and its standard error."""
        ticks = sum(self.seconds[process] for process in processes) / TICK_S
        each_ms = 1000 * TICK_S / self.advertisements
        # Each tick counts for the process that runs at that instant, so the number of ticks has a Poisson error.
        return ticks * each_ms, math.sqrt(ticks) * each_ms


def measure(stack: Stack, radio: VirtualRadio, crowd: Crowd, name: str) -> Cost:
    """Measure a listener, and BlueZ meanwhile, for MEASURED_S."""
    reported = crowd.reported()
    cost, heard = measure_bare(stack, radio, crowd) if name == BARE else measure_exporter(stack, radio, crowd, name)
    cost.heard_share = heard / max(crowd.reported() - reported, 1)
    wait_until(lambda: not radio.scanning, "the radio is idle")
    return cost


def measure_bare(stack: Stack, radio: VirtualRadio, crowd: Crowd) -> tuple[Cost, int]:
    """Measure a program that only counts bleak's callbacks; return the cost and the number of callbacks."""
    command = [sys.executable, "-m", "rig.guest.bare_scanner"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as bare:
        try:
            cost = cost_of(stack, radio, crowd, bare.pid)
        finally:
            bare.terminate()
        output, _ = bare.communicate()
    return cost, int(output)


def measure_exporter(stack: Stack, radio: VirtualRadio, crowd: Crowd, name: str) -> tuple[Cost, int]:
    """Measure the exporter while it is scraped; return the cost and the number of advertisements received."""
    exporter = stack.start_exporter(
        crowd.thermometers,
        ear=EARS[name],
        scan_interval_seconds=LISTENING_S,
        scan_duration_seconds=LISTENING_S,
    )
    cost = cost_of(stack, radio, crowd, exporter.process.pid, exporter)
    received = exporter.scrape().total("advertisements_received")
    exporter.terminate(SET_UP_S)
    return cost, received


def cost_of(stack: Stack, radio: VirtualRadio, crowd: Crowd, pid: int, exporter: Exporter | None = None) -> Cost:
    """Return the cost of a process that has just been started, scraping the exporter meanwhile."""
    wait_until(lambda: radio.scanning, "the program scans", SET_UP_S)
    time.sleep(WARM_UP_S)
    pids = {PROGRAM: pid, BLUETOOTHD: stack.pid(BLUETOOTHD), DBUS: stack.pid(DBUS)}
    before, reported = {name: cpu_seconds(each) for name, each in pids.items()}, crowd.reported()
    end = time.monotonic() + MEASURED_S
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, SCRAPE_EVERY_S))
        if exporter:
            exporter.scrape()
    seconds = Counter({name: cpu_seconds(each) - before[name] for name, each in pids.items()})
    return Cost(crowd.reported() - reported, seconds)


def table(strangers: int, costs: Mapping[str, Cost]) -> str:
    """Return the costs of all listeners as a table, with ratios to the bare callback."""
    rate = round(costs[BARE].advertisements / MEASURED_S)
    lines = [
        f"CPU time for one advertisement in ms: {SENSORS} sensors, {strangers} unknown devices, {rate} a second;",
        f"{MEASURED_S:g} s of each listener, ± the standard error of counting ticks of {1000 * TICK_S:g} ms",
        "".join([f"{'':14}", *(f"{name:>18}" for name in LISTENERS)]),
    ]
    for title, processes in (*((name, (name,)) for name in PROCESSES), ("together", PROCESSES)):
        figures = (costs[name].of(*processes) for name in LISTENERS)
        lines.append("".join([f"{title:14}", *(f"{cost:>10.3f} ± {error:.3f}" for cost, error in figures)]))
    heard = (f"{100 * costs[name].heard_share:.1f} %" for name in LISTENERS)
    lines.append("".join([f"{'heard':14}", *(f"{share:>18}" for share in heard)]))
    together = {name: costs[name].of(*PROCESSES)[0] for name in LISTENERS}
    program = costs[BLUEZ].of(PROGRAM)[0] / costs[BARE].of(PROGRAM)[0]
    machine = together[BARE] / max(together[MONITOR], TICK_S / costs[MONITOR].advertisements)
    lines.append(f"{BLUEZ}: the program costs {program:.2f} times a {BARE} (aim: at most {AIM_OF_BLUEZ})")
    lines.append(f"{MONITOR}: the total is 1/{machine:.0f} of a {BARE}'s (aim: at most 1/{AIM_OF_MONITOR})")
    return "\n".join(lines)


@scenario_of(len(CROWDS) * len(LISTENERS) * (SET_UP_S + WARM_UP_S + MEASURED_S) + SET_UP_S)
def cost(stack: Stack) -> None:
    """The CPU time for each advertisement is printed for each ear and for a bare callback; no limit applies to it."""
    radio = stack.start(EXPERIMENTAL)
    for strangers in CROWDS:
        crowd = Crowd(SENSORS, strangers, SENSORS_PER_SECOND + strangers, ADDRESS_LASTS_S)
        air = stack.start_air(radio, *crowd.sensors, *crowd.phones)
        # The programs run one after the other, because two listeners would double the work of dbus-daemon.
        costs = {name: measure(stack, radio, crowd, name) for name in LISTENERS}
        air.end()
        say(table(strangers, costs))
        share = costs[MONITOR].heard_share
        assert share > HEARD_SHARE, f"the monitor ear heard only {100 * share:.1f} % of the advertisements"
    say("Other work on this machine distorts these figures.")
    if not IS_LONG:
        say("This was a short run, precise to one significant figure; `make bench-radio` measures longer.")
