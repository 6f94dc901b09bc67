"""Any sequence of valid and invalid configurations under simulated traffic."""

import json
import weakref
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ble_exporter.device import Device
from tests.service.house import ATTIC, BEDROOM, LIVING_ROOM, SETTINGS, TWO, House, Run, packet, text_of


@dataclass
class Model:
    """The state that a service must have if no reload has lost anything."""

    configured: dict[str, str]
    labels: dict[str, dict[str, str]]
    packets: dict[str, int] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    received: int = 0

    def hear(self, address: str, centidegrees: int) -> None:
        """Record a packet."""
        self.received += 1
        if address in self.configured:
            self.packets[address] = self.packets.get(address, 0) + 1
            self.values[address] = centidegrees / 100

    @classmethod
    def of(cls, devices: "Devices") -> "Model":
        """Return the model of a service that has just started."""
        return cls(*described(devices))

    def configure(self, devices: "Devices") -> None:
        """Apply a valid configuration."""
        self.configured, self.labels = described(devices)
        self.packets = {address: count for address, count in self.packets.items() if address in devices}
        self.values = {address: value for address, value in self.values.items() if address in devices}

    def temperatures(self) -> dict[str, float]:
        """Return the temperatures that a scrape must show, by series."""
        return {f"temperature_celsius['{self.configured[one]}']": value for one, value in self.values.items()}


Devices = dict[str, tuple[str, dict[str, str]]]
"""The name and the labels of each device, by its address."""


def described(devices: Devices) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Return the names by address, and the labels by name."""
    return {address: name for address, (name, _) in devices.items()}, dict(devices.values())


def written(devices: Devices) -> str:
    """Return the text of a configuration."""
    return text_of(
        {
            address: json.dumps({"name": name} | ({"labels": labels} if labels else {}))
            for address, (name, labels) in devices.items()
        }
    )


addresses = st.sampled_from([LIVING_ROOM, BEDROOM, ATTIC, "A4:C1:38:00:00:04"])
labels = st.dictionaries(st.sampled_from(["room", "floor"]), st.sampled_from(["1", "2", "Küche"]))
valid = st.dictionaries(addresses, st.tuples(st.sampled_from("abcdef"), labels), min_size=1).filter(
    lambda devices: len({name for name, _ in devices.values()}) == len(devices)
)
BAD_LABEL = text_of({LIVING_ROOM: "{name: a, labels: {__room: x}}"})
broken = st.sampled_from(
    ["", "devices: [", SETTINGS, TWO + "x: 1\n", TWO.replace(BEDROOM, LIVING_ROOM), "\0", BAD_LABEL]
)
packets = st.tuples(addresses, st.integers(-4000, 8000))


@given(first=valid, steps=st.lists(valid | broken | packets, max_size=20))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=30
)
def test_no_sequence_of_reloads_loses_or_leaks(
    run: Run, first: Devices, steps: list[Devices | str | tuple[str, int]]
) -> None:
    """However often the file is edited, a device that stays must lose no reading, and a removed one must be freed."""

    async def script(house: House) -> None:
        model = Model.of(first)
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
                assert (await house.reload(written(step))).is_ok
                model.configure(step)
            removed += [weakref.ref(one) for key, one in before.items() if key not in house.cycle.devices]
            shown = {name: value for name, value in house.scrape().items() if "temperature" in name}
            assert model.temperatures() == shown
            assert model.labels == house.labels()
            assert {one: model.packets.get(one, 0) for one in model.configured} == house.packets()
            assert model.received == house.cycle.counts.received
        before.clear()
        # No device is part of a reference cycle, so none needs the garbage collector.
        assert not [one for one in removed if one() is not None]

    run(script, written(first))
