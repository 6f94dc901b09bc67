"""Tests of the protocols of scanners, radios and listeners."""

import asyncio
from collections.abc import Callable, Mapping

from ble_exporter.errors import LossReason, ResetOutcome
from ble_exporter.formats.bthome import UUID
from ble_exporter.model import Advertisement
from ble_exporter.scanner.radio import AbstractScanner, Everything, Listener, Radio
from tests.conftest import PACKET_A

ADVERTISEMENT = Advertisement("A4:C1:38:00:00:01", {UUID: PACKET_A})


class OneMethodScanner:
    """A scanner as another program may define it, without a base class."""

    async def scan(self, duration_s: float) -> list[tuple[str, bytes]]:
        """Return one packet."""
        assert duration_s > 0
        return [(ADVERTISEMENT.address, PACKET_A)]


class SmallestRadio:
    """A radio with only the members of the protocol, without a base class."""

    def __init__(self) -> None:
        self.adapters: Mapping[str, bool] = {}
        self.lost_events: dict[tuple[str, LossReason], int] = {}
        self.adapter_resets: dict[tuple[str, ResetOutcome], int] = {}
        self.is_resetting = False
        self.silence: str | None = None

    def catch_up(self) -> None:
        """See Radio: every packet is delivered at once."""

    async def run(self, listener: Listener, started: Callable[[], None]) -> None:
        """Deliver one advertisement, and end."""
        started()
        if listener.wants(ADVERTISEMENT.address):
            listener.handle(ADVERTISEMENT)


def test_one_method_makes_a_scanner() -> None:
    """Public API: other programs define scanners; mypy checks the assignment."""
    scanner: AbstractScanner = OneMethodScanner()

    assert [("A4:C1:38:00:00:01", PACKET_A)] == asyncio.run(scanner.scan(1))


def test_a_radio_needs_no_base_class() -> None:
    """Tests and other programs define their own radios; mypy checks the assignment."""
    radio: Radio = SmallestRadio()
    calls: list[object] = []

    asyncio.run(radio.run(Everything(calls.append), lambda: calls.append("started")))

    assert ["started", ADVERTISEMENT] == calls


def test_everything_wants_every_address() -> None:
    """`doctor` and the simple scan need every advertisement, even if its address is a UUID, as on macOS."""
    listener: Listener = Everything(lambda _advertisement: None)

    addresses = ["A4:C1:38:00:00:01", "68753A44-4D6F-1226-9C60-0050E4C00067", ""]
    assert [True, True, True] == [listener.wants(address) for address in addresses]
