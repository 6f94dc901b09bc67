"""The reasons of silence that a service with a simulated radio gives: on /metrics, in /status and on the page."""

import asyncio
import html
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ble_exporter.config.app_config import AppConfig
from ble_exporter.device.clock import Clock
from ble_exporter.exporter.app import create_app
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner import Listener, MockScanner
from ble_exporter.scanner.capture import Transmission
from ble_exporter.service.scan_cycle import ScanCycle
from ble_exporter.tasks import Tasks
from tests.conftest import PACKET_A
from tests.radios import InVirtualTime, Radio

LIVING_ROOM, BEDROOM, STRANGER = "A4:C1:38:00:00:01", "A4:C1:38:00:00:02", "11:22:33:44:55:66"
LOW_BATTERY = bytes.fromhex("4000b00104028d0a038d11")
ENCRYPTED = bytes.fromhex("41" + "ab" * 16)
SERIES = re.compile(r'^ble_sensor_silence_reason\{device="living_room",reason="(\w+)"\} 1\.0$', re.MULTILINE)
SENTENCE = re.compile(r'<small class="why">(.*?)</small>')
GONE_S, END_S = 600, 900
"""The time at which the living room's sensor falls silent, and the end of a scenario."""


class Shown(NamedTuple):
    """The reason of the living room's silence on /metrics and in /status; the sentence in /status and on the page."""

    on_metrics: str
    in_status: str
    text: str
    on_page: str


def packets(
    address: str,
    until_s: float = GONE_S,
    rssi: Callable[[float], float] = lambda _now_s: -60,
    payload: bytes = PACKET_A,
    *,
    from_s: float = 0,
) -> list[Transmission]:
    """Return the packets of a sender that sends every 5 s."""
    times = [from_s + 5 * number + 0.5 for number in range(int((until_s - from_s) / 5))]
    return [Transmission(now_s, address, round(rssi(now_s)), {UUID: payload}) for now_s in times]


def on_air(*senders: Iterable[Transmission]) -> list[Transmission]:
    """Return the packets of several senders, in the order of their times."""
    return sorted((one for sender in senders for one in sender), key=lambda one: one.at)


async def ask(cycle: ScanCycle, config: AppConfig) -> Shown:
    """Return what the service's HTTP server shows."""
    collectors = {"readings": cycle.readings, "silences": cycle.silence_reasons}
    app = create_app(config, cycle.tracker, collectors, cycle.liveness, cycle.status)
    async with TestClient(TestServer(app)) as client:
        metrics, status, page = [await (await client.get(path)).text() for path in ("/metrics", "/status", "/")]
    silence = json.loads(status)["devices"][0]["silence"] or {"reason": "", "text": ""}
    return Shown(
        ",".join(SERIES.findall(metrics)),
        silence["reason"],
        silence["text"],
        html.unescape(SENTENCE.findall(page)[0]),
    )


@pytest.fixture
def without_pause(app_config: AppConfig) -> AppConfig:
    """A configuration with continuous listening."""
    return replace(app_config, scan_duration_seconds=app_config.scan_interval_seconds)


Show = Callable[[AppConfig, MockScanner | Radio], Shown]


@pytest.fixture
def show(log: logging.Logger, in_virtual_time: InVirtualTime) -> Show:
    """Return a function that plays a scenario, and returns what the service shows at its end."""

    def shown(config: AppConfig, radio: MockScanner | Radio) -> Shown:
        async def run() -> ScanCycle:
            loop = asyncio.get_running_loop()
            cycle = ScanCycle(config, radio, log, Clock(loop.time, loop.time))
            async with Tasks() as tasks:
                await tasks.wait(tasks.start(cycle.run()), timeout_s=END_S)
            return cycle

        # The virtual clock stands still while the server answers.
        answer: Shown = asyncio.run(ask(in_virtual_time(run()), config))
        assert (answer.on_metrics, answer.text) == (answer.in_status, answer.on_page)
        return answer

    return shown


