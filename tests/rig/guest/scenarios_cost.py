"""The CPU time of the exporter and of BlueZ for an advertisement, compared with a minimal program that uses bleak."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from .crowd import Crowd
from .polling import wait_until
from .process import cpu_seconds
from .prometheus import Prometheus
from .registry import scenario_of
from .scenarios_modes import EXPERIMENTAL
from .scenarios_soak import IS_LONG, LISTENING_S, SET_UP_S, say
from .stack import Stack
from .table import markdown
from .virtual_radio import VirtualRadio

MEASURED_S = 30.0
ROUNDS = 2 if IS_LONG else 1
"""Every listener is measured in each round, so that a change of the host's load does not favour one of them."""
WARM_UP_S = 10.0
"""Time excluded from the measurement, for imports, the first packet of each device and the first scrape."""
SCRAPE_EVERY_S = 15.0
"""A common scrape interval of Prometheus."""

SENSORS = 20
SENSORS_PER_SECOND = 8.0
CROWDS = (0, 200, 1000) if IS_LONG else (200,)
"""Numbers of unknown devices; each sends one advertisement a second."""
COMPANY = 200
"""The number of unknown devices at which the further listeners are measured too."""
ADDRESS_LASTS_S = 900.0

PROGRAM, BLUETOOTHD, DBUS, OTHER = "the program", "bluetoothd", "dbus-daemon", "another program"
PROCESSES = (PROGRAM, BLUETOOTHD, DBUS, OTHER)
LEAST_S = 0.001
"""The least CPU time above the time at rest, which other work on the host could otherwise turn into a negative one."""
HEARD_SHARE = 0.96
"""The share that the monitor ear must hear; at the time of the scrape, some packets may still be unread."""
AIM_OF_BLUEZ = 1.2
AIM_OF_MONITOR = 12


@dataclass(frozen=True)
class Listener:
    """A program whose CPU time is measured: an exporter with an ear, or the one that only counts bleak's callbacks."""

    title: str
    ear: str = ""
    """Empty for the program that only counts."""
    mode: str = "auto"
    has_company: bool = False
    """Whether the program that only counts runs at the same time."""
    is_scraped: bool = True
    """Whether the exporter is scraped meanwhile; ignored for the program that only counts."""
    has_timer: bool = False
    """Whether the program that only counts also waits for a time; see bare_scanner."""


BARE, TIMED = Listener("a bare callback"), Listener("a bare callback, and a timer", has_timer=True)
BLUEZ, MONITOR = Listener("`bluez`", "bluez"), Listener("`monitor`", "monitor")
LISTENERS = (BARE, TIMED, BLUEZ, MONITOR)
UNSCRAPED = (
    Listener("`bluez`, without scrapes", "bluez", is_scraped=False),
    Listener("`monitor`, without scrapes", "monitor", is_scraped=False),
)
"""Measured without unknown devices, where scrapes are a large part of the cost."""
FURTHER = (
    Listener("`bluez`, passive", "bluez", "passive"),
    Listener("`monitor`, active", "monitor", "active"),
    Listener("`monitor`, passive", "monitor", "passive"),
    Listener("`monitor`, beside a bare callback", "monitor", has_company=True),
)


@dataclass
class Cost:
    """
    The CPU time of a listener, and the number of advertisements that it heard, in all rounds.

    Attributes:
        advertisements: The number of advertisements that the controller reported while CPU time was measured.
        seconds: The CPU time of each process.
        reported: The number of advertisements that the controller reported from the listener's start to its end.
        heard: The number of those that the listener heard.
    """

    advertisements: int = 0
    seconds: Counter[str] = field(default_factory=Counter)
    reported: int = 0
    heard: int = 0

    def add(self, other: Cost) -> None:
        """Add another round."""
        self.advertisements += other.advertisements
        self.seconds.update(other.seconds)
        self.reported += other.reported
        self.heard += other.heard

    @property
    def heard_share(self) -> float:
        """Return the share of the reported advertisements that was heard."""
        return self.heard / self.reported

    def of(self, *processes: str, rest: Cost | None = None) -> float:
        """Return the CPU time of processes for one advertisement in milliseconds, less the time at rest, if given."""
        at_rest = rest.seconds if rest else Counter[str]()
        seconds = sum(self.seconds[process] - at_rest[process] for process in processes)
        return 1000 * max(seconds, LEAST_S) / self.advertisements


