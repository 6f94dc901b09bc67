"""The ports of the HTTP server: their addresses, temporary and permanent errors, and sockets passed by systemd."""

import errno
import http.client
import os
import re
import resource
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from ble_exporter.errors import ConfigError, PortError
from ble_exporter.system.port import Endpoint, endpoint_of, open_port, passed_ports
from tests.program import PATIENCE_S, ROOT, write_config


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("address", [None, "::"])
def test_every_address_is_ipv4_and_ipv6(address: str | None) -> None:
    """A Prometheus that only has IPv4 must reach an exporter that listens on `::`."""
    port = free_port()
    with open_port(address, port):
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, port), timeout=10) as connection:
                assert port == connection.getpeername()[1]


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_without_ipv6_every_address_is_ipv4(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Many people switch IPv6 off, in the kernel or by sysctl, and the exporter must start all the same."""
    create_server = socket.create_server

    def without_ipv6(address: tuple[str, int], *, family: int, dualstack_ipv6: bool = False) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(number, "no IPv6")
        return create_server(address, family=family)

    port = free_port()
    monkeypatch.setattr(socket, "create_server", without_ipv6)
    with open_port("::", port) as opened:
        assert ("0.0.0.0", socket.AF_INET) == (opened.getsockname()[0], opened.family)


def test_a_kernel_built_without_ipv6_has_every_ipv4_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without IPv6 in the kernel, Python raises a ValueError instead of an OSError; the exporter must still start."""
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)

    with open_port(None, free_port()) as opened:
        assert ("0.0.0.0", socket.AF_INET) == (opened.getsockname()[0], opened.family)


def test_a_port_in_use_may_become_free() -> None:
    """A predecessor that is about to end still holds the port, so another attempt may succeed."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortError) as caught:
        open_port("127.0.0.1", port)

    hint = "end the program that uses it (`ss -ltnp` shows it), or set another port"
    assert f"listen_port: port {port} is in use; {hint}" == str(caught.value)


@pytest.mark.parametrize("address", ["192.0.2.77", "2001:db8::77", "fe80::1%nowhere"])
def test_an_address_may_come_late(address: str) -> None:
    """At boot, an interface may get its address a minute after the exporter has started."""
    text = f"listen_address: {address} is not an address of this machine; `ip address` shows its addresses"
    with pytest.raises(PortError) as caught:
        open_port(address, 8000)

    assert text == str(caught.value)


def test_the_broadcast_address_of_a_network_is_refused() -> None:
    """The kernel lets a server listen on a broadcast address, but nobody can connect to it."""
    with pytest.raises(ConfigError, match=r"listen_address: 127\.255\.255\.255 is a broadcast address") as caught:
        open_port("127.255.255.255", free_port())

    assert not isinstance(caught.value, PortError)


@pytest.mark.parametrize(
    ("number", "may_pass", "said"),
    [
        (errno.EACCES, False, "listen_port: this user may not listen on port 80; set a port above 1023"),
        (
            errno.EINVAL,
            False,
            "listen_address: can't listen on fe80::1 (Invalid argument); `ip address` shows this machine's addresses",
        ),
        (
            errno.EMFILE,
            True,
            (
                "listen_address: can't listen on fe80::1 (Too many open files); "
                "`ip address` shows this machine's addresses"
            ),
        ),
    ],
)
def test_other_errors_have_their_own_messages(
    monkeypatch: pytest.MonkeyPatch, number: int, said: str, *, may_pass: bool
) -> None:
    """Each error needs its own message. The test injects the errors, because not every machine can provoke them."""

    def create_server(*_arguments: object, **_options: object) -> socket.socket:
        raise OSError(number, "x")

    monkeypatch.setattr(socket, "create_server", create_server)
    with pytest.raises(ConfigError) as caught:
        open_port("fe80::1", 80)

    assert (said, may_pass) == (str(caught.value), isinstance(caught.value, PortError))


def test_an_error_without_an_address_is_a_sentence() -> None:
    """Without listen_address, the message must not say that the exporter can't listen on "None"."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(PortError, match=r"can't listen on any address \(Too many open files\)"):
            open_port(None, 8000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        (":9265", Endpoint(None, 9265)),
        ("127.0.0.1:80", Endpoint("127.0.0.1", 80)),
        ("localhost:65535", Endpoint("127.0.0.1", 65535)),
        ("[::1]:1", Endpoint("::1", 1)),
        ("[FE80::1%eth0]:9265", Endpoint("fe80::1%eth0", 9265)),
    ],
)
def test_an_endpoint_is_written_as_prometheus_writes_it(text: str, endpoint: Endpoint) -> None:
    """Operators type the address in the same way for each of their exporters."""
    assert endpoint == endpoint_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "9265",
        ":0",
        ":65536",
        ":9999999",
        ":９２",
        "::1:9265",
        "[::1]",
        "[127.0.0.1:80",
        "1.2.3:80",
        "pi:80",
        ":80/x",
    ],
)
def test_anything_else_is_no_endpoint(text: str) -> None:
    """The error must show how an address is written, because users easily confuse the forms of addresses."""
    with pytest.raises(ValueError, match=r"\[::1\]:8000|does not appear to be an IP"):
        endpoint_of(text)


def test_every_address_of_a_port_in_use_is_refused() -> None:
    """If the exporter then used IPv4 alone, a Prometheus that uses IPv6 would reach the other program."""
    with socket.create_server(("::", 0), family=socket.AF_INET6) as other, pytest.raises(PortError, match="is in use"):
        open_port(None, other.getsockname()[1])


