"""Reading files, only regular ones and only up to a limit, and noticing their changes."""

import os
import socket
from pathlib import Path

import pytest

from ble_exporter.system.files import ReadFiles, read_file


def test_a_regular_file_is_read(tmp_path: Path) -> None:
    """Users keep configurations and keys in files, or link to files that they keep elsewhere."""
    (tmp_path / "a").write_bytes(b"x" * 10)
    (tmp_path / "b").symlink_to(tmp_path / "a")

    assert b"x" * 10 == read_file(tmp_path / "b", 10)


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    """A large file would fill the memory of a small machine."""
    (tmp_path / "a").write_bytes(b"x" * 11)

    with pytest.raises(OSError, match="it has more than 10 bytes"):
        read_file(tmp_path / "a", 10)


def test_a_file_of_unknown_size_is_refused_when_it_is_large() -> None:
    """The files in /proc report a size of 0, so a check of the reported size would not limit the memory."""
    with pytest.raises(OSError, match="it has more than 10 bytes"):
        read_file("/proc/self/status", 10)


def test_a_link_is_refused_if_the_caller_says_so(tmp_path: Path) -> None:
    """With a link, a user without rights could make root read any file."""
    link = tmp_path / "link"
    link.symlink_to(__file__)

    assert read_file(link)
    with pytest.raises(OSError, match="it is a link, not a file"):
        read_file(link, follow_symlinks=False)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """Reading a pipe may block the program, and reading a device may never end."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))

    for path, kind in (
        (tmp_path / "pipe", "named pipe"),
        (tmp_path / "socket", "socket"),
        (tmp_path, "folder"),
        (Path("/dev/zero"), "device"),
    ):
        with pytest.raises(OSError, match=f"it is a {kind}, not a file"):
            read_file(path)


def test_files_that_were_read_are_unchanged(tmp_path: Path) -> None:
    """An unchanged file must not be read again for each request."""
    path = tmp_path / "web.yml"
    path.write_bytes(b"a")
    files = ReadFiles()

    assert b"a" == files.read(str(path))
    assert not files.have_changed()


@pytest.mark.parametrize("change", ["written", "replaced", "removed", "linked"])
def test_a_changed_file_is_noticed(tmp_path: Path, change: str) -> None:
    """Editors write a file or replace it, and renewal programs let a link point to another file."""
    path, other = tmp_path / "server.crt", tmp_path / "new"
    path.write_bytes(b"a")
    other.write_bytes(b"b")
    # The new file has the same size and time, and must be noticed nevertheless.
    os.utime(other, ns=(path.stat().st_mtime_ns,) * 2)
    files = ReadFiles()
    files.read(str(path))
    if change == "written":
        path.write_bytes(b"longer")
    elif change == "replaced":
        other.replace(path)
    else:
        path.unlink()
        if change == "linked":
            path.symlink_to(other)

    assert files.have_changed()


def test_a_missing_file_is_noticed_when_it_appears(tmp_path: Path) -> None:
    """If a certificate is written before its key, the appearance of the key alone must cause another read."""
    path = tmp_path / "server.key"
    files = ReadFiles()
    with pytest.raises(FileNotFoundError):
        files.read(str(path))
    assert not files.have_changed()
    path.write_bytes(b"a")

    assert files.have_changed()
