"""An event loop with a virtual clock, for tests and for simulations of days."""

import asyncio
import selectors


class _ImpatientSelector(selectors.DefaultSelector):
    """A selector that advances its clock to the next timer without waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "no timer is pending: the program would wait for ever"
        ready = super().select(0)
        if not ready:
            self.now += max(timeout, 0)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop on which waiting takes no time."""

    def __init__(self) -> None:
        self._impatient = _ImpatientSelector()
        super().__init__(self._impatient)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._impatient.now

    def stand_still(self, seconds: float) -> None:
        """Advance the clock without running any callback, as if the process had been blocked."""
        self._impatient.now += seconds
