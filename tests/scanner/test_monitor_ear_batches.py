"""The monitor ear reads in batches: how long they last, what ends them early, and what shares a batch."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ble_exporter.errors import ScannerError
from ble_exporter.model import Advertisement
from ble_exporter.scanner.build import RadioSettings, build_radio
from ble_exporter.scanner.monitor_ear import BATCH_S, LONG_BATCH_S
from ble_exporter.scanner.monitor_socket import MOST_FRAMES
from ble_exporter.scanner.radio import Everything
from ble_exporter.scanner.session import listening
from ble_exporter.scanner.stack_watch import IDLE_S
from tests.conftest import PACKET_A
from tests.radios import InVirtualTime
from tests.scanner.monitor_frames import SENDER, Channel, Only, frame, legacy_report, radio, service_data
from tests.scanner.scripted_bluez import ScriptedBluez, scripted_bluez


def test_what_waits_at_the_end_of_the_scan_is_delivered(
    bus: Path, in_virtual_time: InVirtualTime, channel: Channel
) -> None:
    """Packets are read in batches, and a scan of 5 s must not lose its last batch."""
    heard: list[Advertisement] = []

    async def scan() -> None:
        async with scripted_bluez(bus), listening(radio(channel), Everything(heard.append)) as wait:
            await wait(0.1)
            channel.receive(*[frame(legacy_report(service_data(PACKET_A)))] * (MOST_FRAMES + 1))

    in_virtual_time(scan())

    assert MOST_FRAMES + 1 == len(heard)


def test_packets_of_the_current_batch_count_when_the_scan_ends_again(
    bus: Path, in_virtual_time: InVirtualTime, channel: Channel
) -> None:
    """A program that ends the scan twice within a batch must not end the exporter if sensors are heard meanwhile."""
    heard: list[Advertisement] = []

    async def scan() -> ScriptedBluez:
        async with scripted_bluez(bus) as bluez, listening(radio(channel), Everything(heard.append)) as wait:
            await wait(0.3 * BATCH_S)
            bluez.end_discovery()
            await wait(IDLE_S + 0.1 * BATCH_S)
            bluez.end_discovery()
            # The packet arrives shortly before the radio notices the end, and after the last batch before that.
            await wait(IDLE_S - 0.1 * BATCH_S)
            channel.receive(frame(legacy_report(service_data(PACKET_A))))
            await wait(0.3 * BATCH_S)
            return bluez

    bluez = in_virtual_time(scan())

    assert 3 == [member for member, _path in bluez.calls].count("StartDiscovery")


@pytest.mark.parametrize("size", [MOST_FRAMES, 2 * MOST_FRAMES + 1])
def test_a_batch_of_any_size_is_delivered_at_once(hear: Callable[..., ScriptedBluez], size: int) -> None:
    """One read returns a limited number of frames; a pause before the next could let the kernel's buffer overflow."""
    listener = Only(SENDER)
    stranger = frame(legacy_report(b"", sender="C0:00:00:00:00:01"))
    hear(listener, [stranger] * size)

    assert size == listener.others


def test_a_large_batch_makes_the_next_one_shorter(bus: Path, in_virtual_time: InVirtualTime, channel: Channel) -> None:
    """With 2,000 reports a second, the kernel's buffer would overflow before the end of a batch of one second."""
    listener = Only(SENDER)
    strangers = [frame(legacy_report(b"", sender="C0:00:00:00:00:01"))] * (2 * MOST_FRAMES)

    async def scan() -> None:
        async with scripted_bluez(bus), listening(radio(channel), listener) as wait:
            await wait(3 * BATCH_S)  # without packets, the batches become as long as possible
            channel.receive(*strangers)
            await wait(BATCH_S)
            channel.receive(frame(legacy_report(service_data(PACKET_A))))
            await wait(0.55 * BATCH_S)
            assert 1 == len(listener.heard)

    in_virtual_time(scan())

    assert 2 * MOST_FRAMES == listener.others


