"""
Run the exporter unchanged, but without the capability CAP_NET_RAW.

    python -m rig.guest.unprivileged_exporter --config …
"""

from __future__ import annotations

import ctypes
import os
import sys

VERSION_3 = 0x20080522
CAP_NET_RAW = 13


class Header(ctypes.Structure):
    """struct __user_cap_header_struct of linux/capability.h."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class Capabilities(ctypes.Structure):
    """struct __user_cap_data_struct of linux/capability.h."""

    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def drop(capability: int) -> None:
    """Drop one of the first 32 capabilities of this process."""
    library = ctypes.CDLL(None, use_errno=True)
    header, sets = Header(VERSION_3, 0), (Capabilities * 2)()
    for call in (library.capget, library.capset):
        if call is library.capset:
            sets[0].effective &= ~(1 << capability)
            sets[0].permitted &= ~(1 << capability)
        if call(ctypes.byref(header), sets) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main() -> int:
    """Run the exporter; return its exit status."""
    # Imported late, because scenarios import this module only for its name.
    from ble_exporter.main import main as exporter

    drop(CAP_NET_RAW)
    return exporter()


if __name__ == "__main__":
    sys.exit(main())
