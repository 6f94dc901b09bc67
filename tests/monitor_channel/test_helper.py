"""Tests of the helper that opens the monitor channel."""

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ble_exporter.monitor_channel.channel import LAST_CONTROLLER, ChannelSockets
from ble_exporter.monitor_channel.helper import answer
from ble_exporter.monitor_channel.protocol import LONGEST_PACKET, number_in
from tests.monitor_channel.pairs import CONTROLLER, Pairs

PATIENCE_S = 60.0


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return the ends of a connection: the exporter's and the helper's."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    yield ours, its
    ours.close()
    its.close()


def answer_to(ends: tuple[socket.socket, socket.socket], request: bytes, opened: list[int]) -> tuple[bytes, int]:
    """Return the answer to a request, and the number of descriptors in it; note the controllers that are opened."""
    ours, its = ends
    pairs = Pairs()

    def opener(controller: int) -> ChannelSockets:
        opened.append(controller)
        return pairs.open(controller)

    ours.send(request)
    answer(its, opener)
    packet, descriptors, _flags, _address = socket.recv_fds(ours, LONGEST_PACKET, 3)
    for one in descriptors:
        os.close(one)
    pairs.close()
    return packet, len(descriptors)


def test_the_answer_passes_both_sockets(ends: tuple[socket.socket, socket.socket]) -> None:
    """Without the sample, the exporter would notice a burst of packets too late."""
    opened: list[int] = []

    assert (b"0", 2) == answer_to(ends, b"%d" % CONTROLLER, opened)
    assert [CONTROLLER] == opened


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=st.binary(min_size=1, max_size=64) | st.integers(0, 99999).map(lambda number: b"%d" % number))
def test_any_request_is_answered(ends: tuple[socket.socket, socket.socket], request: bytes) -> None:
    """A process that hostile packets have taken over must get the channel of a controller, and nothing else."""
    opened: list[int] = []
    controller = number_in(request, LAST_CONTROLLER)

    assert ((b"%d" % errno.EINVAL, 0) if controller is None else (b"0", 2)) == answer_to(ends, request, opened)
    assert ([] if controller is None else [controller]) == opened


@pytest.mark.parametrize(
    ("refusal", "packet"),
    [(OSError(errno.EAFNOSUPPORT, "no Bluetooth"), b"97"), (OSError("without a number"), b"%d" % errno.EIO)],
)
def test_an_error_is_reported(
    ends: tuple[socket.socket, socket.socket], capsys: pytest.CaptureFixture[str], refusal: OSError, packet: bytes
) -> None:
    """The exporter's log must give the reason, and the helper's log must tell which controller was asked for."""
    ours, its = ends

    def refuse(_controller: int) -> ChannelSockets:
        raise refusal

    ours.send(b"3")
    answer(its, refuse)

    assert (packet, []) == socket.recv_fds(ours, LONGEST_PACKET, 2)[:2]
    assert f"ble_exporter-monitor: hci3: the monitor channel can't be opened: {refusal}\n" == capsys.readouterr().err


def test_a_client_that_says_nothing_is_left(ends: tuple[socket.socket, socket.socket]) -> None:
    """If helpers waited for ever, clients that say nothing would occupy them until systemd starts no more."""
    with pytest.raises(TimeoutError):
        answer(ends[1], Pairs().open, limit_s=0.001)


def test_a_client_that_has_gone_gets_no_sockets(ends: tuple[socket.socket, socket.socket]) -> None:
    """The sockets that were opened for the client must not stay open."""
    ours, its = ends
    pairs = Pairs()
    sockets: list[ChannelSockets] = []

    def opener(controller: int) -> ChannelSockets:
        sockets.append(pairs.open(controller))
        return sockets[0]

    ours.send(b"0")
    ours.close()
    with pytest.raises(BrokenPipeError):
        answer(its, opener)
    pairs.close()

    assert [-1, -1] == [one.fileno() for one in sockets[0]]


def started(standard_input: int) -> subprocess.CompletedProcess[str]:
    """Run the helper with this descriptor as its standard input; return the ended process, with its log."""
    command = [sys.executable, "-m", "ble_exporter.monitor_channel.helper"]
    return subprocess.run(
        command, stdin=standard_input, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


@pytest.mark.program
def test_a_client_makes_no_unit_fail(ends: tuple[socket.socket, socket.socket]) -> None:
    """Whatever the exporter's user sends, the administrator must not see failed units."""
    ours, its = ends
    ours.send(b"keyboard")
    done = started(its.fileno())

    assert (0, "") == (done.returncode, done.stdout)
    assert "ble_exporter-monitor: a request is not the number of a controller: b'keyboard'\n" == done.stderr
    assert b"%d" % errno.EINVAL == ours.recv(LONGEST_PACKET)


@pytest.mark.program
def test_without_a_connection_the_helper_says_why_it_ends() -> None:
    """Somebody who starts the helper by hand must not wait for ever."""
    done = started(subprocess.DEVNULL)

    assert (0, "") == (done.returncode, done.stdout)
    assert "a request was not answered: " in done.stderr


@pytest.mark.program
def test_the_helper_loads_no_more_than_it_needs() -> None:
    """A helper starts for each request, even on a Pi that is booting, and all code that it loads has its capability."""
    code = "import sys, ble_exporter.monitor_channel.helper; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE_S)

    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert {"ctypes", "socket"} < loaded
    assert set() == loaded & {"aiohttp", "argparse", "asyncio", "bleak", "dbus_fast", "logging", "subprocess", "yaml"}
    assert [
        "ble_exporter",
        "ble_exporter.errors",
        "ble_exporter.formats",
        "ble_exporter.formats.advertising_reports",
        "ble_exporter.formats.measurement",
        "ble_exporter.model",
        "ble_exporter.monitor_channel",
        "ble_exporter.monitor_channel.channel",
        "ble_exporter.monitor_channel.helper",
        "ble_exporter.monitor_channel.protocol",
    ] == sorted(name for name in done.stdout.split() if name.startswith("ble_exporter"))
