"""Reloads of the configuration while the radio listens: what a device keeps, and what changes."""

import logging

import pytest

from ble_exporter.config.app_config import load_config
from ble_exporter.errors import ConfigError
from tests.service.house import ATTIC, BEDROOM, LIVING_ROOM, SETTINGS, TWO, House, Run, packet, text_of


def test_a_renamed_device_keeps_its_readings_and_counts(run: Run) -> None:
    """Correcting a spelling must cause neither a gap nor a counter that starts again."""

    async def script(house: House) -> None:
        house.hear(LIVING_ROOM, packet(2150))
        await house.reload(text_of({LIVING_ROOM: "lounge", BEDROOM: "bedroom"}))

        shown = house.scrape()
        assert (21.5, -60) == (shown["temperature_celsius['lounge']"], shown["rssi_dbm['hci0', 'lounge']"])
        assert not [name for name in shown if "living_room" in name]
        assert {LIVING_ROOM: 1, BEDROOM: 0} == house.packets()

    run(script, TWO)


def test_a_new_device_is_heard_and_a_removed_one_is_unknown(run: Run) -> None:
    """Adding and removing devices is the purpose of most reloads, and must not need a restart."""

    async def script(house: House) -> None:
        house.hear(BEDROOM, packet(1800))
        outcome = await house.reload(text_of({LIVING_ROOM: "living_room", ATTIC: "attic"}))
        house.hear(ATTIC, packet(900))
        house.hear(BEDROOM, packet(1800))

        assert (True, ["2 devices, 1 added, 1 removed"]) == (outcome.is_ok, outcome.lines)
        assert {"temperature_celsius['attic']"} == {name for name in house.scrape() if "temperature" in name}
        assert 1 == house.cycle.counts.unknown_device

    run(script, TWO)


def test_a_new_device_is_not_silent_at_once(run: Run) -> None:
    """After months of running, a silence "since the start" would be a false alarm for a sensor added just now."""

    async def script(house: House) -> None:
        house.now += 90 * 86_400
        await house.reload(text_of({ATTIC: "attic"}))
        (at_once,) = house.cycle.status.states()
        house.now += 90
        (later,) = house.cycle.status.states()

        assert at_once["silence"] is None
        assert later["silence"] is not None
        assert later["silence"]["text"].endswith("of the 90 s since it was added to the configuration.")

    run(script, TWO)


def test_a_damaged_file_is_not_reloaded_from_its_backup(run: Run) -> None:
    """The configuration in use is at least as new as the backup, and the metrics must show that the file is damaged."""

    async def script(house: House) -> None:
        await house.reload(text_of({LIVING_ROOM: "living_room", ATTIC: "attic"}))
        house.path.with_name(f"{house.path.name}.before-discover-x1").write_text(TWO)
        outcome = await house.reload("devices: [")

        assert (False, False) == (outcome.is_ok, house.cycle.counts.has_reloaded)
        assert "before-discover-x1; copy that back" in outcome.lines[0]
        assert {LIVING_ROOM, ATTIC} == house.packets().keys()

    run(script, TWO)


def test_a_start_from_a_backup_shows_in_the_metrics(run: Run) -> None:
    """An alert reaches the user; a line in the log of a machine in the attic does not."""

    async def script(house: House) -> None:
        before = house.cycle.counts.has_reloaded
        house.path.with_name(f"{house.path.name}.before-discover-x1").write_text(TWO)
        house.path.write_text("devices: [")
        house.__post_init__()

        assert (True, False) == (before, house.cycle.counts.has_reloaded)

    run(script, TWO)


