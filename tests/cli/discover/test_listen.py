"""How long `discover` listens."""

import asyncio
import os
import signal
from collections.abc import Callable

import pytest

from ble_exporter.cli.discover.discovered import Discovery
from ble_exporter.cli.discover.display import Display
from ble_exporter.cli.discover.listen import listen
from ble_exporter.errors import ScannerError
from ble_exporter.formats.bthome import UUID
from ble_exporter.scanner import Listener, MockScanner
from ble_exporter.scanner.capture import Transmission
from ble_exporter.scanner.simulation import Simulation
from tests.conftest import PACKET_A
from tests.radios import InVirtualTime, Radio

ADDRESS = "A4:C1:38:00:00:01"


class Log(Display):
    """A display that notes the calls, and can press Ctrl-C."""

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
    """Return a discovery in the event loop's time."""
    return Discovery(lambda: asyncio.get_running_loop().time())


def test_it_listens_as_long_as_it_should(in_virtual_time: InVirtualTime) -> None:
    """Meanwhile the display is updated several times a second."""
    log, heard = Log(), discovery()

    took_s = in_virtual_time(listen(MockScanner(air=Simulation([ADDRESS], seed=1).transmissions()), heard, 30.0, log))

    assert pytest.approx(30.0) == took_s
    assert [30.0, 29.75, 29.5] == log.left[:3]
    assert 0.0 == log.left[-1]
    assert 122 >= len(log.left)
    assert [12] == [sensor.packets for sensor in heard.sensors()]
    assert 1 == log.ends


def test_it_ends_when_nothing_more_can_come(in_virtual_time: InVirtualTime) -> None:
    """A capture ends before the time is over."""
    log = Log()

    took_s = in_virtual_time(
        listen(MockScanner(air=[Transmission(3.0, ADDRESS, -60, {UUID: PACKET_A})]), discovery(), 30.0, log)
    )

    assert pytest.approx(3.0) == took_s
    assert 1 == log.ends


def test_ctrl_c_is_enough(in_virtual_time: InVirtualTime) -> None:
    """A user who sees the sensor goes on to choose it, and nothing that was heard is lost."""
    log, heard = Log(enough_at_s=20.0), discovery()
    before = signal.getsignal(signal.SIGINT)

    took_s = in_virtual_time(listen(MockScanner(air=Simulation([ADDRESS], seed=1).transmissions()), heard, 30.0, log))

    assert 10.0 <= took_s <= 11.0
    assert [ADDRESS] == [sensor.address for sensor in heard.sensors()]
    assert 1 == log.ends
    assert before == signal.getsignal(signal.SIGINT)


def test_ctrl_c_is_enough_while_bluetooth_starts(in_virtual_time: InVirtualTime) -> None:
    """With a stack that hangs, starting may take 20 s."""

    class Starting(Radio):
        async def run(self, listener: Listener, started: Callable[[], None]) -> None:  # noqa: ARG002 - Radio's
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(3600)

    assert 0.0 == in_virtual_time(listen(Starting(), discovery(), 30.0, Log()))


def test_a_radio_that_fails_is_an_error(in_virtual_time: InVirtualTime) -> None:
    """The terminal is still left in order."""
    log = Log()

    with pytest.raises(ScannerError, match="unplugged"):
        in_virtual_time(listen(Radio(error=ScannerError("unplugged")), discovery(), 30.0, log))
    assert 1 == log.ends


def test_it_says_with_which_adapter(in_virtual_time: InVirtualTime) -> None:
    """On a machine with two adapters, the user wants to know."""

    class Adapter(Radio):
        adapters = {"hci1": True}  # noqa: RUF012 - a constant

    log = Log()

    in_virtual_time(listen(Adapter(), discovery(), 1.0, log))

    assert "hci1" == log.where
