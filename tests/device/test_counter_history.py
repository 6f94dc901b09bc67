"""Counters of less common firmware: slow, fast, with fewer bits, or seldom heard."""

import pytest

from ble_exporter.device.counter_history import MOST_SPENT, QUIET_S, STEPS, TRUST_S
from ble_exporter.device.pace import HOLD_S, LEAST_HOLD_S, MOST_HOLD_S
from ble_exporter.device.sequence import LOW
from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Counter
from tests.sensors_on_air import Air, Packet, sensor


@pytest.fixture
def air() -> Air:
    """An empty replay guard and its clock."""
    return Air()


def send_steadily(air: Air, counters: list[int], step_s: float, every_s: float = 5.0) -> list[bool]:
    """Send each counter for `step_s`, in a packet every `every_s`; return which packets were accepted."""
    packets = [
        (index * step_s + part * every_s, Packet(value, b"%d %d" % (value, part % 2)))
        for index, value in enumerate(counters)
        for part in range(int(step_s / every_s))
    ]
    return air.send_all(iter(packets))


def refusal_of(air: Air, packet: Packet) -> str:
    """Return the text of the refusal of a packet."""
    with pytest.raises(DecodeError) as caught:
        air.guard.admit({packet.uuid: Counter(packet.value, packet.bits)}, [packet.digest], "hci0")
    return str(caught.value)


@pytest.mark.parametrize("step_s", [250, 300, 600, 1275])
def test_a_slow_sensor_is_accepted_all_the_time(air: Air, step_s: float) -> None:
    """PHY62x2 firmware may count only every 1,275 s; with a fixed limit of 300 s, most packets would be refused."""
    assert all(send_steadily(air, list(range(5000, 5010)), step_s))


def test_a_sensor_slower_than_any_known_is_learned_from_its_first_counter(air: Air) -> None:
    """No list of firmware is complete; a slow sensor that is not on it may lose packets only at its first counter."""
    results = send_steadily(air, list(range(5000, 5005)), 2400)

    assert [HOLD_S / 5, 0] == [results[:480].index(False), results[480:].count(False)]


def test_a_fast_sensor_that_is_set_to_be_slow_is_refused_only_once(air: Air) -> None:
    """After the owner changes the interval from 10 s to 1,275 s, packets may be lost only during one counter."""
    send_steadily(air, list(range(5000, 5010)), 10)
    results = send_steadily(air, [5010, 5011, 5012, 5013], 1275)

    assert [LEAST_HOLD_S / 5, 0] == [results[:255].index(False), results[255:].count(False)]


def test_a_sensor_that_hangs_is_not_taken_for_an_attacker(air: Air) -> None:
    """The log must name a cause that the owner can check, and must not report a silence that did not happen."""
    send_steadily(air, list(range(5000, 5010)), 10)
    air.now += 1200 - 10

    text = "counter 5009 was first heard 20 min ago: if the sensor hangs, or measures less often than before"
    assert text in refusal_of(air, Packet(5009, b"5009 0"))


def test_a_slow_counter_after_a_silence_is_a_replay(air: Air) -> None:
    """A button may count once a day: its last press, replayed ten minutes later, must not count as another press."""
    for day in range(3):
        air.now = day * 86400.0
        assert air.send(Packet(7000 + day, b"press %d" % day))
    air.now += 10
    assert air.send(Packet(7002, b"press 2"))
    air.now += TRUST_S

    assert "and again after a silence of 10 min" in refusal_of(air, Packet(7002, b"press 2"))


def test_a_slow_sensor_at_the_edge_of_the_range_is_accepted(air: Air) -> None:
    """If 97 of 100 packets are lost, minutes pass between two packets of one counter."""
    assert all(send_steadily(air, list(range(5000, 5010)), 1275, every_s=175))


def test_no_counter_is_held_for_ever(air: Air) -> None:
    """Replaying the last packet of a slow sensor that has died must not make the sensor look alive for days."""
    send_steadily(air, list(range(5000, 5004)), 6000, every_s=100)
    results = send_steadily(air, [5004], 86400, every_s=100)

    assert MOST_HOLD_S / 100 == results.index(False)
    assert not any(results[72:])


@pytest.mark.parametrize("size", [1 << 16, 1 << 24])
@pytest.mark.parametrize("step_s", [10, 1275])
def test_a_counter_that_wraps_within_its_packet_continues(air: Air, size: int, step_s: float) -> None:
    """PHY62x2 firmware counts with 16 of the 32 bits: a 0 after 65,535 is not a restart, and must be accepted."""
    counters = [value % size for value in range(size - 5, size + 5)]

    assert all(send_steadily(air, counters, step_s))


