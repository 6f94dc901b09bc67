"""
Run the exporter unchanged, as its systemd unit confines it, with a network of its own and a port from outside.

    python -m rig.guest.private_exporter --config …
"""

from __future__ import annotations

import os
import socket

from .confinement import INSIDE, run_confined
from .exporter import PORT

FIRST_PASSED = 3
"""The number of the first descriptor that systemd passes."""


def open_port() -> None:
    """Open the port in the machine's network, and pass it as systemd does."""
    with socket.create_server(("127.0.0.1", PORT)) as port:
        if port.fileno() == FIRST_PASSED:
            os.set_inheritable(port.detach(), True)
        else:
            os.dup2(port.fileno(), FIRST_PASSED)
    os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}


if __name__ == "__main__":
    if INSIDE not in os.environ:
        open_port()
    run_confined("ble_exporter.service", __spec__.name, "--web.systemd-socket", network=False)
