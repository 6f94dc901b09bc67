"""The exporter with only the rights that its systemd unit grants."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from .air import thermometer_sender
from .registry import scenario
from .scenarios_modes import ALL_THE_TIME
from .scenarios_monitor import PACKETS, make_thermometers, send_in_turn, wait_for_all
from .scenarios_readings import THERMOMETERS, incomplete
from .stack import Stack

CONFINED = "rig.guest.confined_exporter"
RIGHTS = {"CapPrm": "0000000000002000", "CapBnd": "0000000000002000", "NoNewPrivs": "1", "Seccomp": "2"}
"""CAP_NET_RAW alone, no new privileges, and a system-call filter, as /proc/…/status shows them."""


def rights_of(pid: int) -> dict[str, str]:
    """Check that a process does not run as root; return its rights."""
    status = dict(re.findall(r"^(\w+):\t(\S+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))
    assert status["Uid"] != "0", "the exporter runs as root"
    return {name: status[name] for name in RIGHTS}


@scenario
def unit_hears_every_packet(stack: Stack) -> None:
    """With the unit's user, capability and system-call filter, the monitor ear decodes every packet."""
    radio = stack.start()
    thermometers = make_thermometers()
    exporter = stack.start_exporter(thermometers, CONFINED, ear="monitor", log_file="-", **ALL_THE_TIME)
    exporter.wait_until_it_listens()
    assert rights_of(exporter.process.pid) == RIGHTS
    send_in_turn(radio, thermometers, PACKETS)
    wait_for_all(exporter, radio, PACKETS)
    exporter.terminate()
    sys.stdout.write(f"{RIGHTS}\n")


@scenario
def unit_hears_through_bluetoothd(stack: Stack) -> None:
    """With the same rights, the exporter also hears through D-Bus."""
    radio = stack.start()
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS))
    exporter = stack.start_exporter(THERMOMETERS, CONFINED, ear="bluez", log_file="-", **ALL_THE_TIME)
    exporter.wait_until_right(lambda scrape: incomplete(scrape, THERMOMETERS))
    assert rights_of(exporter.process.pid) == RIGHTS
    exporter.terminate()
