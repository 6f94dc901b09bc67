"""
`python -m bench [--write FILE] [PART ...]` runs the benchmarks: all of them, in four minutes, or the named parts.

With --write, it also writes the tables to a file in Markdown: docs/performance.md was written in this way. The exit
status is 0 whatever the figures are, and 1 if the two sides of a comparison give different results.
"""

import argparse
import os
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench import decoding, footprint, formats, pipeline, scrape, serving, turns
from bench.report import Report, wrapped
from bench.timing import DifferenceError

PARTS = {
    part.__name__.partition(".")[2]: part for part in (footprint, pipeline, scrape, serving, turns, decoding, formats)
}
"""The parts by name, in the order of docs/performance.md."""

TITLE = "# Performance"
ABOUT = """\
`make bench` prints these tables, and `.venv/bin/python -m bench --write docs/performance.md` writes this page. The
figures depend on the machine; the ratios depend on it much less, because both sides run in the same round.

The times of decoding, handling and scrapes are CPU times: medians of interleaved rounds. Each ratio compares two times
of the same round; the lowest and the highest ratio are in brackets. [Side by side](comparison.md) compares the exporter
with other programs."""


def main() -> int:
    """Print the machine and the versions, then the tables; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench", allow_abbrev=False)
    parser.add_argument("--write", metavar="FILE", type=Path, help="also write the tables to this file, in Markdown")
    parser.add_argument("parts", metavar="PART", nargs="*", help=f"one of {', '.join(PARTS)} (default: all)")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown part: {', '.join(sorted(unknown))}")
    machine = describe_machine(("aiohttp", "prometheus_client", "bleak", "bthome-ble"))
    print(f"{machine}\n")
    report = Report()
    try:
        for name in options.parts or PARTS:
            PARTS[name].run(report)
    except DifferenceError as error:
        print(f"bench: the results differ, so their figures cannot be compared: {error}", file=sys.stderr)
        return 1
    if options.write:
        measured = (
            f"Measured on {time.strftime('%Y-%m-%d', time.gmtime())}: {machine}. Load average when it ended: "
            f"{os.getloadavg()[0]:.1f}. Other work on the machine lengthens times; memory and ratios depend on it "
            f"least."
        )
        options.write.write_text(report.markdown(f"{TITLE}\n\n{ABOUT}\n\n{wrapped(measured)}\n"))
    return 0


def describe_machine(distributions: tuple[str, ...]) -> str:
    """Return the processor, the system, and the versions of Python and of the given distributions, in one line."""
    machine = f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return "; ".join([machine, ", ".join([python, *(f"{name} {_version(name)}" for name in distributions)])])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    # A PC and 32-bit ARM have the "model name" of the processor, a Raspberry Pi the "Model" of the machine.
    # On a PC, "model" is a number.
    values = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return values.get("model name") or values.get("Model") or "unknown processor"


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "missing"


if __name__ == "__main__":
    sys.exit(main())
