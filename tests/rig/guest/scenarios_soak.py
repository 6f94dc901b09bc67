"""The prolonged run: a hundred sensors, 300 strangers, 200 advertisements a second; nothing is lost or leaked."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

from .air import local_name
from .counted_exporter import CENSUS
from .crowd import SENSOR_CADENCE_S, Crowd
from .exporter import Scrape
from .ledger import Ledger
from .polling import wait_until
from .process import footprint
from .registry import scenario_of
from .stack import Stack
from .trend import Trend, trend

IS_LONG = os.environ.get("RIG_SOAK") == "long"
"""As `make soak` sets it."""
SETTLED_S = 60.0
"""Until then the program is still getting to its size."""
SOAK_S = SETTLED_S + (600.0 if IS_LONG else 60.0)
PROGRESS_S = 30.0 if IS_LONG else 10.0
SAMPLE_S = 2.0
SHOWN_S = 2 * SENSOR_CADENCE_S
"""For so long a packet's value is served, until the next one of its kind: a scrape each 2 s sees them all."""
SET_UP_S = 60.0
"""Until all runs, and from the last advertisement to the end of the scenario."""

SENSORS = 100
STRANGERS = 300
PER_SECOND = 200.0
ADDRESS_LASTS_S = 20.0
"""In life it is 15 minutes: here as many addresses pass in 13 minutes as there in ten hours."""
LISTENING_S = 30.0
"""Interval and duration: the exporter listens without a pause."""
DELIVERED_WITHIN_S = 10.0
KERNEL_DROPS_SHARE = 0.01
"""How much the kernel may drop itself, as it restarts the scan: usually it is a thirtieth of this."""

NOISE_KIB = 512.0
"""By how much resident memory may grow after the first minute."""
NOISE_BLOCKS = 0.5
"""How many pieces of memory each new address of a stranger may cost for good: a leak costs one at least."""
SURE_ERRORS = 3.0
"""A slope is one if it is so many standard errors away from none."""


@dataclass(frozen=True)
class Sample:
    """What the exporter had at one moment."""

    minutes: float
    """Since the first advertisement."""
    addresses: int
    """How many the strangers have had by then."""
    rss_kib: int
    descriptors: int
    threads: int
    blocks: int
    """Pieces of memory that Python has in use."""
    tasks: tuple[str, ...]


class Soak:
    """A run under way: the exporter, what is on air, and what is known of both so far."""

    def __init__(self, stack: Stack) -> None:
        """Start everything."""
        self.radio = stack.start()
        self.crowd = Crowd(SENSORS, STRANGERS, PER_SECOND, ADDRESS_LASTS_S)
        self.ledger = Ledger(self.crowd)
        self.exporter = stack.start_exporter(
            self.crowd.thermometers,
            "rig.guest.counted_exporter",
            scan_interval_seconds=LISTENING_S,
            scan_duration_seconds=LISTENING_S,
        )
        wait_until(lambda: self.radio.scanning, "the exporter scans", SET_UP_S)
        self.air = stack.start_air(self.radio, *self.crowd.sensors, *self.crowd.phones)
        self.samples: list[Sample] = []
        self.longest_gap_s = 0.0
        self._started = self._scraped = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the first advertisement."""
        return time.monotonic() - self._started

    def sample(self) -> None:
        """Note what the exporter has."""
        # Before the census, which opens a file.
        now = footprint(self.exporter.process.pid)
        minutes, addresses = self.seconds / 60, self.crowd.addresses()
        census = self.census(signal.SIGUSR1)
        blocks, tasks = census["blocks"], tuple(census["tasks"])
        self.samples.append(Sample(minutes, addresses, now.rss_kib, now.descriptors, now.threads, blocks, tasks))

    def scrape(self) -> Scrape:
        """Scrape, and note which packets' values are served."""
        scrape = self.exporter.scrape()
        self.ledger.serve(scrape)
        before, self._scraped = self._scraped, time.monotonic()
        self.longest_gap_s = max(self.longest_gap_s, self._scraped - before)
        return scrape

    def settled(self) -> list[Sample]:
        """The samples after the first minute."""
        return [sample for sample in self.samples if sample.minutes * 60 >= SETTLED_S]

    def census(self, number: signal.Signals) -> dict[str, Any]:
        """Have the exporter say what it has."""
        CENSUS.unlink(missing_ok=True)
        self.exporter.process.send_signal(number)
        wait_until(CENSUS.exists, "the exporter has written its census")
        said: dict[str, Any] = json.loads(CENSUS.read_text())
        return said


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def soak_for(run: Soak, seconds: float) -> None:
    """Watch the run for so long, and tell every now and then how it is."""
    told_at, reported = 0.0, 0
    while run.seconds < seconds:
        told = run.ledger.told.copy()
        time.sleep(SAMPLE_S)
        run.sample()
        run.scrape()
        if run.seconds - told_at >= PROGRESS_S:
            rate = (run.crowd.reported() - reported) / (run.seconds - told_at)
            told_at, reported = run.seconds, run.crowd.reported()
            say(
                f"{run.seconds / 60:5.1f} min: {run.samples[-1].rss_kib} KiB, {rate:.0f} advertisements/s, "
                f"{len(told - run.ledger.served)} lost, {run.samples[-1].addresses} strangers' addresses so far"
            )


