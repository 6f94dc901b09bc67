"""
Boot the rig's user-mode Linux, run one command in it, and return the command's status and output.

    python tests/rig/boot.py [--time-limit SECONDS] COMMAND [ARGUMENT ...]

builds the kernel if it is not cached, runs COMMAND in a guest in the current folder, shows the guest's
console and logs, and exits with the command's status. No process or file of the guest remains afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

HERE = Path(__file__).resolve().parent
BUILD_KERNEL = HERE / "build-kernel.sh"
GUEST_MEMORY_MIB = 512
SEED_BYTES = 64
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a file system, not a file
LOG_TAIL_LINES = 60
BOOT_ALLOWANCE_S = 30.0
"""Added to the command's time limit: booting takes about 1.5 s, and longer on a busy machine."""
TERM_GRACE_S = 5.0
LIVE_DELAY_S = 0.2
"""The interval at which new console output is shown."""
NEVER_ENDED = 125
"""The status of a guest that ended, or was ended, before its command."""


@dataclass(frozen=True)
class GuestRun:
    """The result of a guest's run."""

    status: int
    """The exit status of the guest's command; 124 after the command's time limit, or NEVER_ENDED."""
    console: str
    """The console: kernel messages and everything that the command printed."""
    logs: Mapping[str, str]
    """Maps the name of each `.log` file in the shared folder to its content."""
    seconds: float

    def account(self) -> str:
        """Return the status, the duration, the console and the last lines of each log as text."""
        parts = [f"the guest ended with status {self.status} after {self.seconds:.1f} s"]
        parts += ["--- console", self.console.strip()]
        for name, text in self.logs.items():
            parts += [f"--- {name}", *text.splitlines()[-LOG_TAIL_LINES:]]
        return "\n".join(parts) + "\n"


@contextlib.contextmanager
def _shared_folder() -> Iterator[Path]:
    # A blank would end the kernel argument, and the path in TMPDIR may contain one, so the folder is in /tmp.
    share = Path(tempfile.mkdtemp(prefix="ble-exporter-rig-", dir="/tmp"))
    try:
        yield share
    finally:
        shutil.rmtree(share, ignore_errors=True)


@contextlib.contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Make SIGTERM raise KeyboardInterrupt, so that the guest is ended and its files are removed."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _memory_folder() -> str:
    """Return the folder for the file with the guest's memory; user-mode Linux maps this file as executable."""
    with contextlib.suppress(OSError):
        shm = os.statvfs(SHARED_MEMORY)
        room = shm.f_bavail * shm.f_frsize
        # A container's /dev/shm often has only 64 MB and is noexec; the guest dies when it is full.
        if not shm.f_flag & os.ST_NOEXEC and room >= GUEST_MEMORY_MIB << 20:
            return SHARED_MEMORY
    return tempfile.gettempdir()


@contextlib.contextmanager
def _shown_live(console: Path, live: TextIO | None) -> Iterator[None]:
    """Copy the console to `live` while the guest writes it."""
    if live is None:
        yield
        return
    over = threading.Event()

    def copy(lines: TextIO) -> None:
        is_over = False
        while not is_over:
            is_over = over.wait(LIVE_DELAY_S)
            live.write(lines.read())
            live.flush()

    with console.open(errors="replace") as lines:
        copying = threading.Thread(target=copy, args=[lines], name="console")
        copying.start()
        try:
            yield
        finally:
            over.set()
            copying.join()


def _end(guest: subprocess.Popen[bytes]) -> None:
    """End the guest, and the host processes that run the guest's processes."""
    if guest.poll() is None:
        # On SIGTERM the guest ends these processes itself; after SIGKILL they remain, so the group is killed.
        guest.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            guest.wait(TERM_GRACE_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(guest.pid, signal.SIGKILL)
    guest.wait()


def _run_kernel(kernel: Path, share: Path, time_limit_s: float, live: TextIO | None) -> None:
    arguments = [
        f"mem={GUEST_MEMORY_MIB}M",
        "root=none rootfstype=hostfs rootflags=/ ro quiet panic=-1",
        "con=null con0=null,fd:1 ssl=null",
        f"uml_dir={share}/ umid=uml init={share}/init.sh",
    ]
    with (share / "console").open("wb") as console, _shown_live(share / "console", live):
        guest = subprocess.Popen(
            [str(kernel), *" ".join(arguments).split()],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": _memory_folder()},
            start_new_session=True,
        )
        try:
            guest.wait(time_limit_s)
        except subprocess.TimeoutExpired:
            console.write(f"\nthe guest took longer than {time_limit_s} s\n".encode())
        finally:
            _end(guest)


def boot(
    kernel: Path,
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    time_limit_s: float,
    live: TextIO | None = None,
) -> GuestRun:
    """
    Boot a guest, run `command` in it, and wait until the guest has ended.

    Args:
        kernel: Path of the kernel that build-kernel.sh built.
        command: Program and arguments, with paths of the host.
        folder: The command's working directory.
        environment: The command's environment; RIG_SHARE (the shared folder) and PATH are added.
        time_limit_s: Time limit of the command; that of the guest is 30 s longer.
        live: Stream that shows the console while the guest runs.
    """
    started = time.monotonic()
    with _sigterm_interrupts(), _shared_folder() as share:
        order = {
            "command": list(command),
            "folder": str(folder),
            "environment": {**environment, "RIG_SHARE": str(share)},
            "time_limit_s": time_limit_s,
        }
        (share / "order.json").write_text(json.dumps(order))
        (share / "seed").write_bytes(os.urandom(SEED_BYTES))
        (share / "python").write_text(sys.executable)
        (share / "machine").write_text(str(HERE / "guest" / "machine.py"))
        shutil.copy(HERE / "guest" / "init.sh", share)
        _run_kernel(kernel, share, time_limit_s + BOOT_ALLOWANCE_S, live)
        status = share / "status"
        return GuestRun(
            status=int(status.read_text()) if status.exists() else NEVER_ENDED,
            console=(share / "console").read_text(errors="replace"),
            logs={log.name: log.read_text(errors="replace") for log in sorted(share.glob("*.log"))},
            seconds=time.monotonic() - started,
        )


def main() -> int:
    """Run a command in a guest; return its exit status. The module's docstring shows the usage."""
    parser = argparse.ArgumentParser(description="Run a command in a guest of the radio rig.")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if not options.command:
        parser.error("no command given")
    build = subprocess.run([BUILD_KERNEL], stdout=subprocess.PIPE, text=True, check=True)
    run = boot(
        Path(build.stdout.splitlines()[-1]),
        options.command,
        folder=Path.cwd(),
        environment={"PYTHONPATH": str(HERE.parent)},
        time_limit_s=options.time_limit,
    )
    sys.stdout.write(run.account())
    return run.status


if __name__ == "__main__":
    sys.exit(main())
