"""
Tests of several adapters that listen together, and of the failure of one.

The rig's scenarios two_adapters_at_once, one_of_two_unplugged and one_of_two_comes_back verify the same on a real
stack.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ble_exporter.errors import LossReason, ResetOutcome, ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.model import Advertisement
from ble_exporter.scanner import Listener, MockScanner, run_for
from ble_exporter.scanner.multi_adapter import RETRY_S, MultiAdapterScanner
from ble_exporter.scanner.radio import Everything
from ble_exporter.scanner.session import packets_heard
from ble_exporter.tasks import Tasks

InVirtualTime = Callable[[Coroutine[Any, Any, Any]], Any]
NOBODY = Everything(lambda _advertisement: None)


class Adapter:
    """
    A radio with one adapter, which receives one advertisement a second.

    Args:
        name: Name of the adapter.
        lives_s: Seconds until each of its first runs fails; later runs do not fail.
        starts_in_s: Seconds that the radio takes to start.
        fails_to_stop: Whether the radio fails when it is stopped.
    """

    def __init__(self, name: str, *lives_s: float, starts_in_s: float = 0.0, fails_to_stop: bool = False) -> None:
        self.name = name
        self.adapters: dict[str, bool] = {}
        # Counters, like those of the real radio.
        self.lost_events: Counter[tuple[str, LossReason]] = Counter()
        self.adapter_resets: Counter[tuple[str, ResetOutcome]] = Counter()
        self.is_resetting = False
        self.silence: str | None = None
        self.is_running = False
        self.caught_up = 0
        self.started_at: list[float] = []
        self._lives_s = iter(lives_s)
        self._starts_in_s = starts_in_s
        self._fails_to_stop = fails_to_stop

    def catch_up(self) -> None:
        """See Radio."""
        self.caught_up += 1

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Listen, as described in `Radio.run`."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + next(self._lives_s, 1e9)
        self.is_running = True
        try:
            await self._last(min(self._starts_in_s, ends_at - loop.time()), ends_at)
            self.adapters[self.name] = True
            self.started_at.append(loop.time())
            started()
            while True:
                listener.handle(Advertisement("A4:C1:38:00:00:01", {UUID: b"\x40"}))
                await self._last(min(1.0, ends_at - loop.time()), ends_at)
        except ScannerError:
            self.adapters[self.name] = False
            raise
        except asyncio.CancelledError:
            if self._fails_to_stop:
                raise ScannerError(f"adapter {self.name}: can't stop") from None
            raise
        finally:
            self.is_running = False

    async def _last(self, seconds: float, ends_at: float) -> None:
        await asyncio.sleep(seconds)
        if asyncio.get_running_loop().time() >= ends_at:
            raise ScannerError(f"adapter {self.name}: gone")


def test_packets_of_all_adapters_are_delivered(in_virtual_time: InVirtualTime) -> None:
    """A second adapter receives the sensors that are out of range of the first."""
    both = MultiAdapterScanner([Adapter("hci0"), Adapter("hci1")])

    assert 20 == len(in_virtual_time(packets_heard(both, 9.5)))
    assert {"hci0": True, "hci1": True} == dict(both.adapters)


def test_the_scan_time_starts_when_all_adapters_listen(in_virtual_time: InVirtualTime) -> None:
    """A dongle that takes a second to start must not shorten a scan of five seconds."""
    both = MultiAdapterScanner([Adapter("hci0"), Adapter("hci1", starts_in_s=3)])

    assert len(in_virtual_time(packets_heard(both, 4.5))) == 8 + 5


def test_one_failed_adapter_ends_the_run(in_virtual_time: InVirtualTime) -> None:
    """By default the program ends and is restarted, so that a partial set of sensors is not taken for all."""
    first, second = Adapter("hci0"), Adapter("hci1", 10)

    with pytest.raises(ScannerError, match="adapter hci1: gone"):
        in_virtual_time(run_for(MultiAdapterScanner([first, second]), NOBODY, 100))

    assert not first.is_running
    assert ({"hci0": True}, {"hci1": False}) == (first.adapters, second.adapters)


def test_a_failure_names_the_option_that_keeps_the_others_listening(in_virtual_time: InVirtualTime) -> None:
    """A user with two dongles needs the option when one of them fails, and may never have heard of it."""
    with pytest.raises(ScannerError) as caught:
        in_virtual_time(run_for(MultiAdapterScanner([Adapter("hci0"), Adapter("hci1", 10)]), NOBODY, 100))

    assert "the other adapters would keep listening with on_adapter_failure: continue" == caught.value.hint


def test_the_failure_of_all_adapters_names_no_option_for_one(in_virtual_time: InVirtualTime) -> None:
    """If all adapters fail, the option does not help."""
    both = MultiAdapterScanner([Adapter("hci0", 20), Adapter("hci1", 10)], goes_on=True)

    with pytest.raises(ScannerError) as caught:
        in_virtual_time(run_for(both, NOBODY, 100))

    assert "" == caught.value.hint


@pytest.mark.parametrize(
    ("silences", "expected"),
    [
        ((None, None), None),
        (("hci0 is silent", None), None),
        (("hci0 is silent", "hci1 is silent"), "hci0 is silent; hci1 is silent"),
    ],
)
def test_several_adapters_are_silent_if_all_are(
    in_virtual_time: InVirtualTime, silences: tuple[str | None, ...], expected: str | None
) -> None:
    """As long as one adapter hears something, readings may still arrive."""
    adapters = [Adapter("hci0"), Adapter("hci1")]
    both = MultiAdapterScanner(adapters)
    in_virtual_time(run_for(both, NOBODY, 1))
    for adapter, silence in zip(adapters, silences, strict=True):
        adapter.silence = silence

    assert expected == both.silence


def test_a_failed_adapter_does_not_hide_the_silence_of_the_others(in_virtual_time: InVirtualTime) -> None:
    """A failed adapter reports no silence, which must not count as a sign that it hears something."""
    first, second = Adapter("hci0"), Adapter("hci1", 10)
    both = MultiAdapterScanner([first, second], goes_on=True)
    in_virtual_time(run_for(both, NOBODY, 20))
    first.silence = "hci0 is silent"

    assert "hci0 is silent" == both.silence


def test_the_first_failure_is_the_cause(in_virtual_time: InVirtualTime) -> None:
    """An error of another adapter during its stop is only a consequence, and would hide the cause."""
    both = MultiAdapterScanner([Adapter("hci0", fails_to_stop=True), Adapter("hci1", 10)])

    with pytest.raises(ScannerError, match="adapter hci1: gone"):
        in_virtual_time(run_for(both, NOBODY, 100))


def test_the_other_adapters_continue_if_configured(
    in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure of one dongle must not end the reception of the sensors that another dongle hears."""
    both = MultiAdapterScanner([Adapter("hci0"), Adapter("hci1", 4.5, 0.5)], goes_on=True)

    assert len(in_virtual_time(packets_heard(both, 9.5))) == 10 + 5

    assert {"hci0": True, "hci1": False} == dict(both.adapters)
    assert ["adapter hci1: gone; the other adapters continue"] == [record.getMessage() for record in caplog.records]


