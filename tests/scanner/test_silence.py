"""How long a radio may hear nothing at all."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ble_exporter.errors import ScannerError
from ble_exporter.scanner.silence import Silence

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]


async def listen(silence: Silence, seconds: float, heard_at: tuple[float, ...] = ()) -> float:
    """Listen for some seconds, hearing something at some of them; return when the silence was too long, or the end."""
    loop = asyncio.get_running_loop()
    for second in heard_at:
        loop.call_later(second, silence.end)
    watching = asyncio.ensure_future(silence.watch("hci0"))
    await asyncio.wait({watching}, timeout=seconds)
    ended = loop.time()
    watching.cancel()
    await asyncio.wait({watching})
    if not watching.cancelled():
        with pytest.raises(ScannerError, match="adapter hci0: nothing was heard for 90 s"):
            watching.result()
    return ended


@pytest.mark.parametrize(
    ("heard_at", "ended"),
    [((), 90), ((10.0,), 100), ((89.0, 170.0), 260), (tuple(map(float, range(0, 1000, 89))), 1000)],
)
def test_anything_heard_begins_the_silence_anew(
    in_virtual_time: InVirtualTime, heard_at: tuple[float, ...], ended: float
) -> None:
    """A quiet house is not a dead radio: one stranger in 89 s is life enough."""
    assert in_virtual_time(listen(Silence(90), 1000, heard_at)) == pytest.approx(ended)


def test_only_time_spent_listening_counts(in_virtual_time: InVirtualTime) -> None:
    """A radio that is off for 25 s of 30 hears nothing in them, and that is no sign of anything."""

    async def scans() -> int:
        silence = Silence(90)
        for number in range(1, 100):
            before = asyncio.get_running_loop().time()
            if await listen(silence, 5) < before + 5:
                return number
            await asyncio.sleep(25)
        return 0

    assert in_virtual_time(scans()) == 19


def test_something_heard_between_two_scans_counts_too(in_virtual_time: InVirtualTime) -> None:
    """A callback may come while the radio is being stopped."""

    async def scans() -> float:
        silence = Silence(90)
        await listen(silence, 80)
        silence.end()
        return await listen(silence, 100)

    assert in_virtual_time(scans()) == pytest.approx(170)
