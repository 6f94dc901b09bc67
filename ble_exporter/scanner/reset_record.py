"""
What this program remembers of its resets, across its restarts but not across those of the machine.

Otherwise, a program that the service manager restarts again and again would reset the adapter again and again, and an
adapter that a reset has powered off would seem to be powered off by somebody else.
"""

import json
import logging
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ble_exporter.files import read_file
from ble_exporter.scanner.reset_policy import Resets, resets_of

FILE_NAME = "adapter_resets.json"

REQUEST_NAME = "recover"
"""The file that names the adapter that this program can't recover; `ble-exporter recover` reads it."""

_MOST_BYTES = 10_000

_log = logging.getLogger(__name__)


def runtime_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder that systemd created for the unit, until the machine is restarted; None without one."""
    # A unit may have several, separated by colons.
    first = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(first) if first.startswith("/") else None


class ResetRecord:
    """The resets of every adapter, in a file of `folder`; without a folder, in memory alone."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._resets: dict[str, Resets] = {}
        if folder is not None:
            with suppress(OSError, ValueError, RecursionError):
                entries = json.loads(read_file(folder / FILE_NAME, _MOST_BYTES))
                if isinstance(entries, dict):
                    self._resets = {name: resets_of(entry) for name, entry in entries.items() if _is_adapter(name)}

    def of(self, adapter: str) -> Resets:
        """Return the resets of an adapter; after changing them, call `save`."""
        return self._resets.setdefault(adapter, Resets())

    def left_off(self, adapter: str | None) -> list[str]:
        """Return which adapters a reset has left powered off; only this one, if it is not None."""
        return [name for name, resets in self._resets.items() if resets.is_off and adapter in (None, name)]

    def save(self) -> None:
        """Write the file. A failure is logged, because healing must not depend on a folder."""
        self._write(FILE_NAME, json.dumps({name: resets.as_json() for name, resets in self._resets.items()}))

    def request(self, adapter: str) -> None:
        """Ask `ble-exporter recover` for help with this adapter."""
        self._write(REQUEST_NAME, f"{adapter}\n")

    def withdraw(self) -> None:
        """Withdraw the request: the adapter works again."""
        if self._folder is not None:
            with suppress(OSError):
                (self._folder / REQUEST_NAME).unlink()

    def _write(self, name: str, text: str) -> None:
        if self._folder is None:
            return
        path = self._folder / name
        try:
            new = path.with_suffix(".new")
            new.write_text(text, encoding="ascii")
            new.replace(path)
        except OSError as error:
            _log.warning("%s can't be written (%s)", path, error.strerror)


def requested_adapter(path: Path) -> str:
    """Return the adapter that a request names; an empty string without a valid request."""
    try:
        text = read_file(path, _MOST_BYTES).decode("ascii").strip()
    except (OSError, ValueError):
        return ""
    return text if _is_adapter(text) else ""


def _is_adapter(name: str) -> bool:
    return re.fullmatch(r"hci\d{1,4}", name, re.ASCII) is not None