def test_a_failed_adapter_is_retried_and_recovers(
    in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture
) -> None:
    """Continuous listening has no next scan that retries the adapter; a log line for each retry would fill the log."""
    caplog.set_level(logging.INFO)
    second = Adapter("hci1", 10, 0, 0)
    both = MultiAdapterScanner([Adapter("hci0"), second], goes_on=True)

    in_virtual_time(run_for(both, NOBODY, 200))

    assert second.started_at == [0, 10 + 3 * RETRY_S]
    assert {"hci0": True, "hci1": True} == dict(both.adapters)
    assert [
        "adapter hci1: gone; the other adapters continue",
        "hci1 listens again",
    ] == [record.getMessage() for record in caplog.records]


def cancelled_after(adapter: Adapter, seconds: float) -> Adapter:
    """Let the first run of the adapter be cancelled after this time, as a bug might do; return the adapter."""
    runs = adapter.run

    async def run(listener: Listener, started: Callable[[], None]) -> None:
        task = asyncio.current_task()
        assert task
        if not adapter.started_at:
            asyncio.get_running_loop().call_later(seconds, task.cancel)
        await runs(listener, started)

    adapter.run = run  # type: ignore[method-assign] # a radio of this file
    return adapter


@pytest.mark.parametrize(("goes_on", "starts"), [(False, [0]), (True, [0, 5 + RETRY_S])])
def test_an_unrequested_cancellation_is_a_failure(
    in_virtual_time: InVirtualTime, goes_on: bool, starts: list[float]
) -> None:
    """If a cancellation passed for a normal end, one adapter would stop receiving, and nobody would notice."""
    broken = cancelled_after(Adapter("hci1"), 5)
    both = MultiAdapterScanner([Adapter("hci0"), broken], goes_on=goes_on)

    with (
        contextlib.nullcontext()
        if goes_on
        else pytest.raises(ScannerError, match=r"adapter hci1: .* cancelled unexpectedly")
    ):
        in_virtual_time(run_for(both, NOBODY, 100))

    assert broken.started_at == starts


