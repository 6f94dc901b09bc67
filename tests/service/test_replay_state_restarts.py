"""The protection after a restart of the program: no recording is accepted, and no sensor is locked out."""

import json
import logging
from pathlib import Path

import pytest

from ble_exporter.device.pace import COUNTS_AT_ONCE
from ble_exporter.service.replay_state import FILE_NAME
from tests.replay_runs import KEY, Run

DAY_S = 86400.0


def heard(folder: Path, log: logging.Logger, *counters: int, every_s: float = 10.0) -> Run:
    """Return a run that heard a sensor, and was stopped."""
    run = Run(folder, log)
    assert all(run.hear(*counters, every_s=every_s))
    run.state.save()
    return run


def restarted(folder: Path, log: logging.Logger, before: Run, off_s: float = 5.0, **changes: object) -> Run:
    """Return the next run, which starts `off_s` seconds after the end of `before`."""
    return Run(folder, log, now=before.now + off_s, wall=before.wall + off_s, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("every_s", [0.05, 1.0, 10.0, 60.0])
@pytest.mark.parametrize("first", [1000, 5000, 49_850], ids=["long ago", "this battery", "recently"])
def test_none_of_200_recorded_packets_is_accepted(
    tmp_path: Path, log: logging.Logger, every_s: float, first: int
) -> None:
    """Without a stored state, 200 of 200 recorded packets were accepted after a restart, which anybody can provoke."""
    before = heard(tmp_path, log, *range(50_000, 50_050))
    run = restarted(tmp_path, log, before)

    assert 0 == sum(run.hear(*range(first, first + 200), every_s=every_s)[: 50_049 - first])


def test_one_packet_of_the_sensor_does_not_let_recordings_in(tmp_path: Path, log: logging.Logger) -> None:
    """An attacker may jam the sensor after its first packet, and then play recordings."""
    before = heard(tmp_path, log, *range(50_000, 50_050))
    run = restarted(tmp_path, log, before)
    assert [True] == run.hear(50_051)

    assert 0 == sum(run.hear(*range(1000, 1200)))


@pytest.mark.parametrize(("off_s", "accepted"), [(60.0, False), (600.0, True)])
def test_a_counter_of_8_bits_is_void_after_ten_minutes(
    tmp_path: Path, log: logging.Logger, off_s: float, accepted: bool
) -> None:
    """An 8-bit counter that rises every 10 s wraps in 43 minutes, so an old one says nothing about the next packet."""
    before = Run(tmp_path, log, bits=8)
    assert all(before.hear(*range(200, 210)))
    before.state.save()

    assert [accepted] == restarted(tmp_path, log, before, off_s, bits=8).hear(120)


def test_after_a_boot_at_the_wrong_time_no_pace_is_learned(tmp_path: Path, log: logging.Logger) -> None:
    """A slow sensor that counted for an unknown time must not look fast, or repeats of its counter would be refused."""
    heard(tmp_path, log, 5000, 5001, 5002, every_s=1275)
    run = Run(tmp_path, log, now=20.0, wall=1000.0, boot="second")

    assert all(run.hear(*[5100] * 20, every_s=60))


def test_packets_that_an_earlier_run_heard_are_known(tmp_path: Path, log: logging.Logger) -> None:
    """The first packets of a battery look like those of a new battery, unless their digests are stored."""
    before = heard(tmp_path, log, *range(200))
    run = restarted(tmp_path, log, before, off_s=3600)

    assert not any(run.hear(*range(199)))


def test_packets_of_an_earlier_battery_are_known_after_two_restarts(tmp_path: Path, log: logging.Logger) -> None:
    """When the state is read and written again, no digest may be lost, or old recordings would be accepted."""
    before = heard(tmp_path, log, *range(200))
    for _restart in range(2):
        before = restarted(tmp_path, log, before)
        assert [True] == before.hear(200 + _restart)
        before.state.save()

    assert not any(restarted(tmp_path, log, before, off_s=3600).hear(*range(200)))


def test_the_same_sensor_is_accepted_immediately(tmp_path: Path, log: logging.Logger) -> None:
    """A restart of the program must not cost a reading, not even one with the same counter as before."""
    before = heard(tmp_path, log, *range(5))
    run = restarted(tmp_path, log, before, off_s=1.0)

    assert [True, True, True] == run.hear(4, 5, 6)


def test_a_sensor_that_counted_on_for_a_week_is_accepted_immediately(tmp_path: Path, log: logging.Logger) -> None:
    """A user may switch the program off for a holiday, and expects readings as soon as it runs again."""
    before = heard(tmp_path, log, *range(5000, 5010))

    assert all(restarted(tmp_path, log, before, off_s=7 * DAY_S).hear(*range(65_490, 65_500)))


@pytest.mark.parametrize("off_s", [1.0, 3600.0, DAY_S])
def test_a_battery_that_was_changed_while_the_program_was_off_is_accepted(
    tmp_path: Path, log: logging.Logger, off_s: float
) -> None:
    """The owner must get readings from a new battery within a minute, even if the program was hardly off."""
    before = heard(tmp_path, log, *range(50_000, 50_010))
    first = int(off_s / 10)
    results = restarted(tmp_path, log, before, off_s).hear(*range(first, first + 20), battery=2)

    assert [True] * 15 == results[5:]


def test_a_new_battery_is_accepted_if_the_program_restarts_again_and_again(tmp_path: Path, log: logging.Logger) -> None:
    """While Bluetooth fails, systemd restarts the program every few seconds, which must not lock a sensor out."""
    before = heard(tmp_path, log, *range(50_000, 50_010))
    before.now += DAY_S
    before.wall += DAY_S
    for _restart in range(5):
        before = restarted(tmp_path, log, before)
        before.hear(8640, battery=2)
        before.state.save()

    assert any(restarted(tmp_path, log, before).hear(*range(8650, 8660), battery=2))


@pytest.mark.parametrize(("old_s", "new_s"), [(600, 10), (1275, 10), (10, 2.5)])
def test_a_sensor_that_counts_faster_than_before_is_accepted(
    tmp_path: Path, log: logging.Logger, old_s: float, new_s: float
) -> None:
    """While the program is off, the owner may set a shorter interval, which restarts the sensor."""
    before = heard(tmp_path, log, *range(5000, 5010), every_s=old_s)
    first = int(1200 / new_s)
    results = restarted(tmp_path, log, before, off_s=1200).hear(*range(first, first + 20), every_s=new_s, battery=2)

    assert [True] * 10 == results[10:]


def test_a_new_key_makes_a_new_sensor(tmp_path: Path, log: logging.Logger) -> None:
    """Counters under another key do not matter: a sensor that was given a new key must be accepted immediately."""
    before = heard(tmp_path, log, *range(50_000, 50_010))

    assert [True] == restarted(tmp_path, log, before, key=KEY[::-1]).hear(0)


def test_other_devices_in_the_file_are_ignored(tmp_path: Path, log: logging.Logger) -> None:
    """A file from another installation must neither cause an error nor lock a sensor out."""
    before = heard(tmp_path, log, *range(50_000, 50_010))
    path = tmp_path / FILE_NAME
    path.write_text(path.read_text().replace("A4:C1:38:00:00:01", "A4:C1:38:00:00:99"))

    assert [True] == restarted(tmp_path, log, before).hear(0)


@pytest.mark.parametrize("set_back_s", [60.0, 3600.0, 30 * DAY_S])
def test_a_wall_clock_that_is_set_back_changes_nothing(tmp_path: Path, log: logging.Logger, set_back_s: float) -> None:
    """Without a reboot, the time since boot shows how long the program was off, whatever the wall clock says."""
    before = heard(tmp_path, log, *range(50_000, 50_010))
    before.wall -= set_back_s

    assert not any(restarted(tmp_path, log, before).hear(*range(1000, 1200)))
    before.now += 600
    assert any(restarted(tmp_path, log, before).hear(*range(60, 65)))


def test_after_a_boot_the_wall_clock_has_the_time_as_soon_as_it_is_set(tmp_path: Path, log: logging.Logger) -> None:
    """A Pi without a hardware clock boots with the time of its shutdown, until the network sets the clock."""
    before = heard(tmp_path, log, *range(50_000, 50_010))
    run = Run(tmp_path, log, now=20.0, wall=before.wall, boot="second")
    assert not any(run.hear(*range(5000, 5005)))

    run.wall += DAY_S
    assert any(run.hear(*range(5005, 5010)))


def test_after_a_boot_at_the_wrong_time_a_sensor_that_counted_on_is_heard(tmp_path: Path, log: logging.Logger) -> None:
    """Without a network the wall clock stays wrong, and the sensor may have counted to any number meanwhile."""
    heard(tmp_path, log, *range(5000, 5010))
    run = Run(tmp_path, log, now=20.0, wall=1000.0, boot="second")

    assert [True, True] == run.hear(500_000, 500_001)


def test_after_a_boot_recordings_are_refused_too(tmp_path: Path, log: logging.Logger) -> None:
    """An attacker who can switch off the power must gain nothing from the reboot."""
    before = heard(tmp_path, log, *range(50_000, 50_010))
    run = Run(tmp_path, log, now=20.0, wall=before.wall + 60, boot="second")

    assert 0 == sum(run.hear(*range(1000, 1200)))


def test_an_old_file_only_knows_less(tmp_path: Path, log: logging.Logger) -> None:
    """A restored backup has old counters, and a sensor that is far ahead of them must be accepted."""
    before = heard(tmp_path, log, *range(5000, 5010))
    before.now += 30 * DAY_S
    before.wall += 30 * DAY_S

    assert all(restarted(tmp_path, log, before).hear(*range(264_200, 264_210)))


def test_a_recording_far_ahead_is_not_accepted_after_a_restart(tmp_path: Path, log: logging.Logger) -> None:
    """Packets of an earlier battery may be further ahead than the sensor can have counted while the program was off."""
    before = heard(tmp_path, log, *range(5000, 5010))
    run = restarted(tmp_path, log, before)

    assert not any(run.hear(*range(900_000, 900_020)))
    assert all(run.hear(*range(5040, 5050)))


def test_the_count_before_a_recording_still_continues_after_a_restart(tmp_path: Path, log: logging.Logger) -> None:
    """A recording that was accepted in the first minutes must not lock the sensor out for good."""
    before = heard(tmp_path, log, *range(5000, 5010), 900_000)

    assert any(restarted(tmp_path, log, before).hear(*range(5012, 5020)))


def test_a_slow_sensor_is_heard_within_its_counter(tmp_path: Path, log: logging.Logger) -> None:
    """The learned pace must survive a restart: a counter that a slow sensor holds for 20 minutes is not a replay."""
    before = heard(tmp_path, log, 5000, 5001, 5002, every_s=1275)
    before.now -= 1275
    assert all(before.hear(*[5002] * 20, every_s=30))
    before.state.save()

    assert all(restarted(tmp_path, log, before).hear(*[5002] * 20, every_s=30))


def test_the_last_packet_of_a_dead_sensor_is_not_new_after_a_restart(tmp_path: Path, log: logging.Logger) -> None:
    """An attacker who provokes a restart every few minutes must not make a dead sensor look alive."""
    before = heard(tmp_path, log, *range(5000, 5010))

    assert [False] == restarted(tmp_path, log, before, off_s=400).hear(5009)


def test_another_format_is_refused_after_a_restart_as_before(tmp_path: Path, log: logging.Logger) -> None:
    """Anybody can provoke a restart, so a restart must not begin ten minutes in which any format is accepted."""
    before = heard(tmp_path, log, *range(5000, 5010))
    path = tmp_path / FILE_NAME
    path.write_text(path.read_text().replace('"fcd2"', '"181a"'))
    refused = restarted(tmp_path, log, before)
    assert [False] == refused.hear(5011)

    refused.now += 600
    assert [True] == refused.hear(5011)


def test_the_warning_says_how_far_a_sensor_can_have_counted(tmp_path: Path, log: logging.Logger) -> None:
    """With this number, the owner can tell a recording from a sensor that was out of range."""
    before = heard(tmp_path, log, *range(50_000, 50_010))
    document = json.loads((tmp_path / FILE_NAME).read_text())
    assert 10.0 == document["devices"]["A4:C1:38:00:00:01"]["counters"][0]["step_s"]
    run = restarted(tmp_path, log, before, off_s=0.0)

    assert f"can have counted to {COUNTS_AT_ONCE}" in run.refusal(1000)
