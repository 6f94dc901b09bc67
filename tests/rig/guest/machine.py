"""
The guest's first process once init.sh has laid out the file systems.

It makes the machine usable, runs one command in it, writes the command's exit status into the
shared folder, and switches the machine off. Run by path and without site-packages, so it has
only the standard library.
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
"""ioctl on /dev/random (linux/random.h): mix these bytes in, and believe that they are random."""
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
INTERFACE_REQUEST = struct.Struct("16sh22x")
"""struct ifreq (net/if.h) with its flags; 40 bytes on x86-64."""
RB_POWER_OFF = 0x4321FEDC
"""Argument of reboot(2)."""
TIME_LIMIT_STATUS = 124
"""The exit status of a command that ran out of time, as timeout(1) has it."""


def credit_entropy(seed: bytes) -> None:
    """User-mode Linux has no source of randomness: without a seed getrandom() blocks for 50 s."""
    with Path("/dev/random").open("wb") as random_device:
        header = struct.pack("ii", len(seed) * 8, len(seed))
        fcntl.ioctl(random_device, RNDADDENTROPY, header + seed)


def bring_up_loopback() -> None:
    """Let 127.0.0.1 answer, as `ip link set lo up` does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, SIOCGIFFLAGS, INTERFACE_REQUEST.pack(b"lo", 0))
        name, flags = INTERFACE_REQUEST.unpack(request)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, INTERFACE_REQUEST.pack(name, flags | IFF_UP))


def run_command(share: Path) -> int:
    """Run the command that boot.py left in the shared folder, and return its exit status."""
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
    """Be the machine's life, from after its birth to its end."""
    share = Path(sys.argv[1])
    try:
        credit_entropy((share / "seed").read_bytes())
        bring_up_loopback()
        socket.sethostname("rig")
        (share / "status").write_text(f"{run_command(share)}\n")
    except Exception:  # told now, for there is nobody to tell after the machine is off
        traceback.print_exc()
    finally:
        power_off()


if __name__ == "__main__":
    main()
