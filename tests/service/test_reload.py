"""Reloads of the configuration while the radio listens: nothing that was heard is lost, and errors change nothing."""

import asyncio
import logging
import socket
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ble_exporter.config.app_config import AppConfig, load_config
from ble_exporter.device import Device
from ble_exporter.device.clock import Clock
from ble_exporter.errors import ConfigError
from ble_exporter.exporter.exposition import TEXT, Exposition
from ble_exporter.exporter.hosts import Hosts
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import AddressType, Advertisement
from ble_exporter.scanner import Listener
from ble_exporter.service.reload import Outcome, Reload, ReloadSource
from ble_exporter.service.scan_cycle import ScanCycle
from ble_exporter.service.systemd import Notifier
from ble_exporter.tasks import Tasks
from tests.formats.sealing import ADDRESS as KEYED
from tests.formats.sealing import KEY, OTHER_KEY, seal_temperature
from tests.home import samples_of
from tests.radios import Radio

LIVING_ROOM, BEDROOM, ATTIC = (f"A4:C1:38:00:00:{number:02X}" for number in range(1, 4))
SETTINGS = "scan_interval_seconds: 30\nscan_duration_seconds: 30\nlisten_port: 8000\nstale_after_seconds: auto\n"


def text_of(devices: dict[str, str], settings: str = SETTINGS) -> str:
    """Return the text of a configuration; the devices map an address to a name, or to a mapping in YAML."""
    return settings + "devices:\n" + "".join(f'  "{address}": {text}\n' for address, text in devices.items())


def packet(centidegrees: int) -> bytes:
    """Return a BTHome v2 payload with a temperature."""
    return bytes.fromhex("4002") + centidegrees.to_bytes(2, "little", signed=True)