def test_the_first_batch_is_short(bus: Path, in_virtual_time: InVirtualTime, channel: Channel) -> None:
    """With many devices in range, the kernel's buffer would overflow if the first batch were as long as the longest."""
    heard: list[Advertisement] = []

    async def scan() -> None:
        async with scripted_bluez(bus), listening(radio(channel), Everything(heard.append)) as wait:
            channel.receive(frame(legacy_report(service_data(PACKET_A))))
            await wait(0.3 * BATCH_S)
            assert 1 == len(heard)

    in_virtual_time(scan())


@pytest.mark.parametrize(
    ("batches", "frames", "next_ends_s"), [(1, 127, 0.5), (1, 128, 0.375), (2, 64, 0.75), (2, 63, 1.0)]
)
def test_the_size_of_a_batch_decides_the_next_pause(
    bus: Path, in_virtual_time: InVirtualTime, channel: Channel, *, batches: int, frames: int, next_ends_s: float
) -> None:
    """With longer batches, the kernel's buffer could overflow; shorter ones would wake the process for nothing."""
    heard: list[Advertisement] = []
    stranger = frame(legacy_report(b"\x02\x01\x06", sender="C0:00:00:00:00:01"))

    async def scan() -> None:
        async with scripted_bluez(bus), listening(radio(channel), Everything(heard.append)) as wait:
            await wait(0.01)
            for _batch in range(batches):
                channel.receive(*[stranger] * frames)
                await wait(0.25)
            channel.receive(frame(legacy_report(service_data(PACKET_A))))
            await wait(next_ends_s - 0.25 * batches - 0.05)
            assert batches * frames == len(heard)
            await wait(0.1)
            assert batches * frames + 1 == len(heard)

    in_virtual_time(scan())


def test_the_packets_of_one_read_are_a_batch(hear: Callable[..., ScriptedBluez]) -> None:
    """The listener reads the clock once for each batch; if two reads shared one, packets would seem to be older."""
    heard: list[Advertisement] = []
    packet = frame(legacy_report(service_data(PACKET_A)))
    hear(Everything(heard.append), [packet, packet], [packet])

    first, second, third = (one.batch for one in heard)
    assert first is second is not third
    assert None not in (first, third)


def test_no_packet_wakes_the_process_after_the_scan(
    bus: Path, in_virtual_time: InVirtualTime, channel: Channel
) -> None:
    """The channel stays open between two scans, and in a pause, nothing would read what wakes the process."""

    async def scan() -> None:
        async with scripted_bluez(bus):
            async with listening(radio(channel), Everything(lambda _one: None)) as wait:
                await wait(3.1 * BATCH_S)
            assert not channel.wakes_the_process()

    in_virtual_time(scan())


def test_a_burst_ends_a_long_batch(bus: Path, in_virtual_time: InVirtualTime, channel: Channel) -> None:
    """If a thousand packets a second begin in a quiet place, the kernel's buffer is full after about half a second."""
    listener = Only(SENDER)
    strangers = [frame(legacy_report(b"", sender="C0:00:00:00:00:01"))] * MOST_FRAMES

    async def scan() -> None:
        async with scripted_bluez(bus), listening(radio(channel), listener) as wait:
            await wait(3.1 * BATCH_S)
            channel.receive(*strangers)
            channel.set_off_alarm()
            await wait(0.1 * BATCH_S)
            assert MOST_FRAMES == listener.others
            # The burst goes on, so the next batch is short.
            channel.receive(*strangers)
            await wait(0.3 * BATCH_S)
            assert 2 * MOST_FRAMES == listener.others

    in_virtual_time(scan())


@pytest.mark.parametrize(("adapters", "in_time"), [(["hci0"], 0), (["hci0", "hci0"], 1)])
def test_with_several_adapters_batches_stay_short(
    bus: Path, in_virtual_time: InVirtualTime, adapters: list[str], in_time: int
) -> None:
    """With long batches, a second adapter's copy of a button press would come after newer presses, and count again."""
    channels, heard = [Channel(), Channel()], list[Advertisement]()
    unused = iter(channels)

    async def scan() -> None:
        settings = RadioSettings(adapters, ear="monitor")
        both = build_radio(settings, open_socket=lambda number: next(unused).open(number))
        async with scripted_bluez(bus), listening(both, Everything(heard.append)) as wait:
            await wait(3.1 * BATCH_S)
            channels[0].receive(frame(legacy_report(service_data(PACKET_A))))
            await wait(0.3 * BATCH_S)
            assert in_time == len(heard)

    in_virtual_time(scan())

    for one in channels:
        one.close()


