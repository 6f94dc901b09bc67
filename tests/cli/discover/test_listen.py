"""Tests of how long `discover` listens."""

import asyncio
import os
import signal
from collections.abc import Callable

import pytest

from ble_exporter.cli.discover.discovered import Discovery
from ble_exporter.cli.discover.display import Display
from ble_exporter.cli.discover.listen import listen
from ble_exporter.errors import LossReason, ResetOutcome, ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.scanner import Listener, MockScanner
from ble_exporter.scanner.capture import Transmission
from ble_exporter.scanner.simulation import Simulation
from tests.conftest import PACKET_A
from tests.radios import InVirtualTime, Radio

ADDRESS = "A4:C1:38:00:00:01"


class Log(Display):
    """A display that records its calls, and can send SIGINT, as Ctrl-C does."""

    def __init__(self, enough_at_s: float = -1.0) -> None:
        self.left: list[float] = []
        self.where = ""
        self.ends = 0
        self._enough_at_s = enough_at_s

    def show(self, discovery: Discovery, left_s: float, where: str) -> None:  # noqa: ARG002 - Display's
        """See Display."""
        self.left.append(left_s)
        self.where = where
        if left_s == self._enough_at_s:
            os.kill(os.getpid(), signal.SIGINT)

    def end(self) -> None:
        """See Display."""
        self.ends += 1


def discovery() -> Discovery:
    """Return a discovery that uses the event loop's clock."""
    return Discovery(lambda: asyncio.get_running_loop().time())


def test_it_listens_for_the_given_time(in_virtual_time: InVirtualTime) -> None:
    """The user waits for half a minute, and must see progress several times a second."""
    log, heard = Log(), discovery()

    took_s = in_virtual_time(listen(MockScanner(air=Simulation([ADDRESS], seed=1).transmissions()), heard, 30.0, log))

    assert pytest.approx(30.0) == took_s
    assert [30.0, 29.75, 29.5] == log.left[:3]
    assert 0.0 == log.left[-1]
    assert 122 >= len(log.left)
    assert [12] == [sensor.packets for sensor in heard.sensors()]
    assert 1 == log.ends


def test_it_ends_with_the_capture(in_virtual_time: InVirtualTime) -> None:
    """After the last packet of a capture, waiting for the rest of the time would be pointless."""
    log = Log()

    took_s = in_virtual_time(
        listen(MockScanner(air=[Transmission(3.0, ADDRESS, -60, {UUID: PACKET_A})]), discovery(), 30.0, log)
    )

    assert pytest.approx(3.0) == took_s
    assert 1 == log.ends


def test_ctrl_c_ends_listening(in_virtual_time: InVirtualTime) -> None:
    """A user who sees the sensor need not wait any longer, and the sensors found must be kept."""
    log, heard = Log(enough_at_s=20.0), discovery()
    before = signal.getsignal(signal.SIGINT)

    took_s = in_virtual_time(listen(MockScanner(air=Simulation([ADDRESS], seed=1).transmissions()), heard, 30.0, log))

    assert 10.0 <= took_s <= 11.0
    assert [ADDRESS] == [sensor.address for sensor in heard.sensors()]
    assert 1 == log.ends
    assert before == signal.getsignal(signal.SIGINT)


def test_ctrl_c_ends_listening_while_bluetooth_starts(in_virtual_time: InVirtualTime) -> None:
    """If bluetoothd hangs, starting may take 20 s, and the user must be able to give up."""

    class Starting(Radio):
        async def run(self, listener: Listener, started: Callable[[], None]) -> None:  # noqa: ARG002 - Radio's
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(3600)

    assert 0.0 == in_virtual_time(listen(Starting(), discovery(), 30.0, Log()))


def test_a_radio_that_fails_is_an_error(in_virtual_time: InVirtualTime) -> None:
    """The display must end first, so that the error does not appear inside the table."""
    log = Log()

    with pytest.raises(ScannerError, match="unplugged"):
        in_virtual_time(listen(Radio(error=ScannerError("unplugged")), discovery(), 30.0, log))
    assert 1 == log.ends


def test_the_display_names_the_adapter(in_virtual_time: InVirtualTime) -> None:
    """On a machine with two adapters, the user must see which one listens."""

    class Adapter(Radio):
        adapters = {"hci1": True}  # noqa: RUF012 - a constant
        lost_events: dict[tuple[str, LossReason], int] = {}  # noqa: RUF012 - a constant
        adapter_resets: dict[tuple[str, ResetOutcome], int] = {}  # noqa: RUF012 - a constant
        is_resetting = False
        silence = None

    log = Log()

    in_virtual_time(listen(Adapter(), discovery(), 1.0, log))

    assert "hci1" == log.where