class Air(Radio):
    """A radio through which the test sends."""

    listener: Listener

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Listen until cancelled."""
        self.listener = listener
        started()
        await asyncio.Event().wait()


@dataclass
class House:
    """
    A service that listens without a pause, and its configuration file.

    Attributes:
        now: Monotonic seconds.
        loads: The number of times the file was read.
        fault: Raised when the file is read next, in place of reading it.
    """

    path: Path
    log: logging.Logger
    notifier: Notifier
    now: float = 1000.0
    loads: int = 0
    fault: Exception | None = None
    air: Air = field(default_factory=Air)

    def __post_init__(self) -> None:
        config = load_config(str(self.path))
        clock = Clock(lambda: self.now, lambda: 1_700_000_000 + self.now)
        self.cycle = ScanCycle(config, self.air, self.log, clock, self.notifier)
        self.hosts = Hosts(config.allowed_hosts, ["pi"])
        self.requested = asyncio.Event()
        source = ReloadSource(self._load, self.requested)
        self.reloading = Reload(
            config,
            source,
            cycle=self.cycle,
            hosts=self.hosts,
            log=self.log,
            notifier=self.notifier,
            in_thread=_at_once,
        )

    def _load(self) -> AppConfig:
        self.loads += 1
        if self.fault is not None:
            raise self.fault
        return load_config(str(self.path))

    async def reload(self, text: str) -> Outcome:
        """Write the file, and reload it."""
        self.path.write_text(text)
        return await self.reloading.reload()

    def hear(self, address: str, payload: bytes, address_type: AddressType = "public") -> None:
        """Receive an advertisement a second after the previous one."""
        self.now += 1
        if self.air.listener.wants(address):
            self.air.listener.handle(Advertisement(address, {UUID: payload}, -60, "hci0", address_type=address_type))

    def scrape(self) -> dict[str, float]:
        """Return the series of a scrape: see samples_of."""
        return samples_of(self.cycle.readings)

    def packets(self) -> dict[str, int]:
        """Return the number of packets of each device, by its address."""
        return {address: device.packets for address, device in self.cycle.devices.items()}


async def _at_once(load: Callable[[], AppConfig]) -> AppConfig:
    return load()


Script = Callable[[House], object]
Run = Callable[..., None]


@pytest.fixture
def run(tmp_path: Path, log: logging.Logger) -> Run:
    """Return a function that runs a coroutine function in a house whose radio listens."""

    def run(script: Callable[[House], "asyncio.Future[None]"], text: str, address: str = "") -> None:
        path = tmp_path / "config.yaml"
        path.write_text(text)

        async def live() -> None:
            with Notifier(log, address) as notifier:
                house = House(path, log, notifier)
                async with Tasks() as tasks:
                    tasks.start(house.cycle.run())
                    tasks.start(house.reloading.run())
                    for _ in range(10):
                        await asyncio.sleep(0)
                    await script(house)
                    await tasks.end()

        asyncio.run(live())

    return run


TWO = text_of({LIVING_ROOM: "living_room", BEDROOM: "bedroom"})


def test_a_renamed_device_keeps_its_readings_and_counts(run: Run) -> None:
    """Correcting a spelling must not make a gap, or a counter that starts again."""

    async def script(house: House) -> None:
        house.hear(LIVING_ROOM, packet(2150))
        await house.reload(text_of({LIVING_ROOM: "lounge", BEDROOM: "bedroom"}))

        shown = house.scrape()
        assert (21.5, -60) == (shown["temperature_celsius['lounge']"], shown["rssi_dbm['hci0', 'lounge']"])
        assert not [name for name in shown if "living_room" in name]
        assert {LIVING_ROOM: 1, BEDROOM: 0} == house.packets()

    run(script, TWO)


def test_a_new_device_is_heard_and_a_removed_one_is_unknown(run: Run) -> None:
    """That is the purpose of most reloads, and neither may need a restart."""

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
    """After months of running, a silence "since the start" would be an untrue alarm for a sensor added just now."""

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
    """increase() would otherwise miss the first glitch."""

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
    """A reload in this moment must neither show the glitch nor hide it."""

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


def test_the_rejections_of_a_removed_device_are_forgotten(run: Run) -> None:
    """Added again, it would have them twice; and /status must not show an address that nobody has configured."""

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
        exposition = Exposition({"readings": cycle.readings, "silences": cycle.silence_reasons, "self": cycle.counts})
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


@pytest.mark.parametrize(
    "text", [SETTINGS, TWO + "lsten_port: 1\n", TWO.replace("8000", "-1"), "devices: [", "\tdevices: x\n"]
)
def test_a_configuration_with_errors_changes_nothing(run: Run, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """A typing error must not stop a service that has worked for months, and must not go unnoticed."""

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
    """The metrics tell an alert whether the file on disk is the one in use, and since when."""

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
    """A value that is too old by the new limit would otherwise be shown until the old limit."""

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


def keyed(key: bytes) -> str:
    """Return the text of a configuration with an encrypted sensor."""
    return text_of({KEYED: f'{{name: cellar, bindkey: "{key.hex()}"}}'})


def test_a_reload_keeps_the_replay_guard(run: Run) -> None:
    """Otherwise an attacker could send recordings after each reload."""

    async def script(house: House) -> None:
        for counter in range(5, 9):
            house.hear(KEYED, seal_temperature(21, counter))
        await house.reload(text_of({LIVING_ROOM: "living_room"}))
        await house.reload(keyed(KEY))
        house.hear(KEYED, seal_temperature(30, 5))

        assert (1, 0) == (house.cycle.counts.rejected["replayed"], house.packets()[KEYED])

    run(script, keyed(KEY))


def test_a_new_key_reads_the_sensor_from_its_first_packet(run: Run) -> None:
    """The counter of a sensor may begin anew with a new key, and the old counter says nothing about it."""

    async def script(house: House) -> None:
        house.hear(KEYED, seal_temperature(21, 500, OTHER_KEY))
        await house.reload(keyed(KEY))
        house.hear(KEYED, seal_temperature(22, 7))

        assert 22 == house.scrape()["temperature_celsius['cellar']"]
        assert not any(house.cycle.counts.rejected.values())

    run(script, keyed(OTHER_KEY))


def test_a_mistake_in_a_key_and_its_correction_keep_the_replay_guard(run: Run) -> None:
    """A typing error must not make recordings valid."""

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


def test_a_limit_must_fit_the_scans_of_the_running_program(run: Run) -> None:
    """The intervals of the file apply only after a restart, and until then, every value would expire in each pause."""

    async def script(house: House) -> None:
        fits_the_file = text_of({LIVING_ROOM: "lounge"}, SETTINGS.replace("auto", "20"))
        outcome = await house.reload(fits_the_file)

        assert (False, "living_room") == (outcome.is_ok, house.cycle.devices[LIVING_ROOM].name)
        assert "restart the exporter to apply the file" in outcome.lines[0]

    run(script, text_of({LIVING_ROOM: "living_room"}, SETTINGS.replace("duration_seconds: 30", "duration_seconds: 5")))


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


@pytest.mark.parametrize("error", [OSError("gone"), MemoryError(), UnicodeDecodeError("utf-8", b"", 0, 1, "x")])
def test_a_bug_in_a_reload_does_not_end_the_service(run: Run, error: Exception) -> None:
    """A service that works must not end because somebody has edited a file."""

    async def script(house: House) -> None:
        house.fault = error
        outcome = await house.reload(TWO)
        house.fault = None

        assert (False, False) == (outcome.is_ok, house.cycle.counts.has_reloaded)
        assert (await house.reload(TWO)).is_ok

    run(script, TWO)


def test_many_requests_share_a_reload(run: Run) -> None:
    """Somebody may ask a hundred times a second, and a file with thousands of devices takes seconds to read."""

    async def script(house: House) -> None:
        async with Tasks() as tasks:
            asked = [tasks.start(house.reloading.reload()) for _ in range(20)]
            outcomes = [await one for one in asked]

        assert [True] * 20 == [outcome.is_ok for outcome in outcomes]
        assert 1 == house.loads

    run(script, TWO)


def test_guards_of_devices_that_are_gone_are_bounded(run: Run) -> None:
    """A script that edits the file every minute must not fill the memory."""

    async def script(house: House) -> None:
        for number in range(300):
            address = f"A4:C1:38:00:{number // 256:02X}:{number % 256:02X}"
            await house.reload(text_of({address: f'{{name: "{number}", bindkey: "{KEY.hex()}"}}'}))

        assert house.cycle.replay_state.size <= 101

    run(script, TWO)


def test_an_address_type_takes_effect(run: Run) -> None:
    """The setting is the remedy that the log names for a sensor that is refused."""

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


def test_systemd_learns_of_the_reload(run: Run, tmp_path: Path) -> None:
    """`systemctl reload` must not return before the new configuration is in use: sd_notify(3), RELOADING."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(tmp_path / "notify"))
        inbox.setblocking(False)

        async def script(house: House) -> None:
            before = [inbox.recv(1000).decode()]
            await house.reload("devices: [")
            reloading = inbox.recv(1000).decode().splitlines()

            assert ["READY=1"] == before
            assert ["RELOADING=1", True] == [reloading[0], reloading[1].startswith("MONOTONIC_USEC=")]
            assert "READY=1" == inbox.recv(1000).decode()

        run(script, TWO, str(tmp_path / "notify"))