@pytest.mark.parametrize("catches_up", [True, False])
def test_a_long_batch_ends_when_the_readings_are_used(
    bus: Path, in_virtual_time: InVirtualTime, channel: Channel, *, catches_up: bool
) -> None:
    """A service that is scraped every 15 s need not wake each second, but a scrape must show the latest packet."""
    heard = list[Advertisement]()
    settings = RadioSettings(ear="monitor", catches_up=catches_up)

    async def scan() -> None:
        one = build_radio(settings, open_socket=channel.open)
        async with scripted_bluez(bus), listening(one, Everything(heard.append)) as wait:
            for _packet in range(25):
                channel.receive(frame(legacy_report(service_data(PACKET_A))))
                await wait(LONG_BATCH_S / 10)
            await wait(1.1 * BATCH_S)
            assert catches_up == (len(heard) < 25)
            one.catch_up()
            assert 25 == len(heard)

    in_virtual_time(scan())


def test_catching_up_does_not_lengthen_batches(bus: Path, in_virtual_time: InVirtualTime, channel: Channel) -> None:
    """If the rate seemed low after each scrape, the kernel's buffer would be full before the end of the next batch."""
    listener, busy = Only(SENDER), radio(channel)
    strangers = [frame(legacy_report(b"", sender="C0:00:00:00:00:01"))] * (MOST_FRAMES + 1)

    async def scan() -> None:
        async with scripted_bluez(bus), listening(busy, listener) as wait:
            for _batch in range(21):
                channel.receive(*strangers)
                busy.catch_up()
                await wait(0.1 * BATCH_S)
            channel.receive(frame(legacy_report(service_data(PACKET_A))))
            await wait(0.3 * BATCH_S)
            assert 1 == len(listener.heard)

    in_virtual_time(scan())


def test_catching_up_reads_more_than_once(bus: Path, in_virtual_time: InVirtualTime, channel: Channel) -> None:
    """One read returns a limited number of frames; a scrape must show the packets that follow them, too."""
    busy, listener = radio(channel), Only(SENDER)

    async def scan() -> None:
        async with scripted_bluez(bus), listening(busy, listener):
            channel.receive(*[frame(legacy_report(b"", sender="C0:00:00:00:00:01"))] * (2 * MOST_FRAMES + 1))
            busy.catch_up()
            assert 2 * MOST_FRAMES + 1 == listener.others

    in_virtual_time(scan())


def test_catching_up_does_not_report_a_broken_channel(
    bus: Path, in_virtual_time: InVirtualTime, channel: Channel
) -> None:
    """A scrape must not fail; the run itself fails, and says why."""

    async def scan() -> None:
        deaf = radio(channel)
        async with scripted_bluez(bus), listening(deaf, Everything(lambda _one: None)) as wait:
            channel.fail()
            deaf.catch_up()
            await wait(1)

    with pytest.raises(ScannerError, match="the kernel's monitor channel can't be read"):
        in_virtual_time(scan())


def test_an_alarm_without_a_burst_does_not_shorten_batches(
    bus: Path, in_virtual_time: InVirtualTime, channel: Channel
) -> None:
    """Single packets set the alarm off by chance; short batches would then cost the CPU time that long ones save."""
    listener = Only(SENDER)

    async def scan() -> None:
        async with scripted_bluez(bus), listening(radio(channel), listener) as wait:
            await wait(3.1 * BATCH_S)
            channel.set_off_alarm()
            await wait(0.1 * BATCH_S)
            channel.receive(frame(legacy_report(b"", sender="C0:00:00:00:00:01")))
            await wait(0.7 * BATCH_S)
            assert 0 == listener.others

    in_virtual_time(scan())
