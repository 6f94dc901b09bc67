"""Makes `python -m ble_exporter` equivalent to the command `ble-exporter`."""

import sys

from ble_exporter.main import main

sys.exit(main())
