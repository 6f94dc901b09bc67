"""The exporter and other programs on the same traffic: start, memory, CPU time, and the packets that each hears."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from ble_exporter.parser import parse_bthome

from .crowd import STEPS, TEMPERATURE, VOLTAGE, Crowd, Packet, served
from .exporter import Exporter
from .mqtt_sink import MqttSink
from .polling import wait_until
from .process import cpu_seconds, footprint
from .registry import scenario_of
from .scenarios_cost import BLUETOOTHD, DBUS, PROGRAM
from .scenarios_modes import EXPERIMENTAL
from .scenarios_soak import IS_LONG, LISTENING_S, SET_UP_S, say
from .stack import Stack
from .virtual_radio import VirtualRadio

ROUNDS = 3 if IS_LONG else 1
MEASURED_S = 30.0 if IS_LONG else 20.0
BEGIN_S = 20.0
"""The time within which a program must begin to scan; otherwise it is started again."""
ATTEMPTS = 3
WARM_UP_S = 10.0
PAUSE_S = 5.0
"""The time between two programs, in which bluetoothd cleans up after the first."""
LATE_S = 5.0
"""The time within which the last packets must arrive, and must be scraped."""
SCRAPE_EVERY_S = 2.0
SENSORS = 20
STRANGERS = 100
PER_SECOND = STRANGERS + SENSORS / 2.5
ADDRESS_LASTS_S = 900.0
THEENGS_KEYS = {"tempc": TEMPERATURE, "volt": VOLTAGE}
HA_KEYS = {"temperature": TEMPERATURE, "voltage": VOLTAGE}
MONITOR, BLUEZ, HA, THEENGS = (
    "exporter, ear: monitor",
    "exporter, ear: bluez",
    "habluetooth + bthome-ble",
    "TheengsGateway",
)


@dataclass
class Heard:
    """The time of a program's first value by time.monotonic(), and the packets that it has heard."""

    first_s: float
    packets: set[Packet]
    """The packets that it has decoded."""
    received: set[Packet] | None = None
    """The packets that it has received; None if it decodes every packet that it receives."""


@dataclass
class Result:
    """
    The figures of one program in one round.

    The CPU times, of the program alone and together with BlueZ, are in milliseconds for each advertisement on air.
    """

    first_s: float
    resident_mib: float
    alone_ms: float
    together_ms: float
    sent: int
    received: int
    decoded: int


class Listener:
    """A running program, its process, and a function that ends it and returns what it has heard."""

    def __init__(self, process: subprocess.Popen[str] | subprocess.Popen[bytes], end: Callable[[], Heard]) -> None:
        """Keep the id of the process, and the function that ends it."""
        self.pid, self.end = process.pid, end


def exporter(stack: Stack, crowd: Crowd, ear: str) -> Listener:
    """Start the exporter, and scrape it regularly: the values in a scrape are numbers of packets."""
    settings = {"scan_interval_seconds": LISTENING_S, "scan_duration_seconds": LISTENING_S}
    program = stack.start_exporter(crowd.thermometers, ear=ear, **settings)
    heard = Heard(0.0, set())
    is_over = threading.Event()

    def scrape(program: Exporter) -> None:
        while not is_over.wait(SCRAPE_EVERY_S if heard.packets else 0.02):
            with suppress(OSError):
                heard.packets |= served(program.scrape())
                heard.first_s = heard.first_s or (time.monotonic() if heard.packets else 0.0)

    scraping = threading.Thread(target=scrape, args=(program,))
    scraping.start()

    def end() -> Heard:
        is_over.set()
        scraping.join()
        heard.packets |= served(program.scrape())
        program.terminate(SET_UP_S)
        return heard

    return Listener(program.process, end)


