"""The exporter and its helper with only the rights that their systemd units grant."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from .air import Thermometer, thermometer_sender
from .exporter import Exporter
from .registry import scenario
from .scenarios_modes import ALL_THE_TIME
from .scenarios_monitor import PACKETS, make_thermometers, send_in_turn, wait_for_all
from .scenarios_readings import THERMOMETERS, incomplete
from .stack import HELPER, Stack

CONFINED, PRIVATE = "rig.guest.confined_exporter", "rig.guest.private_exporter"
NO_CAPABILITY, NET_RAW = "0000000000000000", "0000000000002000"
RIGHTS = {"CapPrm": NO_CAPABILITY, "CapBnd": NO_CAPABILITY, "NoNewPrivs": "1", "Seccomp": "2"}
"""No capability, no new privileges, and a system-call filter, as /proc/…/status shows them."""
RIGHTS_OF_HELPER = {**RIGHTS, "CapPrm": NET_RAW, "CapBnd": NET_RAW}


def rights_in(status: str) -> dict[str, str]:
    """Return the rights in the status of a process, which must not run as root."""
    fields = dict(re.findall(r"^(\w+):\t(\S+)", status, re.MULTILINE))
    assert fields["Uid"] != "0", "it runs as root"
    return {name: fields[name] for name in RIGHTS}


def namespaces(exporter: Exporter) -> set[str]:
    """Return the kinds of namespaces that the exporter does not share with the machine."""
    ours, its = (Path(f"/proc/{process}/ns") for process in (1, exporter.process.pid))
    return {kind for kind in ("user", "net") if (ours / kind).readlink() != (its / kind).readlink()}


def start_confined(stack: Stack, thermometers: Sequence[Thermometer], program: str, ear: str) -> Exporter:
    """Start the exporter with the rights of its unit; return it when it listens."""
    exporter = stack.start_exporter(thermometers, program, ear=ear, log_file="-", **ALL_THE_TIME)
    exporter.wait_until_it_listens()
    assert RIGHTS == rights_in(exporter.stderr())
    return exporter


def hears_every_packet(stack: Stack, program: str) -> Exporter:
    """Check that the exporter decodes every packet, from a helper with the rights of its unit."""
    radio = stack.start()
    stack.start_helper()
    thermometers = make_thermometers()
    exporter = start_confined(stack, thermometers, program, "monitor")
    send_in_turn(radio, thermometers, PACKETS)
    wait_for_all(exporter, radio, PACKETS)
    assert RIGHTS_OF_HELPER == rights_in(stack.log(HELPER))
    sys.stdout.write(f"exporter {RIGHTS} in its own {sorted(namespaces(exporter))}\nhelper {RIGHTS_OF_HELPER}\n")
    return exporter


@scenario
def unit_hears_every_packet(stack: Stack) -> None:
    """With the unit's user, namespace and system-call filter, and no capability, the exporter decodes every packet."""
    exporter = hears_every_packet(stack, CONFINED)
    assert {"user"} == namespaces(exporter)
    exporter.terminate()


@scenario
def unit_without_a_network_hears_every_packet(stack: Stack) -> None:
    """In a network of its own, where the kernel offers no Bluetooth, the exporter decodes every packet, too."""
    exporter = hears_every_packet(stack, PRIVATE)
    assert {"user", "net"} == namespaces(exporter)
    exporter.terminate()


@scenario
def unit_without_its_helper(stack: Stack) -> None:
    """Without the helper, the exporter hears through D-Bus, and says what it lacks."""
    radio = stack.start()
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS))
    exporter = start_confined(stack, THERMOMETERS, CONFINED, "auto")
    exporter.wait_until_right(lambda scrape: incomplete(scrape, THERMOMETERS))
    assert "hearing through bluetoothd" in exporter.stderr(), exporter.stderr()
    assert "ble_exporter-monitor.socket" in exporter.stderr(), exporter.stderr()
    exporter.terminate()