@pytest.mark.parametrize(
    "text", [SETTINGS, TWO + "lsten_port: 1\n", TWO.replace("8000", "-1"), "devices: [", "\tdevices: x\n"]
)
def test_a_configuration_with_errors_changes_nothing(run: Run, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """A typo must not stop a service that has worked for months, and must not go unnoticed."""

    async def script(house: House) -> None:
        house.hear(LIVING_ROOM, packet(2150))
        house.scrape()
        before = house.scrape()
        outcome = await house.reload(text)

        assert before == house.scrape()
        assert (False, False) == (outcome.is_ok, house.cycle.counts.has_reloaded)
        with pytest.raises(ConfigError) as caught:
            load_config(str(house.path))
        assert [str(part) for part in caught.value.parts] == outcome.lines
        assert all(any(line in said for said in caplog.messages) for line in outcome.lines)

    run(script, TWO)


def test_the_next_valid_configuration_is_used_again(run: Run) -> None:
    """An alert needs metrics that show whether the file on disk is in use, and since when."""

    async def script(house: House) -> None:
        loaded_s = house.cycle.counts.loaded_s
        house.now += 60
        await house.reload("devices: [")
        after_error = (house.cycle.counts.has_reloaded, house.cycle.counts.loaded_s)
        await house.reload(TWO)

        assert (False, loaded_s) == after_error
        assert (True, loaded_s + 60) == (house.cycle.counts.has_reloaded, house.cycle.counts.loaded_s)

    run(script, TWO)


def test_a_shorter_limit_expires_a_value_at_once(run: Run) -> None:
    """If the new limit took effect later, a value would be shown until it is too old by the old limit."""

    async def script(house: House) -> None:
        house.hear(LIVING_ROOM, packet(2150))
        house.now += 100
        before = "temperature_celsius['living_room']" in house.scrape()
        await house.reload(text_of({LIVING_ROOM: "living_room"}, SETTINGS.replace("auto", "50")))

        assert (True, False) == (before, "temperature_celsius['living_room']" in house.scrape())

    run(script, text_of({LIVING_ROOM: "living_room"}, SETTINGS.replace("auto", "500")))


def test_a_longer_limit_keeps_a_value(run: Run) -> None:
    """The new limit applies to the values that are shown, not only to those heard afterwards."""

    async def script(house: House) -> None:
        house.hear(LIVING_ROOM, packet(2150))
        await house.reload(text_of({LIVING_ROOM: "living_room"}, SETTINGS.replace("auto", "500")))
        house.now += 400

        assert 21.5 == house.scrape()["temperature_celsius['living_room']"]

    run(script, text_of({LIVING_ROOM: "living_room"}, SETTINGS.replace("auto", "50")))


def test_an_address_type_takes_effect(run: Run) -> None:
    """The log recommends this setting for a sensor whose packets are refused because of their address type."""

    async def script(house: House) -> None:
        house.hear(LIVING_ROOM, packet(2150), "random")
        before = house.packets()[LIVING_ROOM]
        await house.reload(text_of({LIVING_ROOM: "{name: living_room, address_type: random}"}))
        house.hear(LIVING_ROOM, packet(2150), "random")

        assert (0, 1) == (before, house.packets()[LIVING_ROOM])

    run(script, text_of({LIVING_ROOM: "{name: living_room, address_type: public}"}))


def test_what_needs_a_restart_is_named_and_not_applied(run: Run) -> None:
    """A setting that is changed in the file but not in the service must not surprise anybody at the next restart."""

    async def script(house: House) -> None:
        text = TWO.replace("8000", "9000").replace("duration_seconds: 30", "duration_seconds: 5") + "adapter: hci1\n"
        outcome = await house.reload(text)

        restart = "restart to apply the changes to adapter, scan_duration_seconds, listen_port"
        assert (True, ["2 devices, none changed", restart]) == (outcome.is_ok, outcome.lines)

    run(script, TWO)


def test_log_level_and_host_names_take_effect(run: Run, log: logging.Logger) -> None:
    """An operator who looks for a fault wants more log lines now, not after a restart that hides the fault."""

    async def script(house: House) -> None:
        await house.reload(TWO + "log_level: ERROR\nallowed_hosts: [ble.example.org]\n")

        assert (logging.ERROR, True, True) == (
            log.level,
            house.hosts.is_ours("ble.example.org"),
            house.hosts.is_ours("pi"),
        )
        await house.reload(TWO)
        assert (logging.INFO, False) == (log.level, house.hosts.is_ours("ble.example.org"))

    run(script, TWO)