def of_systemd(**variables: str) -> dict[str, str]:
    """Return the environment variables with which systemd starts a process."""
    return {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", **variables}


def test_a_passed_socket_is_taken() -> None:
    """The program listens on this socket; a child process that inherited the socket would keep the port open."""
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        descriptor = os.dup(theirs.fileno())
        os.set_inheritable(descriptor, True)
        (opened,) = passed_ports(of_systemd(), descriptor)
        with opened:
            assert (theirs.getsockname(), False) == (opened.getsockname(), opened.get_inheritable())


@pytest.mark.parametrize(
    "variables",
    [
        {"LISTEN_PID": "1"},
        {"LISTEN_PID": ""},
        {"LISTEN_FDS": ""},
        {"LISTEN_FDS": "0"},
        {"LISTEN_FDS": "-1"},
        {"LISTEN_FDS": "1x"},
        {"LISTEN_FDS": "999999999"},
    ],
)
def test_without_a_passed_socket_the_option_is_an_error(variables: dict[str, str]) -> None:
    """An exporter that listens nowhere looks healthy to systemd. A foreign LISTEN_PID means inherited variables."""
    with pytest.raises(
        ConfigError, match=r"^--web.systemd-socket: systemd has passed no socket to this process; start"
    ):
        passed_ports(of_systemd(**variables))


def test_too_many_passed_sockets_are_an_error() -> None:
    """A wrong number must not make the program treat all its descriptors as sockets."""
    with pytest.raises(ConfigError, match="more than 32"):
        passed_ports(of_systemd(LISTEN_FDS="33"))


@pytest.mark.parametrize(
    ("family", "kind", "listens"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, False),  # Accept=yes
        (socket.AF_INET, socket.SOCK_DGRAM, False),
        (socket.AF_UNIX, socket.SOCK_SEQPACKET, True),
    ],
)
def test_another_kind_of_socket_is_an_error(family: socket.AddressFamily, kind: int, *, listens: bool) -> None:
    """The .socket unit may be wrong; the error must say which kind of socket the exporter needs."""
    with socket.socket(family, kind) as theirs:
        if family == socket.AF_UNIX:
            theirs.bind("")  # Linux chooses an abstract name
        if listens:
            theirs.listen()
        problem = r"is not a listening stream socket; the \.socket unit needs ListenStream="
        with pytest.raises(ConfigError, match=problem):
            passed_ports(of_systemd(), theirs.fileno())
        assert theirs.fileno() == os.dup2(theirs.fileno(), theirs.fileno()), "the descriptor was closed"


def test_a_descriptor_that_is_no_socket_is_an_error() -> None:
    """The descriptors may be files that a library has opened."""
    reading, writing = os.pipe()
    try:
        with pytest.raises(ConfigError, match="is not a listening stream socket"):
            passed_ports(of_systemd(), reading)
    finally:
        os.close(reading)
        os.close(writing)
    with pytest.raises(ConfigError, match="can't be used \\(Bad file descriptor\\)"):
        passed_ports(of_systemd(), reading)


_ACTIVATE = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); "
    "os.execv(sys.executable, [sys.executable, '-m', 'ble_exporter', *sys.argv[2:]])"
)
"""A Python program that passes a socket to the exporter and starts it, as systemd does."""


def activated(theirs: socket.socket, folder: Path) -> "subprocess.Popen[str]":
    """Start the program with this socket, as systemd does."""
    options = ["--config", str(write_config(folder, {"log_file": "-"})), "--mock", "--web.systemd-socket"]
    return subprocess.Popen(
        [sys.executable, "-c", _ACTIVATE, str(theirs.fileno()), *options],
        pass_fds=[theirs.fileno()], stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


@pytest.mark.program
def test_the_program_serves_on_the_passed_socket(tmp_path: Path) -> None:
    """The program must not open the configured port as well."""
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        process = activated(theirs, tmp_path)
        port = theirs.getsockname()[1]
        with process, urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
            assert "ble_exporter_scans_total" in answer.read().decode()
            process.terminate()
            _, log = process.communicate(timeout=PATIENCE_S)

    assert (0, [f"http://127.0.0.1:{port}/metrics"]) == (process.returncode, re.findall(r"serving on (\S+)", log))


class UnixConnection(http.client.HTTPConnection):
    """A connection to a Unix socket, like that of `curl --unix-socket` or of a proxy."""

    def connect(self) -> None:
        """Connect to the path that stands in place of the host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(self.host)


@pytest.mark.program
def test_the_program_serves_on_a_passed_unix_socket(tmp_path: Path) -> None:
    """Behind a proxy on the same machine, no port needs to be open; systemd sets who may use the socket."""
    path = tmp_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(path))
        theirs.listen()
        process = activated(theirs, tmp_path)
        with process:
            client = UnixConnection(str(path))
            client.request("GET", "/metrics", headers={"Host": "localhost"})
            assert "ble_exporter_scans_total" in client.getresponse().read().decode()
            client.close()
            process.terminate()
            _, log = process.communicate(timeout=PATIENCE_S)

    assert (0, [f"unix:{path},"]) == (process.returncode, re.findall(r"serving on (\S+)", log))
    assert path.exists(), "the socket is systemd's, which opens it only once"
