"""
Opens the TCP ports of the HTTP server or takes its sockets from systemd, and defines the server's options.

A port in use, or an address that the machine does not have yet, raises a PortError: a later attempt may succeed.
"""

import errno
import ipaddress
import os
import re
import socket
import stat
from collections.abc import Mapping
from typing import NamedTuple

from ble_exporter.errors import ConfigError, PortError

TELEMETRY_PATH = "/metrics"

LISTEN_OPTION = "--web.listen-address"
"""The option that replaces the configured address and port."""

SOCKET_OPTION = "--web.systemd-socket"
"""The option that takes the sockets from systemd."""

SERVER_NAME = "ble-exporter"
"""`doctor` recognises the exporter by this name if the server requires TLS or a password."""

_OWN_ADDRESSES = "`ip address` shows this machine's addresses"

MOST_REQUESTS = 8
"""How many requests may wait for their answers: for the metrics, by default, and for all other paths together."""

_LAST_PORT = 65535
_ENDPOINT = re.compile(r"(\[(?P<v6>[\w.%-]*:[\w:.%-]*)\]|(?P<v4>[0-9.]*|localhost)):(?P<port>[0-9]{1,5})", re.ASCII)


class Endpoint(NamedTuple):
    """An IP address of this machine, or None for all of them, and a TCP port."""

    address: str | None
    port: int


class WebOptions(NamedTuple):
    """
    The options of the HTTP server that are not in the configuration.

    Attributes:
        endpoints: The addresses and ports to listen on; if empty, the configured ones.
        telemetry_path: The path of the metrics.
        most_requests: How many requests for metrics may wait for their answers at the same time.
        config_file: The path of the web configuration, which has the settings of TLS and passwords; None without one.
        is_activated: Whether systemd has opened the sockets and passed them to this process.
    """

    endpoints: tuple[Endpoint, ...] = ()
    telemetry_path: str = TELEMETRY_PATH
    most_requests: int = MOST_REQUESTS
    config_file: str | None = None
    is_activated: bool = False


DEFAULT_OPTIONS = WebOptions()


def endpoint_of(text: str) -> Endpoint:
    """
    Return the endpoint in a text such as ":8000", "127.0.0.1:8000", "[::1]:8000" or "localhost:8000".

    Raises a ValueError for any other text.
    """
    match = _ENDPOINT.fullmatch(text)
    if match is None or not 1 <= int(match["port"]) <= _LAST_PORT:
        raise ValueError(f"{text!r} is not an address with a port, such as :8000, 127.0.0.1:8000 or [::1]:8000")
    written = match["v6"] or match["v4"].replace("localhost", "127.0.0.1")
    return Endpoint(str(ipaddress.ip_address(written)) if written else None, int(match["port"]))


_SERVED_FAMILIES = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
_FIRST_PASSED = 3
_MOST_PASSED = 32


def passed_ports(environment: Mapping[str, str] = os.environ, first: int = _FIRST_PASSED) -> list[socket.socket]:
    """
    Return the listening sockets, TCP or Unix, that systemd has passed to this process, as sd_listen_fds(3) describes.

    Args:
        environment: The environment variables.
        first: The file descriptor of the first socket.

    Raises a ConfigError if systemd has passed nothing, or anything except listening stream sockets.
    """
    number = environment.get("LISTEN_FDS", "")
    # The variables may have been inherited from a parent process, to which systemd has passed the sockets.
    if environment.get("LISTEN_PID") != str(os.getpid()) or not re.fullmatch("[1-9][0-9]?", number, re.ASCII):
        hint = "start the exporter by ble_exporter.socket (docs/systemd.md), or leave out this option"
        raise ConfigError("systemd has passed no socket to this process", hint, key=SOCKET_OPTION)
    if int(number) > _MOST_PASSED:
        raise ConfigError(f"systemd has passed more than {_MOST_PASSED} sockets", key=SOCKET_OPTION)
    return [_passed_port(descriptor) for descriptor in range(first, first + int(number))]


def _passed_port(descriptor: int) -> socket.socket:
    try:
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            os.set_inheritable(descriptor, False)
            opened = socket.socket(fileno=descriptor)
            is_stream = opened.family in _SERVED_FAMILIES and opened.type == socket.SOCK_STREAM
            if is_stream and opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return opened
            opened.detach()
    except OSError as error:
        problem = f"file descriptor {descriptor}, which systemd has passed, can't be used ({error.strerror})"
        raise ConfigError(problem, key=SOCKET_OPTION) from error
    problem = f"file descriptor {descriptor}, which systemd has passed, is not a listening stream socket"
    hint = "the .socket unit needs ListenStream= with a port or a path, and Accept=no"
    raise ConfigError(problem, hint, key=SOCKET_OPTION)


# The errors if the kernel has no IPv6, or IPv6 is disabled.
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def open_port(address: str | None, port: int, option: str = "") -> socket.socket:
    """
    Return a socket that is bound to an IP address of this machine and a port, and listens.

    None and "::" stand for every address of the machine, IPv4 and IPv6. `option` is the command-line option
    that sets the address and port, for error messages; empty if the configuration sets them.

    Raises:
        PortError: The port can't be opened now, but may become available.
        ConfigError: The port can't be opened with this configuration.
    """
    try:
        return _listening(address, port)
    except OSError as error:
        raise _port_error(error, address, port, option) from error


def _listening(address: str | None, port: int) -> socket.socket:
    if address in (None, "::"):
        try:
            # Without dual stack, as on a kernel that was built without IPv6, create_server raises a ValueError.
            if socket.has_dualstack_ipv6():
                return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
        address = "0.0.0.0"  # noqa: S104 - every address is what the user has asked for
    assert address is not None  # noqa: S101 - replaced above
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if family == socket.AF_INET:
        _refuse_broadcast(address)
    return socket.create_server((address, port), family=family)


def _refuse_broadcast(address: str) -> None:
    """Raise a ConfigError for the broadcast address of a network: a server can listen on it, but nobody can connect."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Connecting a UDP socket sends nothing. Other errors may be temporary; if not, opening the port reports them.
        if probe.connect_ex((address, 9)) == errno.EACCES:
            raise ConfigError(f"{address} is a broadcast address", _OWN_ADDRESSES, key="listen_address")


def _port_error(error: OSError, address: str | None, port: int, option: str) -> ConfigError:
    of_port, of_address = option or "listen_port", option or "listen_address"
    if error.errno == errno.EADDRINUSE:
        hint = "end the program that uses it (`ss -ltnp` shows it), or set another port"
        return PortError(f"port {port} is in use", hint, key=of_port)
    if error.errno == errno.EACCES:
        return ConfigError(f"this user may not listen on port {port}", "set a port above 1023", key=of_port)
    # A negative number is an error of getaddrinfo: the interface after the % does not exist.
    is_unknown = error.errno is not None and error.errno < 0
    if error.errno == errno.EADDRNOTAVAIL or is_unknown:
        problem, hint = f"{address} is not an address of this machine", "`ip address` shows its addresses"
        return PortError(problem, hint, key=of_address)
    text = os.strerror(error.errno) if error.errno else str(error)
    kind: type[ConfigError] = ConfigError if error.errno in (errno.EINVAL, errno.EAFNOSUPPORT) else PortError
    return kind(f"can't listen on {address or 'any address'} ({text})", _OWN_ADDRESSES, key=of_address)