def test_a_wrapped_count_does_not_let_recordings_in(air: Air) -> None:
    """After a wrap, recordings of the previous round have the counters that come next, and must still be refused."""
    send_steadily(air, list(range(50)), 10)
    recorded = list(air.accepted)
    air.now += 7 * 86400
    send_steadily(air, list(range(65_526, 65_536)), 10)
    assert not air.send(recorded[3])
    assert air.send(Packet(0, b"0 of this round"))

    assert not any(air.send(packet) for packet in recorded)
    assert all(air.send(Packet(value, b"%d of this round" % value)) for value in range(1, 10))


def test_a_late_copy_from_before_the_wrap_is_late(air: Air) -> None:
    """The kernel may hold one adapter's copy of a packet back while the counter wraps; this copy is not an attack."""
    for value in (65_534, 65_535, 0):
        air.send(Packet(value, b"%d" % value))
        air.now += 1

    assert air.send(Packet(65_535, b"65535"), adapter="hci1")
    assert not air.send(Packet(65_535, b"65535"), adapter="hci0")


def test_a_count_that_is_not_near_its_end_does_not_wrap(air: Air) -> None:
    """A recording of an earlier battery's first packets must not look like a wrap."""
    air.send_all(sensor(range(60_000, 60_010)))

    assert "1 of the 3 counters that a restart needs" in refusal_of(air, Packet(3, b"old"))


def test_a_sensor_that_counts_milliseconds_is_accepted(air: Air) -> None:
    """Some firmware counts milliseconds, far above the 16 counts a second that are allowed at first."""
    packets = [(2.5 * index, Packet(5000 + 2500 * index, b"%d" % index)) for index in range(1000)]

    assert all(air.send_all(iter(packets)))


def test_a_sensor_that_is_seldom_heard_is_not_silent_after_half_a_minute(air: Air) -> None:
    """A sensor that sends every 2 minutes is not silent between two packets: nobody may fake its restart meanwhile."""
    for index in range(3):
        air.now = 120.0 * index
        assert air.send(Packet(100_000 + index, b"alive %d" % index))
    results = []
    for step in range(STEPS + 1):
        air.now += 29
        results.append(air.send(Packet(step, b"old %d" % step)))

    assert not any(results)


def test_a_sensor_that_is_seldom_heard_may_restart_after_ten_minutes(air: Air) -> None:
    """A door sensor that sends twice a day must not be refused for days after a battery change."""
    for day in range(4):
        air.now = day * 43200.0
        air.send(Packet(700 + LOW + day, b"%d" % day))
    air.now += TRUST_S

    assert [False, False, True] == air.send_all((10.0 * step, Packet(step, b"new %d" % step)) for step in range(3))


def test_two_recordings_in_the_first_minutes_do_not_lock_a_sensor_out(air: Air) -> None:
    """Two recorded packets may be far ahead; the sensor, which continues its own count, must be accepted again."""
    air.send_all(sensor(range(5000, 5010)))
    for value in (500_000, 900_000):
        assert air.send(Packet(value, b"%d" % value))
    air.now += 10

    assert any(air.send_all(sensor(range(5010, 5020)))[:20])


def test_each_refusal_has_its_cause(air: Air) -> None:
    """The log warns of each cause only once, so a replay must not have the cause of a battery change."""
    air.send_all(sensor(range(100_000, 100_100)))
    air.now += QUIET_S
    texts = [refusal_of(air, Packet(value, b"x%d" % value)) for value in (3, LOW, 9_000_000)]
    assert ["within about a minute", "restarted long ago", "accepted after 10 min"] == [
        next(
            words for words in ("within about a minute", "restarted long ago", "accepted after 10 min") if words in text
        )
        for text in texts
    ]


def test_a_recording_that_the_sensor_can_t_have_reached_is_refused(air: Air) -> None:
    """An attacker may jam the sensor and replay counters above 1000, which no restarted sensor reaches in minutes."""
    air.send_all(sensor(range(50_000, 50_050)))

    assert not any(air.send_all((10.0 * index, Packet(1000 + index, b"%d" % index)) for index in range(1, 200)))
    assert all(air.send_all(sensor(range(50_260, 50_270))))


def test_a_restarted_sensor_that_counts_faster_than_before_is_accepted_after_ten_minutes(air: Air) -> None:
    """A sensor may be set to another interval, and restart, while it is out of range; it must not be locked out."""
    air.send_all(sensor(range(50_000, 50_050)))
    air.now += 500
    packets = [(1.0 * index, Packet(400 + index, b"fast %d" % index)) for index in range(200)]
    results = air.send_all(iter(packets))

    assert ([False, False], [True, True]) == (results[:2], results[-2:])


def test_the_memory_of_a_trial_is_bounded(air: Air) -> None:
    """Anybody who has a recording can start a trial, which must not fill the memory."""
    air.send_all(sensor(range(100_000, 100_002)))
    for index in range(2 * MOST_SPENT):
        air.send(Packet(3, b"x%d" % index))

    ((_, history),) = air.guard._histories.items()
    assert history.trial is not None
    assert MOST_SPENT == len(history.trial.digests)
