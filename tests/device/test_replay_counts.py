"""Recordings from the time of an earlier battery are genuine, and their counters increase, too, but must be refused."""

import pytest

from ble_exporter.device.replay import LOW, TRUST_S
from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Counter
from tests.sensors_on_air import ADVERTISED_EVERY_S, Air, Packet, sensor


@pytest.fixture
def air() -> Air:
    """An empty replay guard and its clock."""
    return Air()


def test_a_restart_that_was_none_ends_when_the_sensor_is_heard_again(air: Air) -> None:
    """An attacker who jams a sensor and plays an old recording must not lock out the sensor permanently."""
    air.send_all(sensor(range(500_000, 500_002)))
    air.now += 3600
    assert any(air.send_all(sensor(range(10), battery=0)))

    assert all(air.send_all(sensor(range(500_360, 500_370))))


def test_two_restarts_that_were_none_end_as_one_does(air: Air) -> None:
    """The sensor continues the count from before both false restarts, and must not stay locked out."""
    air.send_all(sensor(range(500_000, 500_002)))
    for battery in (3, 2):
        air.now += 3600
        assert any(air.send_all(sensor(range(10 * battery), battery)))

    assert all(air.send_all(sensor(range(500_720, 500_730))))


def test_a_recording_of_an_earlier_battery_is_no_news_though_nobody_here_saw_the_change(air: Air) -> None:
    """The exporter may have started after the battery change; an old count, far ahead, must not lock the sensor out."""
    air.send_all(sensor(range(5000, 5100)))

    with pytest.raises(DecodeError, match="further ahead of 5099 than the sensor can have counted"):
        air.guard.admit({"fcd2": Counter(500_000, 32)}, [b"old"], "hci0")
    air.now += ADVERTISED_EVERY_S
    assert all(air.send_all(sensor(range(5100, 5110))))


def test_a_recording_that_came_before_the_sensor_does_not_lock_it_out() -> None:
    """The sensor must be accepted right after the recording, and also after ten minutes of silence."""
    for patience_s in (0.0, TRUST_S):
        air = Air()
        air.send(Packet(5000, b"old"))
        air.now += patience_s

        assert air.send(Packet(500_000, b"alive"))


def test_the_last_packet_of_an_earlier_battery_does_not_lock_a_sensor_out_for_good(air: Air) -> None:
    """The old battery's last packet, which the exporter missed, continues the old count; the new one must resume."""
    air.send_all(sensor(range(500_000, 500_002)))
    air.now += 60
    air.send_all(sensor(range(2000), battery=2))
    assert air.send(Packet(500_002, b"the last one"))
    air.now += ADVERTISED_EVERY_S

    assert [True] * 20 == air.send_all(sensor(range(2000, 2010), battery=2))[20:]


def test_a_recording_in_the_first_minutes_does_not_lock_a_sensor_out_for_good(air: Air) -> None:
    """In the first minutes, the replay guard can't know which of two counts is the sensor's, and accepts both."""
    air.send_all(sensor(range(5000, 5010)))
    assert air.send(Packet(500_000, b"in the first minutes"))
    air.now += ADVERTISED_EVERY_S

    assert [True] * 20 == air.send_all(sensor(range(5010, 5020)))[20:]


def test_a_recording_of_the_last_battery_can_t_lead_the_new_count_astray(air: Air) -> None:
    """The recorded counters are far ahead: if one were accepted, the sensor would be locked out."""
    air.send_all(sensor(range(LOW * 5, LOW * 5 + 50)))
    recorded = list(air.accepted)
    air.now += 60
    air.send_all(sensor(range(30), battery=2))

    assert not any(air.send(packet) for packet in recorded)
    assert all(air.send_all(sensor(range(30, 60), battery=2)))