def ha_engine(_stack: Stack, crowd: Crowd) -> Listener:
    """Start the engine of Home Assistant, which reports its values at the end."""
    process = subprocess.Popen([sys.executable, "-m", "rig.guest.ha_engine"], stdout=subprocess.PIPE, text=True)

    def end() -> Heard:
        process.terminate()
        output, _ = process.communicate(timeout=SET_UP_S)
        said = json.loads(output)
        values = ((address, HA_KEYS[key], value) for address, key, value in said["values"])
        payloads = ((address, parse_bthome(bytes.fromhex(payload))) for address, payload in said["payloads"])
        received = [
            (address, HA_KEYS[key], found[key]) for address, found in payloads for key in HA_KEYS if key in found
        ]
        return Heard(said["began_s"] or 0.0, packets_of(crowd, values), packets_of(crowd, received))

    return Listener(process, end)


def theengs_gateway(_stack: Stack, crowd: Crowd) -> Listener:
    """Start TheengsGateway, which listens all the time, with a broker; it announces no sensors to Home Assistant."""
    sink = MqttSink()
    config = Path("/run/theengs.conf")
    config.unlink(missing_ok=True)
    options = ["--host", "127.0.0.1", "--port", str(sink.port), "--discovery", "0", "--adapter", "hci0"]
    options += ["--ble_scan_time", str(int(LISTENING_S)), "--ble_time_between_scans", "0", "--config", str(config)]
    process = subprocess.Popen(
        [sys.executable, "-m", "TheengsGateway", *options],
        env={**os.environ, "HOME": "/run"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def end() -> Heard:
        process.terminate()
        process.wait(SET_UP_S)
        values, first_s = [], 0.0
        for message in sink.messages:
            with suppress(ValueError):
                said = json.loads(message.payload)
                found = [(said["id"], THEENGS_KEYS[key], said[key]) for key in THEENGS_KEYS if key in said]
                first_s = first_s or (message.at_s if found else 0.0)
                values += found
        return Heard(first_s, packets_of(crowd, values))

    return Listener(process, end)


def packets_of(crowd: Crowd, values: Iterable[tuple[str, str, float]]) -> set[Packet]:
    """Return the packets that these values (address, metric, value) identify; those of unknown devices are left out."""
    names = {thermometer.address: thermometer.name for thermometer in crowd.thermometers}
    return {
        (names[address], metric, round(value * STEPS[metric])) for address, metric, value in values if address in names
    }


MODULES = ("ble_exporter.service", "bleak", "bthome_ble", "habluetooth", "TheengsGateway.discovery")
LISTENERS: Mapping[str, Callable[[Stack, Crowd], Listener]] = {
    MONITOR: partial(exporter, ear="monitor"),
    BLUEZ: partial(exporter, ear="bluez"),
    HA: ha_engine,
    THEENGS: theengs_gateway,
}


def begin(
    stack: Stack, radio: VirtualRadio, crowd: Crowd, start: Callable[[Stack, Crowd], Listener]
) -> tuple[Listener, float]:
    """Start a program, and wait until it scans; return it, and the time of its start by time.monotonic()."""
    for _ in range(ATTEMPTS):
        began_s = time.monotonic()
        listener = start(stack, crowd)
        with suppress(AssertionError):
            wait_until(lambda: radio.scanning, "the program scans", BEGIN_S)
            return listener, began_s
        say(f"The program does not scan after {BEGIN_S:g} s, and is started again.")
        listener.end()
    raise AssertionError(f"a program did not scan in {ATTEMPTS} attempts")


def measure(stack: Stack, radio: VirtualRadio, crowd: Crowd, start: Callable[[Stack, Crowd], Listener]) -> Result:
    """Start a program, measure it for MEASURED_S, and end it."""
    listener, began_s = begin(stack, radio, crowd, start)
    time.sleep(WARM_UP_S)
    pids = {PROGRAM: listener.pid, BLUETOOTHD: stack.pid(BLUETOOTHD), DBUS: stack.pid(DBUS)}
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    sent_before, reported_before = crowd.reported_of_sensors(), crowd.reported()
    time.sleep(MEASURED_S)
    spent_s = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    sent, advertisements = crowd.reported_of_sensors() - sent_before, crowd.reported() - reported_before
    resident_mib = footprint(listener.pid).rss_kib / 1024
    time.sleep(LATE_S)
    heard = listener.end()
    wait_until(lambda: not radio.scanning, "the radio is idle", SET_UP_S)
    time.sleep(PAUSE_S)
    decoded = heard.packets & sent
    return Result(
        heard.first_s - began_s,
        resident_mib,
        1000 * spent_s[PROGRAM] / advertisements,
        1000 * sum(spent_s.values()) / advertisements,
        len(sent),
        len(decoded if heard.received is None else heard.received & sent),
        len(decoded),
    )


def table(rounds: Sequence[Mapping[str, Result]]) -> str:
    """Return the sums of the packets, the medians over all rounds, and the range of ratios to the exporter's total."""
    lines = [
        f"{SENSORS} sensors and {STRANGERS} other devices, {PER_SECOND:g} packets a second; {MEASURED_S:g} s of each",
        f"in each of {len(rounds)} rounds; CPU ms for each packet on air; ratio to the total of {MONITOR} (min–max)",
        f"{'':26}{'sent':>6}{'received':>10}{'decoded':>9}{'first s':>9}{'RSS MiB':>9}{'CPU':>8}{'with BlueZ':>12}",
    ]
    for name in rounds[0]:
        results = [results[name] for results in rounds]
        # The least divisor prevents a division by zero.
        ratios = [one[name].together_ms / max(one[MONITOR].together_ms, 0.001) for one in rounds]
        packets = [sum(getattr(one, kind) for one in results) for kind in ("sent", "received", "decoded")]
        kinds = (("first_s", 9, 1), ("resident_mib", 9, 1), ("alone_ms", 8, 3), ("together_ms", 12, 3))
        figures = [f"{median(getattr(one, kind) for one in results):>{width}.{d}f}" for kind, width, d in kinds]
        ratio = f"{median(ratios):.1f} ({min(ratios):.1f}–{max(ratios):.1f})"
        lines.append(f"{name:26}{packets[0]:>6}{packets[1]:>10}{packets[2]:>9}{''.join(figures)}  {ratio}")
    return "\n".join(lines)


def peers(stack: Stack) -> None:
    """Every program hears the same kind of traffic, one after the other; the monitor ear must decode every packet."""
    say(", ".join(f"{name} {version(name)}" for name in ("TheengsGateway", "habluetooth", "bthome-ble", "bleak")))
    # Otherwise only the first program to import a library would wait for the disk.
    subprocess.run([sys.executable, "-c", f"import {', '.join(MODULES)}"], check=True)
    radio = stack.start(EXPERIMENTAL)
    # TheengsDecoder recognises a sensor with this firmware by the name that the firmware sends.
    crowd = Crowd(SENSORS, STRANGERS, PER_SECOND, ADDRESS_LASTS_S, "ATC")
    stack.start_air(radio, *crowd.sensors, *crowd.phones)
    rounds = []
    for turn in range(ROUNDS):
        names = [*LISTENERS]
        order = names[turn % len(names) :] + names[: turn % len(names)]
        results = {name: measure(stack, radio, crowd, LISTENERS[name]) for name in order}
        rounds.append({name: results[name] for name in LISTENERS})
        say(table(rounds))
    for results in rounds:
        monitor = results[MONITOR]
        assert monitor.decoded == monitor.sent, f"the monitor ear decoded {monitor.decoded} of {monitor.sent} packets"


# The other programs are installed only by `make bench-peers`.
if find_spec("TheengsGateway"):
    scenario_of(ROUNDS * len(LISTENERS) * (2 * SET_UP_S + WARM_UP_S + MEASURED_S + LATE_S + PAUSE_S) + SET_UP_S)(peers)