def test_the_failure_of_the_last_adapter_ends_the_run(in_virtual_time: InVirtualTime) -> None:
    """Without any adapter, the process would continue and receive nothing."""
    both = MultiAdapterScanner([Adapter("hci0", 20), Adapter("hci1", 10, 0, 0, 0)], goes_on=True)

    with pytest.raises(ScannerError, match="adapter hci0: gone"):
        in_virtual_time(run_for(both, NOBODY, 100))

    assert {"hci0": False, "hci1": False} == dict(both.adapters)


def test_if_no_adapter_starts_the_run_fails(in_virtual_time: InVirtualTime) -> None:
    """At boot, before Bluetooth is up, every adapter may fail to start, and the program must be restarted."""
    both = MultiAdapterScanner([Adapter("hci0", 1, starts_in_s=5), Adapter("hci1", 2, starts_in_s=5)], goes_on=True)

    with pytest.raises(ScannerError, match="adapter hci1: gone"):
        in_virtual_time(run_for(both, NOBODY, 100))


def test_an_adapter_that_fails_to_start_does_not_delay_the_others(in_virtual_time: InVirtualTime) -> None:
    """If the others began to listen only after a broken dongle had failed, each scan would lose their first packets."""
    both = MultiAdapterScanner([Adapter("hci0"), Adapter("hci1", 2, starts_in_s=5)], goes_on=True)

    assert 7 == len(in_virtual_time(packets_heard(both, 4.5)))


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_failure_to_stop_is_reported(
    in_virtual_time: InVirtualTime, caplog: pytest.LogCaptureFixture, *, goes_on: bool
) -> None:
    """If bluetoothd ends during a scan, the stop may be the first call to notice it."""
    both = MultiAdapterScanner([Adapter("hci0"), Adapter("hci1", fails_to_stop=True)], goes_on=goes_on)

    if goes_on:
        in_virtual_time(run_for(both, NOBODY, 5))
        assert "adapter hci1: can't stop" in caplog.text
    else:
        with pytest.raises(ScannerError, match="adapter hci1: can't stop"):
            in_virtual_time(run_for(both, NOBODY, 5))


def test_all_adapters_are_stopped_when_the_run_is_cancelled(in_virtual_time: InVirtualTime) -> None:
    """SIGTERM during a scan must leave no radio scanning."""
    radios = [Adapter("hci0"), Adapter("hci1")]

    async def cancelled() -> None:
        async with Tasks() as tasks:
            await tasks.wait(tasks.start(run_for(MultiAdapterScanner(radios), NOBODY, 100)), timeout_s=5)

    in_virtual_time(cancelled())

    assert [False, False] == [radio.is_running for radio in radios]


def test_the_counts_of_every_adapter_are_exported(in_virtual_time: InVirtualTime) -> None:
    """The count of the first adapter must not hide those of the others."""
    radios = [Adapter("hci0"), Adapter("hci1")]
    both = MultiAdapterScanner(radios)
    counts = SelfMetrics(both.adapters, lost_events=both.lost_events, adapter_resets=both.adapter_resets)
    in_virtual_time(run_for(both, NOBODY, 1))
    for radio in radios:
        radio.lost_events[radio.name, "invalid"] += 2
        radio.adapter_resets[radio.name, "heard"] += 3

    samples = [sample for family in counts.collect() for sample in family.samples if "adapter" in sample.labels]

    by_label = {tuple(sample.labels.values()): sample.value for sample in samples if sample.value}
    assert {(name, *of) for name in ("hci0", "hci1") for of in ((), ("invalid",), ("heard",))} == set(by_label)
    assert (2, 3) == (by_label["hci1", "invalid"], by_label["hci1", "heard"])


def test_the_reset_of_any_adapter_counts() -> None:
    """Systemd's watchdog must not end the program during a reset, whichever adapter is being reset."""
    radios = [Adapter("hci0"), Adapter("hci1")]
    scanner = MultiAdapterScanner(radios)
    before = scanner.is_resetting
    radios[1].is_resetting = True

    assert (False, True) == (before, scanner.is_resetting)


def test_the_run_ends_when_every_radio_has_ended(in_virtual_time: InVirtualTime) -> None:
    """A radio that can hear nothing more ends without an error; when all radios have ended, waiting has no purpose."""
    sent = [("A4:C1:38:00:00:01", b"\x40")]
    heard: list[Advertisement] = []

    assert not in_virtual_time(
        run_for(MultiAdapterScanner([MockScanner(sent), MockScanner(sent)]), Everything(heard.append), 60)
    )
    assert 2 == len(heard)


def test_all_adapters_catch_up() -> None:
    """A scrape must show the packets of every adapter."""
    adapters = [Adapter("hci0"), Adapter("hci1")]

    MultiAdapterScanner(adapters).catch_up()

    assert [1, 1] == [one.caught_up for one in adapters]
