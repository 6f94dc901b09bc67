"""Bad nights: power cuts, full disks, wrong clocks, crowds and hostile senders. `make nights` runs their long form."""

import os

IS_LONG = os.environ.get("NIGHTS") == "long"
"""Whether `make nights` runs the tests."""
