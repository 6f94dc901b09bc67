"""
Runs one scenario, inside the guest, by its name; without a name lists them all.

    python -m rig.guest.run [NAME]
"""

from __future__ import annotations

import faulthandler
import os
import sys
import traceback
from pathlib import Path

from .scenarios import SCENARIOS
from .stack import Stack

STACKS_AFTER_S = 80
"""A scenario that still runs then is stuck; test_radio.py gives it a little longer than this."""


def main() -> int:
    """Run the scenario of the command line; 0 if it passes, else 1."""
    match sys.argv[1:]:
        case []:
            for name, function in SCENARIOS.items():
                summary = (function.__doc__ or "").splitlines()[0]
                sys.stdout.write(f"{name:24} {summary}\n")
            return 0
        case [name] if name in SCENARIOS:
            faulthandler.dump_traceback_later(STACKS_AFTER_S)
            try:
                with Stack(Path(os.environ["RIG_SHARE"])) as stack:
                    SCENARIOS[name](stack)
            except Exception:
                traceback.print_exc()
                return 1
            return 0
        case other:
            sys.exit(f"no such scenario: {' '.join(other)}")


if __name__ == "__main__":
    sys.exit(main())
