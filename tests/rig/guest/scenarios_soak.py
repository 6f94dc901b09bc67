"""The long run: 100 sensors and 300 unknown devices at 200 advertisements a second, without loss or leak."""

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
from .exporter import EAR, Scrape
from .ledger import Ledger
from .polling import wait_until
from .process import footprint
from .registry import scenario_of
from .stack import Stack
from .trend import Trend, trend

IS_LONG = os.environ.get("RIG_SOAK") == "long"
"""Whether `make soak`, `make bench-radio` or `make bench-peers` runs the scenario."""
SETTLED_S = 60.0
"""The warm-up time, during which memory use still grows."""
SOAK_S = SETTLED_S + (600.0 if IS_LONG else 60.0)
PROGRESS_S = 30.0 if IS_LONG else 10.0
SAMPLE_S = 2.0
SHOWN_S = 2 * SENSOR_CADENCE_S
"""The interval between two packets of one kind, A or B, in which the value of the earlier one is served."""
SET_UP_S = 60.0
"""The time limit on the start of the run, and on its end after the last advertisement."""

SENSORS = 100
PHONES = 300
PER_SECOND = 200.0
ADDRESS_LASTS_S = 20.0
"""A real phone changes its address every 15 minutes; 11 minutes here correspond to eight hours."""
LISTENING_S = 30.0
"""Scan interval and duration, which are equal: the exporter listens continuously."""
DELIVERED_WITHIN_S = 10.0
KERNEL_DROPS_SHARE = 0.01
"""The fraction that the kernel may drop when it restarts the scan; usually it drops a thirtieth of this."""

NOISE_KIB = 512.0
"""The maximum growth of resident memory after the first minute."""
NOISE_BLOCKS = 0.5
"""The maximum growth in memory blocks for each new address; a leak costs at least one block."""
SURE_ERRORS = 3.0
"""The number of standard errors above which a slope is significant."""


@dataclass(frozen=True)
class Sample:
    """The resources of the exporter at one time."""

    minutes: float
    """Time since the first advertisement."""
    addresses: int
    """Number of addresses that the phones have used."""
    rss_kib: int
    descriptors: int
    threads: int
    blocks: int
    """Number of memory blocks that Python uses."""
    tasks: tuple[str, ...]


class Soak:
    """A run: the exporter, the senders, and the samples and packets recorded so far."""

    def __init__(self, stack: Stack) -> None:
        """Start the stack, the exporter and the senders."""
        self.radio = stack.start()
        self.crowd = Crowd(SENSORS, PHONES, PER_SECOND, ADDRESS_LASTS_S)
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
        """The seconds since the first advertisement."""
        return time.monotonic() - self._started

    def sample(self) -> None:
        """Record a sample."""
        # The footprint comes first, because the census opens a file.
        now = footprint(self.exporter.process.pid)
        minutes, addresses = self.seconds / 60, self.crowd.addresses()
        census = self.census(signal.SIGUSR1)
        blocks, tasks = census["blocks"], tuple(census["tasks"])
        self.samples.append(Sample(minutes, addresses, now.rss_kib, now.descriptors, now.threads, blocks, tasks))

    def scrape(self) -> Scrape:
        """Scrape, and record the packets whose values are served."""
        scrape = self.exporter.scrape()
        self.ledger.serve(scrape)
        before, self._scraped = self._scraped, time.monotonic()
        self.longest_gap_s = max(self.longest_gap_s, self._scraped - before)
        return scrape

    def settled(self) -> list[Sample]:
        """Return the samples after the first minute."""
        return [sample for sample in self.samples if sample.minutes * 60 >= SETTLED_S]

    def census(self, number: signal.Signals) -> dict[str, Any]:
        """Make the exporter write its census; return it."""
        CENSUS.unlink(missing_ok=True)
        self.exporter.process.send_signal(number)
        wait_until(CENSUS.exists, "the exporter has written its census")
        census: dict[str, Any] = json.loads(CENSUS.read_text())
        return census


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def soak_for(run: Soak, seconds: float) -> None:
    """Sample and scrape the run until this time, and print the progress regularly."""
    printed_at, reported = 0.0, 0
    while run.seconds < seconds:
        delivered = run.ledger.delivered
        time.sleep(SAMPLE_S)
        run.sample()
        run.scrape()
        if run.seconds - printed_at >= PROGRESS_S:
            rate = (run.crowd.reported() - reported) / (run.seconds - printed_at)
            printed_at, reported = run.seconds, run.crowd.reported()
            say(
                f"{run.seconds / 60:5.1f} min: {run.samples[-1].rss_kib} KiB, {rate:.0f} advertisements/s, "
                f"{len(delivered - run.ledger.served)} lost, {run.samples[-1].addresses} addresses of phones"
            )


