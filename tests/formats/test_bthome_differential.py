"""
This project's decoders of BTHome against bthome-ble, with random and broken packets of both versions.

The packets are plain and encrypted. The tests compare the acceptance of each packet, and every value, position, event,
text, version and counter. DIFFERENTIAL_SEED sets the seed (`random` picks one), DIFFERENTIAL_PACKETS the number.
"""

import itertools
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest
from cryptography.exceptions import InvalidTag

from ble_exporter.formats.decoded import Decoded
from tests.formats import oracle
from tests.formats.comparison import Comparison, compared, plaintext
from tests.formats.intended import INTENDED, Intended, explained
from tests.formats.packets import BRANCHES, Packet, packet, sent

pytestmark = pytest.mark.differential

PACKETS = 300_000
# Each branch gets about a quarter of all packets. Those that both decoders accept are 19 % of all packets in each
# branch of version 2, and 15 % in each branch of version 1.
LEAST_SENT = 0.22
LEAST_ACCEPTED = 0.10
MOST_SHOWN = 5


class Run(NamedTuple):
    """
    The result of a run.

    Attributes:
        seed: The seed that makes the same packets again.
        packets: The number of packets.
        outcomes: (branch, whether we accept, whether bthome-ble accepts) → number of packets.
        intended: Name of an intended difference → number of packets.
        failures: The first few packets with other differences.
    """

    seed: int
    packets: int
    outcomes: Counter[tuple[str, bool, bool]]
    intended: Counter[str]
    failures: list[Packet]

    def sent(self, branch: str) -> int:
        """Return the number of packets of a branch."""
        return sum(times for (of, _, _), times in self.outcomes.items() if of == branch)

    def accepted(self, branch: str) -> int:
        """Return the number of packets of a branch that both decoders accepted."""
        return self.outcomes[branch, True, True]


def _seed() -> int:
    wanted = os.environ.get("DIFFERENTIAL_SEED", "1")
    return time.time_ns() if wanted == "random" else int(wanted)


@pytest.fixture(scope="module", autouse=True)
def bthome_ble() -> None:
    """Skip the tests without bthome-ble, or fail under CI, where everything must be installed."""
    if oracle.IS_MISSING:
        if os.environ.get("CI"):
            pytest.fail(oracle.WHY_MISSING, pytrace=False)
        pytest.skip(oracle.WHY_MISSING)


@pytest.fixture(scope="module")
def run(bthome_ble: None) -> Run:
    """The result of comparing all packets."""
    seed, start = _seed(), time.monotonic()
    rng = random.Random(seed)
    found = Run(seed, int(os.environ.get("DIFFERENTIAL_PACKETS", PACKETS)), Counter(), Counter(), [])
    for _ in range(found.packets):
        comparison = compared(packet(rng))
        found.outcomes[_outcome(comparison)] += 1
        names, unexplained = explained(comparison)
        found.intended.update(names)
        if unexplained and len(found.failures) < MOST_SHOWN:
            found.failures.append(comparison.packet)
    print(_summary(found, time.monotonic() - start))  # noqa: T201 - the makefile shows it
    return found


def _outcome(comparison: Comparison) -> tuple[str, bool, bool]:
    return comparison.packet.branch, isinstance(comparison.ours, Decoded), comparison.theirs.is_accepted


def _summary(run: Run, took_s: float) -> str:
    lines = [
        f"\n{run.packets} packets with seed {run.seed} in {took_s:.0f} s; accepted by both, us, bthome-ble, neither:"
    ]
    for branch in BRANCHES:
        times = [run.outcomes[branch, ours, theirs] for ours, theirs in itertools.product((True, False), repeat=2)]
        lines.append(
            f"  {branch:14}" + "".join(f"{one:8}" for one in times) + f"{sum(times) / run.packets:8.1%} of all"
        )
    lines.append("intended differences:")
    lines += [f"{run.intended[one.name]:8}  {one.name}" for one in INTENDED]
    return "\n".join(lines)


def _smaller(one: Packet) -> Iterator[Packet]:
    """Yield the packet with some bytes removed; an encrypted packet is decrypted and encrypted again."""
    try:
        whole = plaintext(one)
    except (InvalidTag, IndexError, ValueError):
        whole = None
    source = one.payload if whole is None else whole
    for length in (16, 8, 4, 2, 1):
        for index in range(len(source) - length + 1):
            rest = source[:index] + source[index + length :]
            information = one.payload[0] if one.payload else 0
            yield one._replace(payload=rest if whole is None else sent(_branch_of(one), rest, information, counter=1))


def _branch_of(one: Packet) -> str:
    """Return the branch that the payload shows, because the device information may have been changed."""
    if one.branch.startswith("v2"):
        return "v2 encrypted" if one.payload[0] & 1 else "v2"
    return one.branch


def _smallest(failure: Packet, intended: Sequence[Intended]) -> Packet:
    """Return the smallest packet found that also fails."""
    while smaller := next((one for one in _smaller(failure) if explained(compared(one), intended)[1]), None):
        failure = smaller
    return failure


def _report(failure: Packet, intended: Sequence[Intended] = INTENDED) -> str:
    """Return a report of a failure: the smallest packet, its differences, and both results."""
    smallest = _smallest(failure, intended)
    comparison = compared(smallest)
    key = "no key" if smallest.key is None else f"key {smallest.key.hex()}"
    differences = "\n".join(f"  {one}" for one in explained(comparison, intended)[1])
    return (
        f"{smallest.branch}, {key}, payload {smallest.payload.hex() or '(empty)'} (from {failure.payload.hex()})\n"
        f"{differences}\n  ours: {comparison.ours!r}\n  bthome-ble: {comparison.theirs!r}"
    )


def test_there_is_no_difference_except_the_intended_ones(run: Run) -> None:
    """If the two decoders disagree, one of them is most likely wrong; INTENDED lists the exceptions."""
    reports = "\n\n".join(_report(failure) for failure in run.failures)

    assert not run.failures, f"seed {run.seed}: DIFFERENTIAL_SEED={run.seed} makes the same packets again\n\n{reports}"


@pytest.mark.parametrize("name", [one.name for one in INTENDED])
def test_an_intended_difference_occurs(run: Run, name: str) -> None:
    """An entry for a difference that no longer occurs could hide a fault."""
    assert run.intended[name] > 0


@pytest.mark.parametrize("branch", BRANCHES)
def test_each_branch_is_exercised(run: Run, branch: str) -> None:
    """Packets that both decoders reject prove little about the values."""
    assert run.sent(branch) >= LEAST_SENT * run.packets
    assert run.accepted(branch) >= LEAST_ACCEPTED * run.packets


def test_names_of_intended_differences_are_unique() -> None:
    """Two entries with one name would be counted as one, and one of them might never occur."""
    names = [one.name for one in INTENDED]

    assert len(set(names)) == len(names)


def test_a_failure_is_reported_with_the_smallest_packet_that_shows_it() -> None:
    """Other objects would hide the cause. The test removes an intended difference to make a packet fail."""
    without = [one for one in INTENDED if one.name != "pounds"]
    failure = Packet("v2", bytes.fromhex("40000501610712340c2c0b"), None)

    report = _report(failure, without)

    assert re.match(r"v2, no key, payload 4007[0-9a-f]{4} \(from 40000501610712340c2c0b\)\n", report)
    assert "Object(object_id=7" in report
