"""
A record of this program's resets, which survives restarts of the program, but not of the machine.

Without the record, a program that the service manager keeps restarting would reset the adapter again and again, and an
adapter that a reset has powered off would seem to have been powered off by somebody else.
"""

import json
import logging
import os
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ble_exporter.errors import ResetOutcome
from ble_exporter.scanner.reset_policy import Resets, resets_of
from ble_exporter.system.files import read_file

FILE_NAME = "adapter_resets.json"
"""The name of the file. `ble-exporter recover` reads the file, too, because it names the adapters that need root."""

_MOST_BYTES = 10_000

_log = logging.getLogger(__name__)


def runtime_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the systemd unit's runtime folder, which the unit keeps until a reboot; None without one."""
    # A unit may have several runtime folders; the variable separates them by colons.
    first = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(first) if first.startswith("/") else None


class ResetRecord:
    """
    The resets of every adapter, in a file of `folder`; without a folder, only in memory.

    Attributes:
        counts: The number of resets whose outcome is known, by adapter and outcome.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._path = folder / FILE_NAME if folder else None
        self._resets = read_resets(self._path) if self._path else {}
        self.counts: Counter[tuple[str, ResetOutcome]] = Counter()
        for name, resets in self._resets.items():
            self.counts.update({(name, outcome): number for outcome, number in resets.outcomes.items()})
            # Root helps between an end of this program and its next start, so an earlier request is settled.
            resets.needs_root = False
        if self._resets:
            self.save()

    def of(self, adapter: str) -> Resets:
        """Return the resets of an adapter; after changing them, call `save`."""
        return self._resets.setdefault(adapter, Resets())

    def left_off(self, adapter: str | None) -> list[str]:
        """Return the adapters that a reset has left powered off; with `adapter`, at most this one."""
        return [name for name, resets in self._resets.items() if resets.is_off and adapter in (None, name)]

    def count(self, adapter: str, outcome: ResetOutcome) -> None:
        """Count a reset whose outcome is known, and save the record."""
        self.counts[adapter, outcome] += 1
        self.of(adapter).outcomes[outcome] = self.counts[adapter, outcome]
        self.save()

    def save(self) -> None:
        """Write the file. A failure is only logged, because resets must work even without the file."""
        if self._path is None:
            return
        new = self._path.with_suffix(".new")
        try:
            content = json.dumps({name: resets.as_json() for name, resets in self._resets.items()})
            new.write_text(content, encoding="ascii")
            new.replace(self._path)
        except OSError as error:
            _log.warning("%s can't be written (%s)", self._path, error.strerror)


def read_resets(path: Path) -> dict[str, Resets]:
    """Return the resets in a record, by adapter, without invalid parts; empty if the file can't be read."""
    with suppress(OSError, ValueError, RecursionError):
        # Root reads this file, which an unprivileged user writes, so a link must not lead to another file.
        entries = json.loads(read_file(path, _MOST_BYTES, follow_symlinks=False))
        if isinstance(entries, dict):
            return {name: resets_of(entry) for name, entry in entries.items() if _is_adapter(name)}
    return {}


def _is_adapter(name: str) -> bool:
    return re.fullmatch(r"hci\d{1,4}", name, re.ASCII) is not None
