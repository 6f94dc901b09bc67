"""Bad nights: power cuts, full disks, wrong clocks, crowds and enemies. NIGHTS=long makes them long: `make nights`."""

import os

IS_LONG = os.environ.get("NIGHTS") == "long"
"""Whether `make nights` runs the tests."""
