"""New packet or replay: the rule of docs/security.md from the viewpoints of owner, attacker and sensor."""

import random

import pytest

from ble_exporter.device.replay import HOLD_S, LOW, QUIET_S, SPAN_S, STEPS, TRUST_S, DigestingCipher
from ble_exporter.errors import DecodeError
from ble_exporter.formats.decoded import Counter
from tests.sensors_on_air import Air, Packet, sensor


@pytest.fixture
def air() -> Air:
    """An empty replay guard and its clock."""
    return Air()


def test_all_that_a_living_sensor_sends_is_accepted(air: Air) -> None:
    """The firmware sends A B A B under one counter, with identical packets among them: none may be refused."""
    assert all(air.send_all(sensor(range(7, 200))))


def test_a_gap_of_any_length_is_none_of_its_business(air: Air) -> None:
    """A sensor that was out of range for a week must be accepted as soon as it is heard again."""
    air.send_all(sensor(range(7, 9)))
    air.now += 7 * 86400

    assert all(air.send_all(sensor(range(60_000, 60_010))))


def test_a_packet_that_was_passed_is_refused(air: Air) -> None:
    """Replaying an old packet is the simplest attack, and must not succeed."""
    air.send_all(sensor(range(5000, 5010)))

    with pytest.raises(DecodeError, match="counter 5000 is behind the latest, 5009") as caught:
        air.guard.admit({"fcd2": Counter(5000, 32)}, [air.accepted[0].digest], "hci0")
    assert "replayed" == caught.value.reason


def test_one_counter_is_accepted_for_the_longest_interval_of_the_firmware_and_not_for_ever(air: Air) -> None:
    """A slow sensor repeats a counter for minutes, but a replayed counter must not make a dead sensor look alive."""
    air.send(Packet(5, b"a"))
    results = []
    for after_s in (250.0, HOLD_S - 1, HOLD_S, 10 * HOLD_S):
        air.now = after_s
        results.append(air.send(Packet(5, b"a")))

    assert [True, True, False, False] == results


@pytest.mark.parametrize("seed", range(40))
def test_a_new_battery_is_believed_within_a_minute_though_60_percent_are_lost(air: Air, seed: int) -> None:
    """A user who changes a battery expects readings within a minute, even at the edge of the range."""
    lost = random.Random(seed)
    air.send_all(sensor(range(100_000, 100_200), lost=lost))
    air.now += 20

    began = air.now
    for after_s, packet in sensor(range(60), battery=2, lost=lost):
        air.now = began + after_s
        if air.send(packet):
            break

    assert after_s <= 60
    assert all(air.send_all(sensor(range(60, 2000, 30), battery=2, lost=lost)))


def test_a_new_battery_after_days_out_of_reach_of_the_low_counters_needs_a_restart(air: Air) -> None:
    """The rule has a limit: if the count after a battery change is no longer low, it looks like a recording."""
    air.send_all(sensor(range(100_000, 100_002)))
    air.now += 86400

    assert not any(air.send_all(sensor(range(LOW, LOW + 50), battery=2)))


def test_a_burst_is_no_sensor(air: Air) -> None:
    """Three new packets in a burst do not prove a restart: a sensor needs seconds between them."""
    air.send_all(sensor(range(100_000, 100_002)))
    air.now += 3600

    assert not any(air.send_all((0.5 * value, Packet(value, b"%d" % value)) for value in range(int(2 * SPAN_S) - 1)))


def test_while_a_sensor_lives_no_restart_is_believed(air: Air) -> None:
    """Even low counters may come from a recording that was made before this program started."""
    results = []
    for step in range(100):
        air.now += QUIET_S - 1
        assert air.send(Packet(100_000 + step, b"alive %d" % step))
        results.append(air.send(Packet(step, b"old %d" % step)))

    assert not any(results)


def test_in_a_pause_between_scans_no_sensor_is_silent() -> None:
    """During a pause the sensor sends unheard; the exporter must not take this for silence and accept a recording."""
    results = []
    for scan_interval_s in (0.0, 300.0):
        air = Air(scan_interval_s)
        air.send(Packet(100_000, b"alive"))
        air.now = 300.0
        results.append(air.send_all((10.0 * step, Packet(step, b"%d" % step)) for step in range(STEPS)))

    assert [[False, False, True], [False, False, False]] == results