Costs = Mapping[Listener, Cost]


@contextmanager
def counting_callbacks(*options: str) -> Iterator[subprocess.Popen[str]]:
    """Run the program that only counts bleak's callbacks, for the duration of a `with` block."""
    command = [sys.executable, "-m", "rig.guest.bare_scanner", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            yield program
        finally:
            if program.returncode is None:
                program.terminate()
                program.communicate()


def measure(stack: Stack, radio: VirtualRadio, crowd: Crowd, listener: Listener) -> Cost:
    """Measure a listener, and a bluetoothd that knows no device yet, for one round."""
    stack.restart_bluetoothd(radio)
    before = crowd.reported()
    measure_one = measure_exporter if listener.ear else measure_bare
    cost, reported, heard = measure_one(stack, radio, crowd, listener)
    cost.reported, cost.heard = reported - before, heard
    wait_until(lambda: not radio.scanning, "the radio is idle")
    return cost


def measure_all(stack: Stack, radio: VirtualRadio, crowd: Crowd, listeners: Sequence[Listener]) -> dict[Listener, Cost]:
    """Measure these listeners one after the other: two at once would double the work of dbus-daemon."""
    costs = {listener: Cost() for listener in listeners}
    for _round in range(ROUNDS):
        for listener in listeners:
            costs[listener].add(measure(stack, radio, crowd, listener))
    return costs


def measure_bare(stack: Stack, radio: VirtualRadio, crowd: Crowd, listener: Listener) -> tuple[Cost, int, int]:
    """Measure the program that only counts; return the cost, and the numbers of reports and of callbacks."""
    with counting_callbacks(*["--timer"] * listener.has_timer) as bare:
        cost = cost_of(stack, radio, crowd, {PROGRAM: bare.pid}, lambda: None)
        reported = crowd.reported()
        bare.terminate()
        output, _ = bare.communicate()
    return cost, reported, int(output)


def measure_exporter(stack: Stack, radio: VirtualRadio, crowd: Crowd, listener: Listener) -> tuple[Cost, int, int]:
    """Measure the exporter while it is scraped; return the cost, and the numbers of packets reported and received."""
    exporter = stack.start_exporter(
        crowd.thermometers,
        ear=listener.ear,
        scan_mode=listener.mode,
        scan_interval_seconds=LISTENING_S,
        scan_duration_seconds=LISTENING_S,
        # Without senders, the exporter must not report a silence.
        silence_limit_seconds=10 * MEASURED_S,
    )
    pids = {PROGRAM: exporter.process.pid}
    scrape: Callable[[], object] = Prometheus().scrape if listener.is_scraped else lambda: None
    if listener.has_company:
        exporter.wait_until_it_listens()
        with counting_callbacks() as other:
            cost = cost_of(stack, radio, crowd, {**pids, OTHER: other.pid}, scrape)
    else:
        cost = cost_of(stack, radio, crowd, pids, scrape)
    reported, received = crowd.reported(), exporter.scrape().total("advertisements_received")
    exporter.terminate(SET_UP_S)
    return cost, reported, received


def cost_of(
    stack: Stack, radio: VirtualRadio, crowd: Crowd, pids: Mapping[str, int], scrape: Callable[[], object]
) -> Cost:
    """Scrape for a while; return the cost of these processes, which have just been started, and of BlueZ."""
    wait_until(lambda: radio.scanning, "the program scans", SET_UP_S)
    time.sleep(WARM_UP_S)
    scrape()
    pids = {**pids, BLUETOOTHD: stack.pid(BLUETOOTHD), DBUS: stack.pid(DBUS)}
    before, reported = {name: cpu_seconds(each) for name, each in pids.items()}, crowd.reported()
    end = time.monotonic() + MEASURED_S
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, SCRAPE_EVERY_S))
        scrape()
    seconds = Counter({name: cpu_seconds(each) - before[name] for name, each in pids.items()})
    return Cost(crowd.reported() - reported, seconds)


def ratios(costs: Costs, rest: Costs, bluez: Listener = BLUEZ, monitor: Listener = MONITOR) -> tuple[float, ...]:
    """
    Return three ratios of CPU times for an advertisement.

    The first is the exporter's time with BlueZ's ear, divided by that of a program with a bare callback; the second
    divides it by that of the same program with a timer. The third is the time of all processes with a bare callback,
    divided by their time with the monitor ear.
    """
    program, bare, timed = (costs[one].of(PROGRAM, rest=rest.get(one)) for one in (bluez, BARE, TIMED))
    machine = [costs[one].of(*PROCESSES, rest=rest.get(one)) for one in (BARE, monitor)]
    return program / bare, program / timed, machine[0] / machine[1]


