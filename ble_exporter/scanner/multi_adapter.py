"""Several radios as one: each adapter hears the sensors that the others do not reach."""

import asyncio
import logging
from collections import ChainMap
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from functools import partial
from typing import cast

from ble_exporter.errors import ScannerError
from ble_exporter.scanner.radio import Listener, Radio
from ble_exporter.scanner.session import packets_heard, run_for
from ble_exporter.tasks import Tasks

# An adapter that was unplugged takes seconds to come up again; a shorter wait would only fill bluetoothd's log.
RETRY_S = 30.0

_log = logging.getLogger(__name__)


class MultiAdapterScanner:
    """
    Radios that listen at the same time, each in a task of its own.

    Args:
        radios: At least one; each names its adapter in its errors.
        goes_on: Whether the others go on where one fails. That one is tried again after a while, and at the next scan.
            When none is left, it fails in any case.
        retry_s: After how many seconds.

    Attributes:
        adapters: Those of all radios.
    """

    def __init__(self, radios: Sequence[Radio], *, goes_on: bool = False, retry_s: float = RETRY_S) -> None:
        # A live view: each radio writes to its own mapping, and nobody to this.
        mappings = (cast("MutableMapping[str, bool]", radio.adapters) for radio in radios)
        self.adapters: Mapping[str, bool] = ChainMap(*mappings)
        self._radios = radios
        self._goes_on = goes_on
        self._retry_s = retry_s
        # Of the adapters: which have failed and were not heard of since, which listen, and which are still starting.
        self._failing: set[Radio] = set()
        self._alive: set[Radio] = set()
        self._starting: set[Radio] = set()
        self._started: Callable[[], None] = lambda: None
        self._is_stopping = False

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """See Radio. It has started when each of them either has, or has failed."""
        self._is_stopping = False
        self._started = started
        self._starting = set(self._radios)
        self._alive = set(self._radios)
        async with Tasks() as tasks:
            listening = [tasks.start(self._keep_listening(radio, listener)) for radio in self._radios]
            try:
                for task in listening:
                    await tasks.wait(task)
            finally:
                self._is_stopping = True

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """See AbstractScanner; a packet that two of them heard is there twice."""
        return await packets_heard(self, duration_s)

    async def _keep_listening(self, radio: Radio, listener: Listener) -> None:
        """Have one of them listen, again after each failure where that is not the end of all."""
        while True:
            try:
                await run_for(radio, listener, None, partial(self._note_start, radio))
            except ScannerError as error:
                self._note_failure(radio, error)
            else:
                return
            if self._is_stopping:
                return
            await asyncio.sleep(self._retry_s)

    def _note_start(self, radio: Radio) -> None:
        self._alive.add(radio)
        if radio in self._failing:
            self._failing.discard(radio)
            _log.info("%s listens again", ", ".join(radio.adapters))
        self._note_started_or_failed(radio)

    def _note_failure(self, radio: Radio, error: ScannerError) -> None:
        self._alive.discard(radio)
        if not self._goes_on or not self._alive:
            raise error
        if radio not in self._failing:
            _log.error("%s; the other adapters go on", error)
        self._failing.add(radio)
        self._note_started_or_failed(radio)

    def _note_started_or_failed(self, radio: Radio) -> None:
        was_starting = bool(self._starting)
        self._starting.discard(radio)
        if was_starting and not self._starting:
            self._started()