def test_a_request_during_a_reload_causes_another(run: Run) -> None:
    """The file may have changed after the first reload has read it."""

    async def script(house: House) -> None:
        house.requested.set()
        await asyncio.sleep(0)
        house.requested.set()
        for _ in range(10):
            await asyncio.sleep(0)

        assert 2 == house.loads

    run(script, TWO)


@dataclass
class Model:
    """What a service must know if it was reloaded and never lost anything."""

    configured: dict[str, str]
    packets: dict[str, int] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    received: int = 0

    def hear(self, address: str, centidegrees: int) -> None:
        """Note a packet."""
        self.received += 1
        if address in self.configured:
            self.packets[address] = self.packets.get(address, 0) + 1
            self.values[address] = centidegrees / 100

    def configure(self, devices: dict[str, str]) -> None:
        """Note a valid configuration."""
        self.configured = devices
        self.packets = {address: count for address, count in self.packets.items() if address in devices}
        self.values = {address: value for address, value in self.values.items() if address in devices}

    def temperatures(self) -> dict[str, float]:
        """Return the series of a scrape."""
        return {f"temperature_celsius['{self.configured[one]}']": value for one, value in self.values.items()}


addresses = st.sampled_from([LIVING_ROOM, BEDROOM, ATTIC, "A4:C1:38:00:00:04"])
valid = st.dictionaries(addresses, st.sampled_from("abcdef"), min_size=1).filter(
    lambda devices: len(set(devices.values())) == len(devices)
)
broken = st.sampled_from(["", "devices: [", SETTINGS, TWO + "x: 1\n", TWO.replace(BEDROOM, LIVING_ROOM), "\0"])
packets = st.tuples(addresses, st.integers(-4000, 8000))


@given(first=valid, steps=st.lists(valid | broken | packets, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
def test_no_sequence_of_reloads_loses_or_leaks(
    run: Run, first: dict[str, str], steps: list[dict[str, str] | str | tuple[str, int]]
) -> None:
    """Somebody edits the file for an evening: the readings must be those of a service that ran undisturbed."""

    async def script(house: House) -> None:
        model = Model(first)
        before: dict[str, Device] = {}
        removed: list[weakref.ref[Device]] = []
        for step in steps:
            before = dict(house.cycle.devices)
            if isinstance(step, tuple):
                house.hear(step[0], packet(step[1]))
                model.hear(*step)
                house.hear(step[0], b"\x40\x02")
                model.received += 1
            elif isinstance(step, str):
                assert not (await house.reload(step)).is_ok
            else:
                assert (await house.reload(text_of(step))).is_ok
                model.configure(step)
            removed += [weakref.ref(one) for key, one in before.items() if key not in house.cycle.devices]
            shown = {name: value for name, value in house.scrape().items() if "temperature" in name}
            assert model.temperatures() == shown
            assert {one: model.packets.get(one, 0) for one in model.configured} == house.packets()
            assert model.received == house.cycle.counts.received
        before.clear()
        # No device is part of a reference cycle, so none needs the garbage collector.
        assert not [one for one in removed if one() is not None]

    run(script, text_of(first))


@pytest.fixture(autouse=True)
def _level(log: logging.Logger) -> Iterator[None]:
    """Restore the log level that a reload changes."""
    yield
    log.setLevel(logging.DEBUG)
