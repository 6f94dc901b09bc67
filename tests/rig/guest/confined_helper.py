"""
Run the unchanged helper that opens the monitor channel, as its systemd unit confines it.

    python -m rig.guest.confined_helper          listen in place of systemd, and start a helper for each connection

Each helper writes its rights to standard error.
"""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys
from pathlib import Path

from .confinement import INSIDE, Unit, prepare_machine, run_module

HELPER = "ble_exporter-monitor@.service"


def listen() -> None:
    """Listen as contrib/ble_exporter-monitor.socket says, until killed."""
    prepare_machine()
    unit, helper = Unit("ble_exporter-monitor.socket"), Unit(HELPER)
    assert "yes" == unit.value("Accept")
    path = Path(unit.value("ListenSequentialPacket"))
    environment = helper.environment()
    command = [*helper.command(), sys.executable, "-m", __spec__.name]
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        # The socket gets its final name when it is ready, so that no client finds it earlier.
        new = path.with_suffix(".new")
        listener.bind(str(new))
        listener.listen()
        os.chown(new, pwd.getpwnam(unit.value("SocketUser")).pw_uid, -1)
        new.chmod(int(unit.value("SocketMode"), 8))
        new.rename(path)
        while True:
            connection, _address = listener.accept()
            with connection:
                subprocess.Popen(command, stdin=connection.fileno(), env=environment)


if __name__ == "__main__":
    if INSIDE in os.environ:
        run_module()
    listen()