def test_a_slow_sensor_lives_too(air: Air) -> None:
    """A slow sensor repeats one counter for minutes; this is no silence, and no recording may be accepted meanwhile."""
    results = []
    for attempt in range(10):
        air.send(Packet(100_000, b"alive"))
        for step in range(STEPS):
            air.now += SPAN_S / 2
            results.append(air.send(Packet(step, b"old %d %d" % (attempt, step))))

    assert not any(results)


def test_the_silence_is_that_of_the_old_count(air: Air) -> None:
    """After a quick battery change, packets may arrive before the required silence is over, and must wait."""
    air.send(Packet(100_000, b"last"))
    results = air.send_all((at, Packet(value, b"%d" % value)) for value, at in ((0, 5.0), (1, 17.0), (5, 29.0)))
    assert not any(results)

    air.now = QUIET_S
    assert not air.send(Packet(3, b"of an earlier counter"))
    assert air.send(Packet(5, b"5"))


def test_what_is_sent_again_does_not_begin_the_trial_again(air: Air) -> None:
    """If a repeat began the trial again, an attacker could keep a restarted sensor locked out with a single packet."""
    air.send(Packet(100_000, b"last"))
    air.now += 60

    packets = [Packet(value, b"%d" % value) for value in (0, 10, 0, 20)]
    assert [False, False, False, True] == air.send_all((10.0 * index, packet) for index, packet in enumerate(packets))


def test_what_is_remembered_has_a_limit(air: Air) -> None:
    """A sensor that restarts again and again must not fill the memory; the oldest packets are forgotten first."""
    for battery in range(4):
        air.send_all(sensor(range(LOW + 4), battery))
        air.now += 60

    refusals = []
    for battery in (0, 2):
        with pytest.raises(DecodeError) as caught:
            air.guard.admit({"fcd2": Counter(0, 32)}, [b"%d 0 0" % battery], "hci0")
        refusals.append("already heard" in str(caught.value))
    assert [False, True] == refusals


def test_a_known_packet_ends_the_trial(air: Air) -> None:
    """A recording must be refused even if it contains packets that the exporter missed."""
    air.send_all(sensor(range(3)))
    air.send_all(sensor(range(100_000, 100_002)))
    air.now += 3600
    results = []
    for value in range(60):
        # The exporter heard one of three counters; the recorder, nearer to the sensor, heard all of them.
        packet = air.accepted[0] if value % 3 == 0 else Packet(value, b"missed %d" % value)
        results.append(air.send(packet))
        air.now += 10

    assert not any(results)


def test_what_was_once_on_trial_in_vain_is_known(air: Air) -> None:
    """If packets of a failed trial were forgotten, an attacker who replays them often enough would succeed."""
    old = [Packet(value, b"old %d" % value) for value in range(STEPS - 1)]
    air.send_all(sensor(range(100_000, 100_002)))
    air.send_all((10.0 * packet.value, packet) for packet in old)
    air.send(Packet(100_010, b"alive"))
    air.now += 3600
    rest = [Packet(value, b"older %d" % value) for value in range(STEPS - 1, STEPS)]

    assert not any(air.send_all((10.0 * index, packet) for index, packet in enumerate([*old, *rest])))


def test_a_second_restart_is_believed_like_the_first(air: Air) -> None:
    """With a loose battery, the sensor may restart again while its first restart is on trial."""
    air.send_all(sensor(range(100_000, 100_002)))
    air.now += 60
    air.send_all(sensor(range(20, 22), battery=2))
    air.now += 10

    assert any(air.send_all(sensor(range(4), battery=3)))


def test_of_two_adapters_one_may_be_late(air: Air) -> None:
    """The kernel holds packets back: hci1's copy has a counter that was overtaken 4 s earlier, and is no attack."""
    air.send_all(sensor(range(100, 101)))
    air.send(Packet(101, b"1 101 0"))
    air.now += 4

    assert air.send(Packet(100, b"1 100 1"), adapter="hci1")
    assert not air.send(Packet(100, b"1 100 1"), adapter="hci0")
    air.now += 60
    assert not air.send(Packet(100, b"1 100 1"), adapter="hci1")


