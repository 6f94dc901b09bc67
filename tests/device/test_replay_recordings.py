"""Recordings are refused in any order and at any time; docs/security.md lists the conditions."""

import random

from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.replay import HOLD_S, LOW, QUIET_S
from tests.sensors_on_air import Air, Packet, sensor

begins = st.sampled_from([0, 1, 3, 900, LOW - 2, LOW + 100, 500_000])
moments = st.one_of(st.floats(0, 60), st.floats(0, 4000), st.just(QUIET_S), st.just(10.0))


def replays(recorded: list[Packet]) -> st.SearchStrategy[list[tuple[float, Packet]]]:
    """Draw the replays of an attacker who has recorded these packets: any of them, in any order, after any delay."""
    in_order = st.integers(0, len(recorded) - 1).flatmap(
        lambda first: st.floats(0.1, 30).map(lambda pace: [(pace, packet) for packet in recorded[first : first + 40]])
    )
    return st.one_of(in_order, st.lists(st.tuples(moments, st.sampled_from(recorded)), max_size=40))


@given(begins, st.integers(1, 30), st.integers(), st.data())
def test_what_was_heard_of_a_sensor_that_died_is_never_accepted_again(
    begin: int, length: int, seed: int, data: st.DataObject
) -> None:
    """An attacker must not make a dead sensor look alive, except with its last counter, and for 25 minutes at most."""
    air = Air()
    air.send_all(sensor(range(begin, begin + length), lost=random.Random(seed)))
    air.send(Packet(begin + length, b"last"))
    recorded = list(air.accepted)
    died = air.now

    for after_s, packet in data.draw(replays(recorded)):
        air.now += after_s
        accepted = air.send(packet)
        assert not accepted or (packet.value == begin + length and air.now < died + HOLD_S)


@given(begins, st.integers(), st.data())
def test_what_was_heard_of_a_living_sensor_is_never_accepted_again(begin: int, seed: int, data: st.DataObject) -> None:
    """Replays between a sensor's own packets must neither change its values nor cause its own packets to be refused."""
    air = Air()
    air.send_all(sensor(range(begin, begin + 20), lost=random.Random(seed)))
    recorded = list(air.accepted) or [Packet(begin, b"x")]

    for index, (after_s, packet) in enumerate(data.draw(replays(recorded))):
        alive = Packet(begin + 30 + index, b"alive %d" % index)
        air.now += min(after_s, HOLD_S)
        assert air.send(alive)
        assert not air.send(packet)


@given(begins, st.integers(), st.booleans(), st.data())
def test_what_was_heard_before_a_new_battery_is_never_accepted_after_it(
    begin: int, seed: int, is_dead: bool, data: st.DataObject
) -> None:
    """A battery change must not let an attacker replay recordings from before the change."""
    air = Air()
    air.send_all(sensor(range(begin, begin + 20), lost=random.Random(seed)))
    air.send(Packet(100_000, b"last"))
    recorded = list(air.accepted)
    air.now += 60
    assert any(air.send_all(sensor(range(8), battery=2)))
    last = air.accepted[-1]

    # A living sensor continues at counter 8. For a dead one, 100,000 stays too far ahead during this test.
    near = [packet for packet in recorded if packet.value < LOW or packet.value == 100_000]
    for index, (after_s, packet) in enumerate(data.draw(replays(near)) if near else []):
        air.now += min(after_s, 60)
        if not is_dead:
            assert air.send(Packet(last.value + 1 + index, b"alive %d" % index))
        assert not air.send(packet)
