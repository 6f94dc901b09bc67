"""
`python -m bench`: all comparisons, in one run of about a minute.

Exits with 0 whatever the times are, with 1 where the sides of a comparison give different results.
"""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench import decoding, formats, pipeline, scrape
from bench.timing import DifferenceError


def main() -> int:
    """Print where this runs, then each comparison; return the exit status."""
    print(f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}")
    print(f"{platform.python_implementation()} {platform.python_version()}, ", end="")
    print(", ".join(f"{name} {_version(name)}" for name in ("prometheus_client", "bthome-ble")))
    print("Processor time, medians of interleaved rounds; ratios are taken within a round, with their min–max.\n")
    try:
        decoding.run()
        formats.run()
        pipeline.run()
        scrape.run()
    except DifferenceError as error:
        print(f"bench: the results differ, so their times cannot be compared: {error}", file=sys.stderr)
        return 1
    return 0


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    # A Raspberry Pi has its name under "Model", a PC the processor's under "model name".
    return next((line.partition(":")[2].strip() for line in lines if line.lower().startswith("model ")), "processor ?")


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "missing"


if __name__ == "__main__":
    sys.exit(main())
