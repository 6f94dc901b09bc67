"""
The guest's first process after init.sh has mounted the file systems.

It sets up the machine, runs one command, writes the command's exit status to the shared folder,
and switches the machine off. It is started by path and without site-packages, so it can import only
the standard library.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import traceback
from pathlib import Path

RNDADDENTROPY = 0x40085203
"""ioctl on /dev/random (linux/random.h) that adds these bytes and credits them as random."""
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
INTERFACE_REQUEST = struct.Struct("16sh22x")
"""struct ifreq (net/if.h) with ifr_flags; 40 bytes on x86-64."""
RB_POWER_OFF = 0x4321FEDC
"""Argument of reboot(2)."""
TIME_LIMIT_STATUS = 124
"""The exit status of a command that exceeded its time limit, as timeout(1) returns it."""


def credit_entropy(seed: bytes) -> None:
    """Seed the kernel: user-mode Linux has no source of randomness, and without a seed, getrandom() blocks for 50 s."""
    with Path("/dev/random").open("wb") as random_device:
        header = struct.pack("ii", len(seed) * 8, len(seed))
        fcntl.ioctl(random_device, RNDADDENTROPY, header + seed)


def bring_up_loopback() -> None:
    """Enable 127.0.0.1, as `ip link set lo up` does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, SIOCGIFFLAGS, INTERFACE_REQUEST.pack(b"lo", 0))
        name, flags = INTERFACE_REQUEST.unpack(request)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, INTERFACE_REQUEST.pack(name, flags | IFF_UP))


def run_command(share: Path) -> int:
    """Run the command that boot.py wrote to the shared folder; return its exit status."""
    order = json.loads((share / "order.json").read_text())
    home = Path("/run/home")
    home.mkdir()
    try:
        return subprocess.run(
            order["command"],
            cwd=order["folder"],
            env={"PATH": os.environ["PATH"], "HOME": str(home), **order["environment"]},
            timeout=order["time_limit_s"],
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"the guest's command took longer than {order['time_limit_s']} s\n")
        return TIME_LIMIT_STATUS


def power_off() -> None:
    """Switch the machine off; does not return."""
    ctypes.CDLL(None).reboot(RB_POWER_OFF)


def main() -> None:
    """Set up the machine, run the command, and switch the machine off."""
    share = Path(sys.argv[1])
    try:
        credit_entropy((share / "seed").read_bytes())
        bring_up_loopback()
        socket.sethostname("rig")
        (share / "status").write_text(f"{run_command(share)}\n")
    except Exception:  # printed now, before the machine is switched off
        traceback.print_exc()
    finally:
        power_off()


if __name__ == "__main__":
    main()
