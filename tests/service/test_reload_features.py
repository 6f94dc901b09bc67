"""Reloads with the glitch filter, offsets, labels, rejections, silence reasons and answers in progress."""

from collections.abc import Iterator
from itertools import islice

import pytest

from ble_exporter.exporter.exposition import TEXT, Exposition
from tests.formats.sealing import ADDRESS as KEYED
from tests.service.house import ATTIC, BEDROOM, LIVING_ROOM, SETTINGS, TWO, House, Run, packet, text_of

FILTERED = SETTINGS + "glitch_filter: true\n"


def glitch(house: House) -> None:
    """Receive a value that jumps and returns."""
    for centidegrees in (2000, 8500, 2010):
        house.now += 10
        house.hear(LIVING_ROOM, packet(centidegrees))


def glitches(house: House) -> tuple[list[float], list[int]]:
    """Return the values of the glitch counter, if it exists, and the number of glitches of each device."""
    name = "ble_exporter_values_rejected_total"
    samples = [sample for family in house.cycle.counts.collect() for sample in family.samples]
    return [one.value for one in samples if one.name == name], [one["glitches"] for one in house.cycle.status.states()]


def test_a_filter_that_a_reload_turns_on_begins_to_count_with_zero(run: Run) -> None:
    """Without the zero, increase() would miss the first glitch."""

    async def script(house: House) -> None:
        assert ([], [0]) == glitches(house)
        outcome = await house.reload(text_of({LIVING_ROOM: "living_room"}, FILTERED))

        assert ["1 device, none changed; changed settings: glitch_filter"] == outcome.lines
        assert ([0], [0]) == glitches(house)
        glitch(house)
        assert ([1], [1]) == glitches(house)

    run(script, text_of({LIVING_ROOM: "living_room"}))


def test_a_filter_that_is_turned_off_and_on_keeps_its_count(run: Run) -> None:
    """A count that falls would look like a restart."""

    async def script(house: House) -> None:
        glitch(house)
        counts = []
        for setting in ("false", "true"):
            await house.reload(text_of({LIVING_ROOM: "living_room"}, FILTERED.replace("true", setting)))
            glitch(house)
            counts.append(glitches(house))

        assert [([1], [1]), ([2], [2])] == counts

    run(script, text_of({LIVING_ROOM: "living_room"}, FILTERED))


def test_a_value_that_is_held_back_survives_a_reload(run: Run) -> None:
    """A reload while a value is held back must neither show the glitch nor leave it uncounted."""

    async def script(house: House) -> None:
        house.hear(LIVING_ROOM, packet(2000))
        house.hear(LIVING_ROOM, packet(8500))
        await house.reload(text_of({LIVING_ROOM: "lounge"}, FILTERED))
        house.hear(LIVING_ROOM, packet(2010))

        assert 20.1 == house.scrape()["temperature_celsius['lounge']"]
        assert ([1], [1]) == glitches(house)

    run(script, text_of({LIVING_ROOM: "living_room"}, FILTERED))


def test_an_offset_takes_effect_for_the_value_that_is_shown(run: Run) -> None:
    """The user compares the values right after the reload; the raw value must stay what the sensor sent."""

    async def script(house: House) -> None:
        house.hear(LIVING_ROOM, packet(2150))
        found = []
        for offsets in (", offsets: {temperature: -1.5}", ", offsets: {temperature: 2}", ""):
            assert (await house.reload(text_of({LIVING_ROOM: f"{{name: living_room{offsets}}}"}))).is_ok
            shown = house.scrape()
            of_it = (shown.get(f"{raw}temperature_celsius['living_room']") for raw in ("", "raw_"))
            found.append(tuple(of_it))

        assert [(20.0, 21.5), (23.5, 21.5), (21.5, None)] == found

    run(script, text_of({LIVING_ROOM: "living_room"}))