def end_air(run: Soak) -> Scrape:
    """Silence the air, wait until all that was heard is delivered, and return the last scrape."""
    run.air.end()
    # The kernel may hold the last connectable advertisement back until somebody else is heard.
    run.radio.advertise("C0:98:E5:00:00:07", local_name("Scale"), rssi_dbm=-90)
    received, before = -1, -2
    deadline = run.seconds + DELIVERED_WITHIN_S
    while received != before:
        assert run.seconds < deadline, "advertisements still come, though the air is silent"
        time.sleep(1)
        scrape = run.scrape()
        received, before = scrape.total("advertisements_received"), received
    run.ledger.close()
    return scrape


def assert_nothing_lost(run: Soak, scrape: Scrape) -> None:
    """All that the kernel told of is counted, and each packet of each sensor was served."""
    reported, told, served = run.crowd.reported_of_sensors(), run.ledger.told, run.ledger.served
    counts = ("received", "decoded", "unknown_device", "rejected")
    received, decoded, unknown, rejected = (scrape.total(f"advertisements_{count}") for count in counts)
    strangers, told_of_strangers = run.crowd.reported_of_strangers(), run.ledger.told_of_strangers
    say(
        f"sensors: {len(reported)} packets reported to the kernel, which told of {len(told)}; "
        f"{decoded} decoded, {len(served)} seen in scrapes, {len(told - served)} lost, {rejected} rejected"
    )
    say(f"strangers: {strangers} reported to the kernel, which told of {told_of_strangers}; {unknown} counted")
    say(f"{run.radio.unheard} were sent while the radio was off; at most {run.longest_gap_s:.1f} s between two scrapes")
    assert len(told) + told_of_strangers >= run.crowd.reported() * (1 - KERNEL_DROPS_SHARE), "the kernel dropped many"
    assert (decoded, unknown, rejected) == (len(told), told_of_strangers, 0), "lost, or counted twice"
    assert received == decoded + unknown + rejected
    assert served <= told, f"served, but never heard: {sorted(served - told)}"
    if run.longest_gap_s < SHOWN_S:
        assert not told - served, f"never served: {sorted(told - served)}"


def assert_flat(run: Soak) -> None:
    """After the first minute the memory stays as it is."""
    settled = run.settled()
    first, last = settled[0], settled[-1]
    memory = trend([(sample.minutes, sample.rss_kib) for sample in settled])
    blocks = trend([(sample.addresses, sample.blocks) for sample in settled])
    minutes = last.minutes - first.minutes
    say(f"memory: {last.rss_kib} KiB; {in_words(memory)} KiB a minute after the first, for {minutes:.1f} minutes")
    say(
        f"pieces of memory: {last.blocks}; {in_words(blocks)} for each new address of a stranger, "
        f"of which there were {last.addresses - first.addresses}"
    )
    is_leak = blocks.slope > NOISE_BLOCKS and blocks.slope > SURE_ERRORS * blocks.error
    if is_leak or memory.slope * minutes > NOISE_KIB:
        largest = "\n".join(run.census(signal.SIGUSR2)["largest"])
        raise AssertionError(f"the memory grows; the largest of what it holds:\n{largest}")


def in_words(line: Trend) -> str:
    """A trend, with its error, and how much the measurements scatter."""
    return f"{line.slope:+.2f} ± {line.error:.2f} (scatter {line.scatter:.0f})"


def assert_nothing_leaked(run: Soak) -> None:
    """After the first minute there are as many file descriptors, threads and tasks as ever."""
    settled = run.settled()
    for what, seen in (
        ("file descriptors", {sample.descriptors for sample in settled}),
        ("threads", {sample.threads for sample in settled}),
        ("tasks", {len(sample.tasks) for sample in settled}),
    ):
        say(f"{what}: {sorted(seen)}")
        assert 1 == len(seen), f"the number of {what} changes: {sorted(seen)}; tasks: {settled[-1].tasks}"


@scenario_of(SOAK_S + 2 * SET_UP_S)
def soak(stack: Stack) -> None:
    """A hundred sensors among three hundred strangers: nothing is lost, nothing grows."""
    run = Soak(stack)
    soak_for(run, SOAK_S)
    scrape = end_air(run)
    assert_nothing_lost(run, scrape)
    assert_flat(run)
    assert_nothing_leaked(run)
    assert not run.exporter.stderr(), run.exporter.stderr()
