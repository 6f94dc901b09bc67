"""
Checks that the helper of the service opens the monitor channel, as far as a machine without Bluetooth shows it.

The machine has its own network namespace, in which the kernel offers no Bluetooth sockets, so the helper answers with
the error. Then it runs with pairs of sockets in place of the channel, and must pass one socket of each pair.
"""

from __future__ import annotations

import errno
from pathlib import Path

from fresh.systemd import Systemd, exposure_of

MOST_EXPOSED = 1.2
"""The highest exposure of the helper that `systemd-analyze security` may report, as docs/systemd.md says."""
HELPER, SOCKET = "ble_exporter-monitor@", "ble_exporter-monitor.socket"
UNAVAILABLE = "could not open the kernel's monitor channel (Address family not supported by protocol)"
"""The message that the exporter logs after the helper has answered with this error."""

_ASK = """
import socket
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as helper:
    helper.settimeout(60)
    helper.connect("/run/ble_exporter-monitor.sock")
    helper.send(b"0")
    print(*socket.recv_fds(helper, 8, 2)[:2])
"""
_OPEN_PAIRS = """
import socket
from ble_exporter.monitor_channel.channel import ChannelSockets, restrict
from ble_exporter.monitor_channel.helper import main

def opener(controller):
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
    for _kernel, reader in pairs:
        restrict(reader, controller)
    return ChannelSockets(*(reader for _kernel, reader in pairs))

main(opener)
"""
_ASKS, _OPENS = Path("srv/ask.py"), Path("srv/open_pairs.py")
_DROP_IN = Path("etc/systemd/system/ble_exporter-monitor@.service.d/test.conf")


def it_opens_the_monitor_channel(system: Systemd) -> None:
    """The helper is no more exposed than documented, serves only the service's user, and passes the channel."""
    assert exposure_of(system, f"{HELPER}0") <= MOST_EXPOSED
    assert system.show("ActiveState", SOCKET) == "active"
    it_answers(system)
    assert system.run(f"runuser -u nobody python3 /{_ASKS}").returncode, "every user can ask the helper"
    system.write(_OPENS, _OPEN_PAIRS)
    system.write(_DROP_IN, f"[Service]\nExecStart=\nExecStart=/opt/ble_exporter/venv/bin/python -I /{_OPENS}\n")
    system.do("systemctl daemon-reload")
    assert system.do(f"runuser -u ble python3 /{_ASKS}") == "b'0' [4, 5]\n"
    system.do(f"rm -r /{_DROP_IN.parent} /{_ASKS} /{_OPENS}; systemctl daemon-reload")
    assert system.do(f"systemctl list-units --failed --plain --no-legend '{HELPER}*'") == ""


def it_answers(system: Systemd) -> None:
    """The helper tells the service's user that the kernel has no Bluetooth."""
    system.write(_ASKS, _ASK)
    assert system.do(f"runuser -u ble python3 /{_ASKS}") == f"b'{errno.EAFNOSUPPORT}' []\n"