def test_changed_labels_lose_nothing(run: Run) -> None:
    """If only a label changes, the sensor must keep its readings and counts."""

    async def script(house: House) -> None:
        exposition = Exposition({"readings": house.cycle.readings, "labels": house.cycle.device_labels})
        house.hear(LIVING_ROOM, packet(2150))
        before = house.scrape()
        exposition.render(TEXT)
        outcome = await house.reload(text_of({LIVING_ROOM: "{name: living_room, labels: {room: attic}}"}))
        written = exposition.render(TEXT).decode().splitlines()

        assert ["1 device, 1 changed"] == outcome.lines
        assert before == house.scrape()
        assert {LIVING_ROOM: 1} == house.packets()
        assert 'ble_sensor_labels_info{device="living_room",room="attic"} 1.0' in written
        assert [{"room": "attic"}] == [state["labels"] for state in house.cycle.status.states()]

    run(script, text_of({LIVING_ROOM: "{name: living_room, labels: {room: cellar, floor: '1'}}"}))


def test_invalid_labels_change_nothing(run: Run) -> None:
    """An error in the labels of the new file must not remove the labels in use."""

    async def script(house: House) -> None:
        outcome = await house.reload(text_of({LIVING_ROOM: "{name: living_room, labels: {device: attic}}"}))

        assert not outcome.is_ok
        assert {"living_room": {"room": "cellar"}} == house.labels()

    run(script, text_of({LIVING_ROOM: "{name: living_room, labels: {room: cellar}}"}))


def test_the_rejections_of_a_removed_device_are_forgotten(run: Run) -> None:
    """/status must not show an address that nobody has configured, nor old rejections of a device that returns."""

    async def script(house: House) -> None:
        house.hear(LIVING_ROOM, b"\x40\x02")
        house.hear(BEDROOM, b"\x40\x02")
        await house.reload(text_of({BEDROOM: "hall"}))
        assert ["hall"] == [one["name"] for one in house.cycle.status.rejections()]

        await house.reload(TWO)
        assert ["bedroom"] == [one["name"] for one in house.cycle.status.rejections()]

    run(script, TWO)


def test_a_silent_device_keeps_its_reason(run: Run) -> None:
    """Renaming a sensor that is silent must not make it look as if it had just been added."""

    async def script(house: House) -> None:
        house.hear(LIVING_ROOM, packet(2150))
        house.now += 100
        (before,) = house.cycle.status.states()
        await house.reload(text_of({LIVING_ROOM: "lounge"}))
        (after,) = house.cycle.status.states()

        assert ("lounge", before["silence"]) == (after["name"], after["silence"])
        assert before["silence"] is not None

    run(script, text_of({LIVING_ROOM: "living_room"}))


@pytest.mark.parametrize(
    "text", [text_of({BEDROOM: "bedroom"}), text_of({BEDROOM: "hall", ATTIC: "attic", KEYED: "k"})]
)
def test_a_reload_during_an_answer_loses_nothing_of_it(run: Run, text: str) -> None:
    """A scrape and /status are built in steps, and after any of them a reload may add and remove devices."""

    async def script(house: House) -> None:
        house.now += 90
        cycle = house.cycle
        collectors = {"readings": cycle.readings, "silences": cycle.silence_reasons, "labels": cycle.device_labels}
        exposition = Exposition({**collectors, "self": cycle.counts})
        for begin in (lambda: exposition.pieces(TEXT), cycle.status.states, cycle.status.last_hour):
            for steps in range(12):
                await house.reload(TWO)
                house.hear(LIVING_ROOM, packet(2150))
                house.now += 90
                answer: Iterator[object] = begin()
                some = list(islice(answer, steps))
                await house.reload(text)
                assert [*some, *answer]
        written = exposition.render(TEXT).decode()
        assert 'reason="not_listening"} 1.0' in written
        assert 'collector_failures_total{collector="silences"} 0.0' in written
        assert 'collector_failures_total{collector="readings"} 0.0' in written

    run(script, TWO)


def test_two_devices_that_swap_their_names_appear_once_each_in_an_answer_in_progress(run: Run) -> None:
    """An answer is written in pieces, and the reload may happen between two of them."""

    async def script(house: House) -> None:
        states, hours = house.cycle.status.states(), house.cycle.status.last_hour()
        names = [{next(states)["name"]}, {next(hours)["name"]}]
        await house.reload(text_of({LIVING_ROOM: "bedroom", BEDROOM: "living_room"}))
        names[0] |= {state["name"] for state in states}
        names[1] |= {hour["name"] for hour in hours}

        assert [{"living_room", "bedroom"}] * 2 == names

    run(script, TWO)
