"""Reloads that change bindkeys: the replay guard belongs to a device and its key."""

import pytest

from tests.formats.sealing import ADDRESS as KEYED
from tests.formats.sealing import KEY, OTHER_KEY, seal_temperature
from tests.service.house import LIVING_ROOM, TWO, House, Run, text_of


def keyed(key: bytes) -> str:
    """Return the text of a configuration with an encrypted sensor."""
    return text_of({KEYED: f'{{name: cellar, bindkey: "{key.hex()}"}}'})


def test_a_reload_keeps_the_replay_guard(run: Run) -> None:
    """If the replay guard forgot the counters, recordings would be accepted after a reload."""

    async def script(house: House) -> None:
        for counter in range(5, 9):
            house.hear(KEYED, seal_temperature(21, counter))
        await house.reload(text_of({LIVING_ROOM: "living_room"}))
        await house.reload(keyed(KEY))
        house.hear(KEYED, seal_temperature(30, 5))

        assert (1, 0) == (house.cycle.counts.rejected["replayed"], house.packets()[KEYED])

    run(script, keyed(KEY))


def test_a_new_key_reads_the_sensor_from_its_first_packet(run: Run) -> None:
    """With a new key, a sensor may start its counter again, so the old counter must not cause a refusal."""

    async def script(house: House) -> None:
        house.hear(KEYED, seal_temperature(21, 500, OTHER_KEY))
        await house.reload(keyed(KEY))
        house.hear(KEYED, seal_temperature(22, 7))

        assert 22 == house.scrape()["temperature_celsius['cellar']"]
        assert not any(house.cycle.counts.rejected.values())

    run(script, keyed(OTHER_KEY))


def test_a_mistake_in_a_key_and_its_correction_keep_the_replay_guard(run: Run) -> None:
    """A typo must not make recordings valid."""

    async def script(house: House) -> None:
        for counter in range(5, 9):
            house.hear(KEYED, seal_temperature(21, counter))
        await house.reload(keyed(OTHER_KEY))
        await house.reload(keyed(KEY))
        house.hear(KEYED, seal_temperature(30, 5))

        assert 1 == house.cycle.counts.rejected["replayed"]

    run(script, keyed(KEY))


def test_a_new_key_clears_the_verdict_on_the_old_one(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """After the key was corrected, "refused: wrong key" would be untrue; a second wrong key must be logged again."""

    async def script(house: House) -> None:
        house.hear(KEYED, seal_temperature(21, 5))
        await house.reload(keyed(bytes(16)))
        (state,) = house.cycle.status.states()
        house.hear(KEYED, seal_temperature(21, 6))

        assert "never_heard" == state["state"]
        assert 2 == sum("wrong_key" in text for text in caplog.messages)

    run(script, keyed(OTHER_KEY))


def test_guards_of_devices_that_are_gone_are_bounded(run: Run) -> None:
    """A script that edits the file every minute must not fill the memory."""

    async def script(house: House) -> None:
        for number in range(300):
            address = f"A4:C1:38:00:{number // 256:02X}:{number % 256:02X}"
            await house.reload(text_of({address: f'{{name: "{number}", bindkey: "{KEY.hex()}"}}'}))

        assert house.cycle.replay_state.size <= 101

    run(script, TWO)
