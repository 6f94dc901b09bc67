"""
Run one scenario by name, inside the guest; without a name, list all scenarios.

    python -m rig.guest.run [NAME]
"""

from __future__ import annotations

import faulthandler
import os
import sys
import traceback
from pathlib import Path

from .clock import CLOCK
from .scenarios import SCENARIOS
from .stack import Stack


def main() -> int:
    """Run the scenario named on the command line; return 1 if it fails, otherwise 0. Raise SystemExit if unknown."""
    match sys.argv[1:]:
        case []:
            for name, scenario in SCENARIOS.items():
                summary = (scenario.run.__doc__ or "").splitlines()[0]
                sys.stdout.write(f"{name:24} {summary}\n")
            return 0
        case [name] if name in SCENARIOS:
            CLOCK.start()
            faulthandler.dump_traceback_later(SCENARIOS[name].limit_s)
            try:
                with Stack(Path(os.environ["RIG_SHARE"])) as stack:
                    SCENARIOS[name].run(stack)
            except Exception:
                traceback.print_exc()
                return 1
            finally:
                sys.stdout.write(f"{CLOCK.account()}\n")
            return 0
        case other:
            sys.exit(f"no such scenario: {' '.join(other)}")


if __name__ == "__main__":
    sys.exit(main())
