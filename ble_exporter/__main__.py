"""`python -m ble_exporter` is `ble-exporter`."""

import sys

from ble_exporter.main import main

if __name__ == "__main__":
    sys.exit(main())