def fading(now_s: float) -> float:
    """Return an RSSI that falls in the five minutes before GONE_S."""
    return -70 - 24 * max(0, now_s - (GONE_S - 300)) / 300


OTHERS = on_air(packets(BEDROOM, END_S), packets(STRANGER, END_S))
SCENARIOS: Mapping[str, tuple[list[Transmission], str]] = {
    "": (on_air(packets(LIVING_ROOM, END_S), OTHERS), ""),
    "never_heard": (OTHERS, "Nothing was heard of it since the exporter started 15 min ago; 1 other sensor is heard."),
    "refused": (
        on_air(packets(LIVING_ROOM), packets(LIVING_ROOM, END_S, payload=ENCRYPTED, from_s=GONE_S), OTHERS),
        "Packets arrive under its address, the latest 5 s ago, but are refused: encrypted.",
    ),
    "faded": (
        on_air(packets(LIVING_ROOM, rssi=fading), OTHERS),
        "Its signal fell from -70 to -92 dBm in the 4 min before its last packet.",
    ),
    "battery_low": (on_air(packets(LIVING_ROOM, payload=LOW_BATTERY), OTHERS), "Its battery was at 4 %."),
    "left": (
        on_air(packets(LIVING_ROOM), OTHERS),
        "Its packets stopped; it had a signal of -60 dBm and a battery at 81 %; 1 other sensor is heard.",
    ),
    "all_silent": (
        on_air(packets(LIVING_ROOM), packets(BEDROOM), packets(STRANGER, END_S)),
        (
            "Nothing was heard from any sensor for 5 min: 2 sensors fell silent at the same time; another Bluetooth "
            "device was heard 5 s ago."
        ),
    ),
    "not_listening": (
        # The capture has ended, so the exporter does not listen any more.
        on_air(packets(LIVING_ROOM), packets(BEDROOM)),
        "The exporter listened for none of the 5 min since its last packet.",
    ),
}


@pytest.mark.parametrize(("reason", "scenario"), SCENARIOS.items())
def test_each_reason_is_shown_everywhere(
    reason: str, scenario: tuple[list[Transmission], str], without_pause: AppConfig, show: Show
) -> None:
    """A user reads the page, a program /status, and an alert rule /metrics, and all must say the same."""
    air, sentence = scenario

    found = show(without_pause, MockScanner(air=air))

    assert (reason, sentence) == (found.in_status, found.text)


@pytest.mark.parametrize(("reason", "scenario"), SCENARIOS.items())
def test_pauses_between_scans_change_no_reason(
    reason: str, scenario: tuple[list[Transmission], str], app_config: AppConfig, show: Show
) -> None:
    """Scans with pauses give less evidence, which must still lead to the same reason."""
    found = show(app_config, MockScanner(air=scenario[0]))

    assert reason == found.in_status


def test_two_adapters_of_which_one_fails(without_pause: AppConfig, show: Show) -> None:
    """The sensor that only the failed adapter can hear is not to blame."""

    class Failing(Radio):
        """A radio with two adapters; the one that hears the living room fails."""

        adapters = {"hci0": True, "hci1": True}  # noqa: RUF012 - of one test

        async def run(self, listener: Listener, started: Callable[[], None]) -> None:
            started()
            for number in range(END_S):
                now_s = 5 * number
                self.adapters["hci1"] = now_s < GONE_S
                for address, adapter in ((LIVING_ROOM, "hci1"), (BEDROOM, "hci0")):
                    if self.adapters[adapter]:
                        listener.handle(Advertisement(address, {UUID: PACKET_A}, -60, adapter))
                await asyncio.sleep(5)

    text = "Adapter hci1, which heard it best, listened for only 10 s of the 5 min since its last packet."
    found = show(without_pause, Failing())

    assert ("not_listening", text) == (found.in_status, found.text)
