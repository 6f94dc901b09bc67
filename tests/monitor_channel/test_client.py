"""Tests of the exporter's side: it asks helpers over real Unix sockets; one helper is a real process."""

import asyncio
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import pytest

from ble_exporter.monitor_channel.channel import HEADER_SIZE, ChannelSockets
from ble_exporter.monitor_channel.client import request_channel
from ble_exporter.scanner.monitor_socket import MonitorSocket
from ble_exporter.tasks import Tasks
from tests.conftest import HERE
from tests.monitor_channel.pairs import CONTROLLER, Pairs
from tests.scanner.monitor_frames import frame, legacy_report

PACKET = frame(legacy_report(b"%d" % CONTROLLER), controller=CONTROLLER)
"""A packet that the helper process of this test has in its channel."""

Serve = Callable[[socket.socket], None]

# A helper that opens pairs of sockets in place of the channel, with packets that wait in them.
HELPER = """
from ble_exporter.monitor_channel.helper import main
from tests.monitor_channel.pairs import Pairs
from tests.scanner.monitor_frames import frame, legacy_report

def opener(controller):
    sockets = pairs.open(controller)
    for number in (controller, controller + 1, controller):
        pairs.reports.send(frame(legacy_report(b"%d" % number), controller=number))
    return sockets

pairs = Pairs()
main(opener)
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return the path of a helper's socket that does not exist yet."""
    return str(tmp_path / "helper.sock")


def asked(
    path: str,
    serve: Serve,
    ask: Callable[[int, str], Coroutine[object, None, ChannelSockets]] = request_channel,
    times: int = 1,
) -> list[ChannelSockets]:
    """Ask for a channel while `serve` handles each connection, as systemd does with `Accept=yes`."""

    async def accept(listener: socket.socket) -> None:
        while True:
            connection, _address = await asyncio.get_running_loop().sock_accept(listener)
            connection.setblocking(True)
            with connection:
                serve(connection)

    async def run() -> list[ChannelSockets]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.setblocking(False)
            listener.bind(path)
            listener.listen()
            async with Tasks() as tasks:
                tasks.start(accept(listener))
                return [await ask(CONTROLLER, path) for _time in range(times)]

    return asyncio.run(run())


@pytest.fixture
def start_helper() -> Iterator[Serve]:
    """Return a server that starts a helper process for a connection, and does not wait for its end."""
    processes: list[subprocess.Popen[bytes]] = []
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}

    def serve(connection: socket.socket) -> None:
        processes.append(subprocess.Popen([sys.executable, "-c", HELPER], stdin=connection.fileno(), env=environment))

    yield serve
    assert [0] * len(processes) == [one.wait(60) for one in processes]


@pytest.fixture
def keep() -> Iterator[Serve]:
    """Return a server that keeps connections open, without answering."""
    kept: list[socket.socket] = []
    yield lambda connection: kept.append(connection.dup())
    for one in kept:
        one.close()


@pytest.mark.program
def test_a_helper_passes_a_channel_each_time(path: str, start_helper: Serve) -> None:
    """A channel is opened again after each failure of Bluetooth, and must outlive the helper that has opened it."""
    channels = asked(path, start_helper, times=2)

    for one in channels:
        monitor = MonitorSocket(one)
        assert [PACKET[HEADER_SIZE:]] * 2 == [event for event, _age_s in monitor.read()]
        assert [False, False] == [os.get_inheritable(sock.fileno()) for sock in one]
        monitor.close()


def test_without_a_helper_there_is_an_error_with_its_path(path: str) -> None:
    """If there is no helper, the caller must report why this process can't open the channel itself."""
    with pytest.raises(FileNotFoundError) as caught:
        asyncio.run(request_channel(0, path))

    assert path == caught.value.filename


def test_no_helper_is_awaited_for_ever(path: str, keep: Serve) -> None:
    """A helper, or systemd, may hang; the exporter then hears through bluetoothd, or is restarted."""
    with pytest.raises(TimeoutError) as caught:
        asked(path, keep, lambda controller, helper: request_channel(controller, helper, limit_s=0.01))

    assert (errno.ETIMEDOUT, path) == (caught.value.errno, caught.value.filename)


def open_files() -> int:
    """Return the number of this process's descriptors."""
    return len(list(Path("/proc/self/fd").iterdir()))


def detached(pairs: Pairs) -> list[int]:
    """Open a channel, and return its descriptors, which the caller closes."""
    sockets = pairs.open(CONTROLLER)
    return [one.detach() for one in sockets]


def passing(packet: bytes, descriptors: list[int]) -> Serve:
    """Return a server that answers with a packet and descriptors."""

    def serve(connection: socket.socket) -> None:
        connection.recv(16)
        socket.send_fds(connection, [packet], descriptors)
        for one in descriptors:
            os.close(one)

    return serve


@pytest.mark.parametrize(
    ("packet", "passes", "number"),
    [
        (b"1", False, errno.EPERM),
        (b"97", False, errno.EAFNOSUPPORT),
        (b"0", False, errno.EPROTO),
        (b"nonsense", True, errno.EPROTO),
        (b"97", True, errno.EAFNOSUPPORT),
    ],
)
def test_an_error_of_the_helper_is_raised(path: str, pairs: Pairs, packet: bytes, passes: bool, number: int) -> None:
    """The log must give the helper's reason; sockets that came with an error must not stay open."""
    before = open_files()
    descriptors = detached(pairs) if passes else []
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        asked(path, passing(packet, descriptors))
    pairs.close()

    assert (number, path) == (caught.value.errno, caught.value.filename)
    assert before == open_files()


def test_descriptors_that_are_no_sockets_are_closed(path: str) -> None:
    """An answer that can't be used must leave nothing open, however often the exporter asks."""
    before = open_files()
    with pytest.raises(OSError, match=os.strerror(errno.EPROTO)):
        asked(path, passing(b"0", [os.open(os.devnull, os.O_RDONLY) for _ in ChannelSockets._fields]))

    assert before == open_files()


def test_a_connection_that_systemd_closes_is_an_error(path: str) -> None:
    """Systemd closes connections beyond MaxConnections= without an answer."""
    with pytest.raises(ConnectionResetError):
        asked(path, lambda _connection: None)


def test_a_cancelled_request_leaves_nothing(path: str) -> None:
    """A stop of the service while it waits for a helper must not be delayed, and must not leave a connection open."""

    async def run() -> list[int]:
        counts = [open_files()]
        async with Tasks() as tasks:
            tasks.start(request_channel(CONTROLLER, path))
            for _turn in range(3):
                await asyncio.sleep(0)
            counts.append(open_files())
        await asyncio.sleep(0)
        return [*counts, open_files()]

    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        before, waiting, after = asyncio.run(run())

    assert (before + 1, before) == (waiting, after)