def end_air(run: Soak) -> Scrape:
    """Stop the senders, wait until every advertisement is counted, and return the last scrape."""
    run.air.end()
    if EAR == "bluez":
        # The kernel may hold back the last connectable advertisement until it receives another device.
        run.radio.advertise("C0:98:E5:00:00:07", local_name("Scale"), rssi_dbm=-90)
    received, before = -1, -2
    deadline = run.seconds + DELIVERED_WITHIN_S
    while received != before:
        assert run.seconds < deadline, "advertisements still arrive, although the senders have stopped"
        time.sleep(1)
        scrape = run.scrape()
        received, before = scrape.total("advertisements_received"), received
    run.ledger.close()
    return scrape


def assert_nothing_lost(run: Soak, scrape: Scrape) -> None:
    """Check that every delivered advertisement was counted, and every delivered packet of a sensor was served."""
    reported, delivered, served = run.crowd.reported_of_sensors(), run.ledger.delivered, run.ledger.served
    counts = ("received", "decoded", "unknown_device", "rejected")
    received, decoded, unknown, rejected = (scrape.total(f"advertisements_{count}") for count in counts)
    phones, delivered_of_phones = run.crowd.reported_of_phones(), run.ledger.delivered_of_phones
    say(
        f"sensors: {len(reported)} packets reported to the kernel, {len(delivered)} delivered; "
        f"{decoded} decoded, {len(served)} seen in scrapes, {len(delivered - served)} lost, {rejected} rejected"
    )
    say(f"phones: {phones} packets reported to the kernel, {delivered_of_phones} delivered; {unknown} counted")
    say(f"{run.radio.unheard} sent while the radio was off; at most {run.longest_gap_s:.1f} s between two scrapes")
    assert len(delivered) + delivered_of_phones >= run.crowd.reported() * (1 - KERNEL_DROPS_SHARE), (
        "the kernel dropped too many"
    )
    assert (decoded, unknown, rejected) == (len(delivered), delivered_of_phones, 0), "lost or counted twice"
    assert received == decoded + unknown + rejected
    assert served <= delivered, f"served, but never delivered: {sorted(served - delivered)}"
    if run.longest_gap_s < SHOWN_S:
        assert not delivered - served, f"never served: {sorted(delivered - served)}"


def assert_flat(run: Soak) -> None:
    """Check that memory use does not grow after the first minute."""
    settled = run.settled()
    first, last = settled[0], settled[-1]
    memory = trend([(sample.minutes, sample.rss_kib) for sample in settled])
    blocks = trend([(sample.addresses, sample.blocks) for sample in settled])
    minutes = last.minutes - first.minutes
    say(f"memory: {last.rss_kib} KiB; {in_words(memory)} KiB a minute, over {minutes:.1f} minutes after the warm-up")
    say(
        f"memory blocks: {last.blocks}; {in_words(blocks)} for each of "
        f"{last.addresses - first.addresses} new addresses of phones"
    )
    is_leak = blocks.slope > NOISE_BLOCKS and blocks.slope > SURE_ERRORS * blocks.error
    if is_leak or memory.slope * minutes > NOISE_KIB:
        largest = "\n".join(run.census(signal.SIGUSR2)["largest"])
        raise AssertionError(f"memory use grows; the largest containers:\n{largest}")


def in_words(line: Trend) -> str:
    """Return a trend's slope, standard error and scatter as text."""
    return f"{line.slope:+.2f} ± {line.error:.2f} (scatter {line.scatter:.0f})"


def assert_nothing_leaked(run: Soak) -> None:
    """Check that the numbers of file descriptors, threads and tasks are constant after the first minute."""
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
    """In a long run with 100 sensors and 300 unknown devices, no packet is lost and no resource leaks."""
    run = Soak(stack)
    soak_for(run, SOAK_S)
    scrape = end_air(run)
    assert_nothing_lost(run, scrape)
    assert_flat(run)
    assert_nothing_leaked(run)
    assert not run.exporter.stderr(), run.exporter.stderr()