def test_late_is_what_was_passed_a_moment_ago_and_not_what_is_a_few_counters_old(air: Air) -> None:
    """A replay must not pass as a late copy because its counter is near: 101 was overtaken 10 s earlier."""
    for value in (100, 101, 102):
        air.send(Packet(value, b"%d" % value))
        air.now += 10
    air.send(Packet(103, b"103"))

    assert not air.send(Packet(100, b"100"), adapter="hci1")
    assert not air.send(Packet(101, b"101"), adapter="hci1")
    assert air.send(Packet(102, b"102"), adapter="hci1")


def test_a_narrow_counter_may_come_round(air: Air) -> None:
    """Older formats have 8-bit counters, which wrap often, and no packet may be lost when they do."""
    packets = [Packet(value % 256, b"%d" % (value % 256), bits=8) for value in range(250, 600)]

    assert all(air.send_all((10.0 * index, packet) for index, packet in enumerate(packets)))
    assert not air.send(packets[-2])


def test_a_narrow_counter_restarts_as_well(air: Air) -> None:
    """A sensor with an 8-bit counter may restart, too, and its lower values must not be refused for ever."""
    air.send(Packet(100, b"x", bits=8))
    air.now += 60

    results = air.send_all((10.0 * value, Packet(value, b"%d" % value, bits=8)) for value in range(5))
    assert [False, False, True, True, True] == results


def test_another_format_is_news_at_first_and_after_a_long_silence(air: Air) -> None:
    """A recording from before a change of format must not replace the values of a sensor that still sends."""
    other = Packet(3, b"x", bits=8, uuid="181a")
    air.send(Packet(100, b"a"))
    air.now = TRUST_S - 1
    air.send(Packet(200, b"b"))
    air.now = TRUST_S
    assert not air.send(other)

    air.now += TRUST_S
    assert air.send(other)


def test_a_format_that_a_sensor_no_longer_speaks_is_another_one_again(air: Air) -> None:
    """After a sensor has changed from pvvx to BTHome, recordings of its 8-bit counters must not replace its values."""
    air.send(Packet(3, b"x", bits=8, uuid="181a"))
    assert all(air.send_all(sensor(range(5000, 5100))))

    with pytest.raises(DecodeError, match="another format"):
        air.guard.admit({"181a": Counter(4, 8)}, [b"y"], "hci0")
    air.now += TRUST_S
    assert air.send(Packet(4, b"y", bits=8, uuid="181a"))


def test_two_formats_that_are_heard_from_the_start_each_have_their_count(air: Air) -> None:
    """A device that sends two formats must not lose packets of either."""
    for step in range(5):
        air.now = step * (TRUST_S - 1)
        assert air.send(Packet(100_000 + step, b"a%d" % step))
        assert air.send(Packet(3 + step, b"b%d" % step, bits=8, uuid="181a"))


def test_of_one_advertisement_all_is_taken_or_nothing(air: Air) -> None:
    """A replay must not be accepted beside a new payload; the sensor repeats the new one anyway."""
    air.send(Packet(100, b"a"))
    air.send(Packet(7, b"b", uuid="181e"))

    with pytest.raises(DecodeError, match="counter 6 is behind the latest"):
        air.guard.admit({"fcd2": Counter(101, 32), "181e": Counter(6, 32)}, [b"c", b"d"], "hci0")
    assert air.send(Packet(100, b"a"))


def test_a_digest_is_of_what_the_mic_covers() -> None:
    """If the digest covered bytes that the MIC does not, changing these would make a recording look new."""

    class Reverse:
        def decrypt(self, nonce: bytes, sealed: bytes, associated_data: bytes | None) -> bytes:
            if nonce != b"n" or associated_data is not None:
                raise DecodeError("wrong_key", "the MIC is wrong")
            return sealed[::-1]

    cipher = DigestingCipher(Reverse())

    assert b"cba" == cipher.decrypt(b"n", b"abc", None)
    assert b"dba" == cipher.decrypt(b"n", b"abd", None)
    with pytest.raises(DecodeError, match="MIC"):
        cipher.decrypt(b"n", b"abc", b"")
    assert len(set(cipher.digests)) == len(cipher.digests) == 2
