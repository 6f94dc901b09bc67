"""The steps of an installation or a removal: each can describe itself, and can be taken."""

import grp
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ble_exporter.cli.shell import command_line
from ble_exporter.errors import ExporterError
from ble_exporter.system.files import read_file

_TIMEOUT_S = 120


class Machine:
    """
    The machine: queries, commands and the owners of files. Tests replace some of the methods, and the root folder.

    Args:
        root: The folder that contains the machine's files.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def at(self, path: str) -> Path:
        """Return the location of a file of the machine; `path` begins with a slash."""
        return self._root / path.lstrip("/")

    def exists(self, path: str) -> bool:
        """Return whether a file, a folder or a link is there, even if this user can't read it."""
        return os.path.lexists(self.at(path))

    def read(self, path: str) -> bytes:
        """Return the content of a file. Raises OSError, also for a link or a device."""
        return read_file(self.at(path), follow_symlinks=False)

    def mounts_in(self, path: str) -> list[str]:
        """Return the mount points at or below a path; none for a link, because only the link itself is removed."""
        try:
            table = self.at("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
        except FileNotFoundError:
            return []
        # The fifth field is the mount point (proc_pid_mountinfo(5)), in which a space is written as \040.
        points = [line.split(" ")[4] for line in table.splitlines()]
        place = self.at(path)
        real = f"/{(place.parent.resolve() / place.name).relative_to(self._root.resolve())}"
        return [point for point in points if point == real or point.startswith(f"{real}/")]

    def is_root(self) -> bool:
        """Return whether this process runs as root."""
        return os.geteuid() == 0

    def account(self, name: str) -> pwd.struct_passwd | None:
        """Return the entry of a user in the user database; None if there is none."""
        try:
            return pwd.getpwnam(name)
        except KeyError:
            return None

    def has_command(self, name: str) -> bool:
        """Return whether a command is installed."""
        return shutil.which(name) is not None

    def run(self, *words: str) -> None:
        """Run a command for at most _TIMEOUT_S seconds. Raises an ExporterError if it fails."""
        try:
            done = subprocess.run(  # noqa: S603 - the words are this program's own
                words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ExporterError(f"{command_line(*words)}: {error}") from error
        if done.returncode:
            said = " ".join(f"{done.stdout} {done.stderr}".split())
            raise ExporterError(f"{command_line(*words)}: exit status {done.returncode}: {said}")

    def give(self, path: Path, owner: str, group: str) -> None:
        """Give a file or folder to a user and a group. Raises OSError or KeyError."""
        os.chown(path, pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid, follow_symlinks=False)


class Step(Protocol):
    """One step."""

    def __str__(self) -> str:
        """Return what the step does, in words that begin with a verb."""

    def preview(self) -> list[str]:
        """Return the lines that the step would write."""

    def do(self, machine: Machine) -> None:
        """Take the step. Raises OSError, KeyError for an unknown user, or ExporterError."""


class _Silent:
    """A step without a preview."""

    def preview(self) -> list[str]:
        """Return no lines."""
        return []


@dataclass(frozen=True)
class WriteFile:
    """
    Writes a file atomically.

    Attributes:
        group: The group of the file; its owner is root.
        origin: The file that is copied, if there is one; its content is not shown, because it may have keys.
        may_replace: Whether to replace an existing file.
    """

    path: str
    content: bytes
    mode: int = 0o644
    group: str = "root"
    origin: str = ""
    may_replace: bool = False

    def __str__(self) -> str:
        copied = f" as a copy of {self.origin}" if self.origin else ""
        return f"write {self.path}{copied} (root:{self.group}, mode {self.mode:o})"

    def preview(self) -> list[str]:
        """Return the lines of the file."""
        return [] if self.origin else self.content.decode().splitlines()

    def do(self, machine: Machine) -> None:
        """Write a temporary file in the same folder, and give it the final name when it is complete."""
        target = machine.at(self.path)
        _make_folder(target.parent)
        new = target.with_name(f".{target.name}.new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self.content)
                file.flush()
                os.fchmod(descriptor, self.mode)
                os.fsync(descriptor)
            machine.give(new, "root", self.group)
            if self.may_replace:
                new.replace(target)
            else:
                # Unlike a rename, a link never replaces a file.
                os.link(new, target)
        finally:
            new.unlink(missing_ok=True)


@dataclass(frozen=True)
class MakeFolder(_Silent):
    """Creates a folder that belongs to a user; missing folders above it are created, too, and belong to root."""

    path: str
    owner: str

    def __str__(self) -> str:
        return f"create {self.path} ({self.owner}:root, mode 755)"

    def do(self, machine: Machine) -> None:
        """Create the folder under a temporary name, and give it the final one when it has its owner."""
        target = machine.at(self.path)
        _make_folder(target.parent)
        new = target.with_name(f".{target.name}.new")
        if new.exists():
            new.rmdir()
        _make_folder(new)
        try:
            machine.give(new, self.owner, "root")
            new.rename(target)
        except BaseException:
            new.rmdir()
            raise


@dataclass(frozen=True)
class Run(_Silent):
    """Runs a command."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"run {command_line(*self.words)}"

    def do(self, machine: Machine) -> None:
        """Run the command."""
        machine.run(*self.words)


@dataclass(frozen=True)
class Remove(_Silent):
    """Removes a file, or a folder with everything in it; of a link, only the link itself."""

    path: str

    def __str__(self) -> str:
        return f"remove {self.path}"

    def do(self, machine: Machine) -> None:
        """Remove the file or folder."""
        path = machine.at(self.path)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Keep(_Silent):
    """Leaves something as it is, for a reason."""

    what: str
    reason: str

    def __str__(self) -> str:
        return f"keep {self.what}: {self.reason}"

    def do(self, machine: Machine) -> None:
        """Do nothing."""


def _make_folder(path: Path) -> None:
    """Create a folder, and missing ones above it, readable by everybody, whatever root's umask is."""
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o755)
