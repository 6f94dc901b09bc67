"""
`python -m bench` runs all comparisons, in about a minute.

The exit status is 0 whatever the times are, and 1 if the two sides of a comparison give different results.
"""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench import decoding, formats, pipeline, scrape, turns
from bench.timing import DifferenceError


def main() -> int:
    """Print the machine and the versions, then each comparison; return the exit status."""
    print(f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}")
    print(f"{platform.python_implementation()} {platform.python_version()}, ", end="")
    print(", ".join(f"{name} {_version(name)}" for name in ("prometheus_client", "bthome-ble")))
    print("Processor time: medians of interleaved rounds. Each ratio is taken within a round; min–max in brackets.\n")
    try:
        decoding.run()
        formats.run()
        pipeline.run()
        scrape.run()
        turns.run()
    except DifferenceError as error:
        print(f"bench: the results differ, so their times cannot be compared: {error}", file=sys.stderr)
        return 1
    return 0


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    # A Raspberry Pi gives its own name as "Model", a PC its processor's name as "model name".
    model = (line.partition(":")[2].strip() for line in lines if line.lower().startswith("model "))
    return next(model, "unknown processor")


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "missing"


if __name__ == "__main__":
    sys.exit(main())