def compared(costs: Costs, rest: Costs) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Yield titles with ratios: of all costs, and, if measured, without the cost at rest and without scrapes."""
    yield "", ratios(costs, {})
    if rest:
        yield ", without the cost at rest", ratios(costs, rest)
    if all(one in costs for one in UNSCRAPED):
        yield ", without scrapes", ratios(costs, {}, *UNSCRAPED)


def table(strangers: int, costs: Costs, rest: Costs) -> str:
    """Return the costs of all listeners as a table, and below it the ratios with their aims."""
    rows = []
    for listener, cost in costs.items():
        figures = [f"{cost.of(*one):.3f}" for one in (*((name,) for name in PROCESSES), PROCESSES)]
        rows.append([listener.title, *figures, f"{100 * cost.heard_share:.0f} %"])
    measured_s = ROUNDS * MEASURED_S
    rate = round(costs[BARE].advertisements / measured_s)
    lines = [
        f"\nCPU time for one advertisement in ms: {SENSORS} sensors, {strangers} unknown devices, {rate} a second,",
        f"{measured_s:g} s of each listener:\n",
        markdown(["listener", *PROCESSES, "together", "heard"], rows) + "\n",
    ]
    for title, (program, timed, machine) in compared(costs, rest):
        lines += [
            f"{BLUEZ.title}: the program costs {program:.2f} times {BARE.title}{title} (aim: at most {AIM_OF_BLUEZ})",
            f"{BLUEZ.title}: the program costs {timed:.2f} times {TIMED.title}{title}",
            f"{MONITOR.title}: all processes need 1/{machine:.1f} of the time{title} (aim: at most 1/{AIM_OF_MONITOR})",
        ]
    return "\n".join(lines)


def measure_rest(stack: Stack, radio: VirtualRadio) -> dict[Listener, Cost]:
    """Measure each listener while nothing is on air; print the costs."""
    crowd = Crowd(SENSORS, 0, SENSORS_PER_SECOND, ADDRESS_LASTS_S)
    costs = measure_all(stack, radio, crowd, LISTENERS)
    rows = [
        [one.title, *(f"{1000 * cost.seconds[name] / (ROUNDS * MEASURED_S):.2f}" for name in PROCESSES)]
        for one, cost in costs.items()
    ]
    say(f"\nCPU time in ms a second at rest; the exporter is scraped every {SCRAPE_EVERY_S:g} s:\n")
    say(markdown(["listener", *PROCESSES], rows))
    return costs


def listeners_for(strangers: int) -> Sequence[Listener]:
    """Return the listeners to measure among this number of unknown devices."""
    if IS_LONG and strangers == COMPANY:
        return (*LISTENERS, *FURTHER)
    return LISTENERS if strangers else (*LISTENERS, *UNSCRAPED)


MEASUREMENTS = sum(len(listeners_for(strangers)) for strangers in CROWDS) + len(LISTENERS) * IS_LONG


@scenario_of(ROUNDS * MEASUREMENTS * (SET_UP_S + WARM_UP_S + MEASURED_S) + SET_UP_S)
def cost(stack: Stack) -> None:
    """Prints the CPU time for each advertisement, without a limit; the monitor ear must hear nearly all of them."""
    radio = stack.start(EXPERIMENTAL)
    rest = measure_rest(stack, radio) if IS_LONG else {}
    for strangers in CROWDS:
        crowd = Crowd(SENSORS, strangers, SENSORS_PER_SECOND + strangers, ADDRESS_LASTS_S)
        air = stack.start_air(radio, *crowd.sensors, *crowd.phones)
        costs = measure_all(stack, radio, crowd, listeners_for(strangers))
        air.end()
        say(table(strangers, costs, rest))
        for listener, each in costs.items():
            share = each.heard_share
            assert listener.ear != "monitor" or share > HEARD_SHARE, (
                f"{listener.title} heard only {100 * share:.1f} % of the advertisements"
            )
    say("\nOther work on this machine distorts these figures.")
    if not IS_LONG:
        say("This was a short run, precise to one significant figure; `make bench-radio` measures longer.")
