"""The texts of the Debian package that are derived from the project's files, without reading or writing any file."""

from __future__ import annotations

import datetime as dt
import email
import email.utils
import gzip
import re

UNIT_CHANGES = (
    (r'# Installation: see "As a systemd service" in README\.md\.\n', "# From the package ble-exporter.\n"),
    (r"(# Optional: .*) Installation: (.*)", r"\1 See \2"),
    (r"/opt/ble_exporter/venv/bin/python -m ble_exporter\.main", "/usr/bin/ble-exporter"),
    (
        r"# Isolated.*\n(ExecStart=)/opt/ble_exporter/venv/bin/python -I (-m .*)",
        (
            r"# As in /usr/bin/ble-exporter, without Debian's libraries (-S) and the current folder (-P).\n"
            r"Environment=PYTHONPATH=/usr/lib/ble-exporter\n\1/usr/bin/python3 -PS \2"
        ),
    ),
    (r"/opt/ble_exporter/venv/bin/ble-exporter", "/usr/bin/ble-exporter"),
    # A `log_file` without a leading slash is in this folder, which the unit can always write.
    (r"WorkingDirectory=/opt/ble_exporter\n", "WorkingDirectory=/var/lib/ble_exporter\n"),
    (r"ReadWritePaths=-/opt/ble_exporter/logs\n", ""),
)
"""The changes from the units in contrib/ to those of the package: regular expression → its replacement."""


def adapted(unit: str) -> str:
    """
    Return a unit of contrib/ with the paths of the package.

    Raises:
        ValueError: A path below /opt remains; UNIT_CHANGES must be adapted to the unit.
    """
    for pattern, replacement in UNIT_CHANGES:
        unit = re.sub(pattern, replacement, unit)
    if "/opt/" in unit:
        raise ValueError("the unit has a path below /opt for which deb/texts.py has no replacement")
    return unit


def debian_version(version: str, epoch: int) -> str:
    """
    Return Debian's form of a version.

    A commit between two releases must count as newer than its predecessors, and as older than the next release. For
    this order, the time of the commit is added.

    Args:
        version: The version as users see it, for example "0.2.0.dev0+g1a2b3c4".
        epoch: The time of the commit, as a Unix time.
    """
    number, _, commit = version.partition("+")
    number = re.sub(r"\.?(dev|a|b|rc)(\d+)$", r"~\1\2", number)
    if not commit:
        return f"{number}-1"
    moment = dt.datetime.fromtimestamp(epoch, dt.timezone.utc)
    return f"{number}+{moment:%Y%m%d%H%M%S}.{commit}-1"


def entry_of(lock: str, name: str) -> str:
    """
    Return the lines of one package in a lock.

    Raises:
        ValueError: The lock does not have the package.
    """
    found = re.search(rf"(?m)^{re.escape(name)}==.*(?:\n    .*)*\n", lock)
    if not found:
        raise ValueError(f"{name} is not locked")
    return found[0]


def maintainer_of(control: str) -> str:
    """Return the maintainer of a control file."""
    return str(email.message_from_string(control)["Maintainer"])


def changelog_entry(name: str, version: str, maintainer: str, epoch: int) -> str:
    """Return the package's changelog: one entry, which refers to the changelog of the program."""
    moment = email.utils.format_datetime(dt.datetime.fromtimestamp(epoch, dt.timezone.utc))
    return (
        f"{name} ({version}) unstable; urgency=medium\n\n  * changelog.gz lists the changes.\n"
        f"\n -- {maintainer}  {moment}\n"
    )


def copyright_of(template: str, licence: str, metadata: list[str]) -> str:
    """
    Return the package's copyright file.

    Args:
        template: Its text, with the fields `{libraries}` and `{licence}`.
        licence: The project's LICENSE: title, copyright and terms, separated by empty lines.
        metadata: The METADATA of each library.
    """
    terms = licence.split("\n\n", 2)[2].rstrip().splitlines()
    return template.format(
        libraries="\n".join(f" {licence_of(text)}" for text in metadata),
        licence="\n".join(f" {line}" if line else " ." for line in terms),
    )


def licence_of(metadata: str) -> str:
    """Return a line with the name, the version and the licence of a library, from its METADATA."""
    message = email.message_from_string(metadata)
    licence = str(message["License-Expression"] or message["License"] or "").strip()
    if not licence or "\n" in licence:
        classifiers = [str(value) for value in message.get_all("Classifier") or []]
        licences = [value.split(" :: ")[-1] for value in classifiers if value.startswith("License :: ")]
        licence = ", ".join(licences) or "see its folder"
    return f"{message['Name']} {message['Version']}: {licence}"


def compressed(content: bytes) -> bytes:
    """Return the content as gzip, without a time, so that two builds are equal."""
    return gzip.compress(content, 9, mtime=0)
