"""Combines several radios into one: each adapter can hear sensors that are out of range of the others."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from ble_exporter.errors import LossReason, ResetOutcome, ScannerError
from ble_exporter.scanner.radio import Listener, Radio
from ble_exporter.scanner.session import listening
from ble_exporter.tasks import Tasks

# An adapter that is plugged in again takes seconds to come up; a shorter wait would only fill bluetoothd's log.
RETRY_S = 30.0

Key = TypeVar("Key")
Value = TypeVar("Value")

_log = logging.getLogger(__name__)


class _Union(Mapping[Key, Value]):
    """
    A live view of several mappings; the value of a key comes from the first mapping that contains the key.

    In a ChainMap, a Counter would return 0 for keys that only later mappings contain.
    """

    def __init__(self, mappings: Sequence[Mapping[Key, Value]]) -> None:
        self._mappings = mappings

    def __getitem__(self, key: Key) -> Value:
        for mapping in self._mappings:
            if key in mapping:
                return mapping[key]
        raise KeyError(key)

    def __iter__(self) -> Iterator[Key]:
        return iter(dict.fromkeys(key for mapping in self._mappings for key in mapping))

    def __len__(self) -> int:
        return sum(1 for _key in self)


class MultiAdapterScanner:
    """
    Radios that listen at the same time, each in its own task.

    Args:
        radios: One radio or more. The errors of a radio name its adapter.
        goes_on: Whether the other radios keep listening when one fails. The failed one is retried every `retry_s`
            seconds, and at the next scan. If all radios have failed, `run` fails in any case.
    """

    def __init__(self, radios: Sequence[Radio], *, goes_on: bool = False, retry_s: float = RETRY_S) -> None:
        self.adapters: Mapping[str, bool] = _Union([radio.adapters for radio in radios])
        self.lost_events: Mapping[tuple[str, LossReason], int] = _Union([radio.lost_events for radio in radios])
        self.adapter_resets: Mapping[tuple[str, ResetOutcome], int] = _Union([it.adapter_resets for it in radios])
        self._radios = radios
        self._goes_on = goes_on
        self._retry_s = retry_s
        self._failing: set[Radio] = set()  # the radios that have not listened since their last failure
        self._alive: set[Radio] = set()
        self._starting: set[Radio] = set()
        self._started: Callable[[], None] = lambda: None
        self._is_stopping = False

    @property
    def is_resetting(self) -> bool:
        """Whether an adapter is being reset."""
        return any(radio.is_resetting for radio in self._radios)

    @property
    def silence(self) -> str | None:
        """The silences of the working adapters, as described in `Radio.silence`; None unless all of them are silent."""
        silences = [radio.silence for radio in self._radios if radio in self._alive]
        texts = [text for text in silences if text is not None]
        return "; ".join(texts) if texts and len(texts) == len(silences) else None

    def catch_up(self) -> None:
        """Pass the advertisements received so far by any radio to the listener, as described in `Radio.catch_up`."""
        for radio in self._radios:
            radio.catch_up()

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Listen, as described in `Radio.run`; call `started` when each radio has either started or failed."""
        self._is_stopping = False
        self._started = started
        self._starting = set(self._radios)
        self._alive = set(self._radios)
        async with Tasks() as tasks:
            running = [tasks.start(self._keep_listening(radio, listener)) for radio in self._radios]
            try:
                for task in running:
                    await tasks.wait(task)
            finally:
                self._is_stopping = True

    async def _keep_listening(self, radio: Radio, listener: Listener) -> None:
        """Listen with one radio; restart it after each failure that does not end the run."""
        while True:
            try:
                async with listening(radio, listener) as wait:
                    self._note_start(radio)
                    await wait(None)
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
        self._note_attempt(radio)

    def _note_failure(self, radio: Radio, error: ScannerError) -> None:
        self._alive.discard(radio)
        if not self._alive:
            raise error
        if not self._goes_on:
            hint = "the other adapters would keep listening with on_adapter_failure: continue"
            hint = f"{error.hint}; {hint}" if error.hint else hint
            raise ScannerError(error.problem, hint, error.command, adapter=error.adapter) from error
        if radio not in self._failing:
            _log.error("%s; the other adapters continue", error)
        self._failing.add(radio)
        self._note_attempt(radio)

    def _note_attempt(self, radio: Radio) -> None:
        """Call `started` when the last radio has either started or failed for the first time."""
        if radio in self._starting:
            self._starting.discard(radio)
            if not self._starting:
                self._started()
