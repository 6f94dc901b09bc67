"""Opens the TCP port of the HTTP server. A port in use, or an address assigned late, is not a configuration error."""

import errno
import os
import socket

from ble_exporter.errors import ConfigError, PortError

# The errors if the machine lacks IPv6, or IPv6 is disabled.
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def open_port(address: str | None, port: int) -> socket.socket:
    """
    Return a socket that is bound to an IP address of this machine and a port, and listens.

    None and "::" stand for every address of the machine, IPv4 and IPv6.

    Raises:
        PortError: The port can't be opened now, but may become available.
        ConfigError: The port can't be opened with this configuration.
    """
    try:
        return _listening(address, port)
    except OSError as error:
        raise _port_error(error, address, port) from error


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
        # Connecting a UDP socket sends nothing. Other errors may be temporary, and listen() describes them better.
        if probe.connect_ex((address, 9)) == errno.EACCES:
            raise ConfigError(f"{address} is a broadcast address", "`ip address` shows others", key="listen_address")


def _port_error(error: OSError, address: str | None, port: int) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        hint = "end the program that uses it (`ss -ltnp` shows it), or set another port"
        return PortError(f"port {port} is in use", hint, key="listen_port")
    if error.errno == errno.EACCES:
        return ConfigError(f"this user may not listen on port {port}", "set a port above 1023", key="listen_port")
    # A negative number is an error of getaddrinfo: the interface after the % does not exist.
    is_unknown = error.errno is not None and error.errno < 0
    if error.errno == errno.EADDRNOTAVAIL or is_unknown:
        problem, hint = f"{address} is not an address of this machine", "`ip address` shows its addresses"
        return PortError(problem, hint, key="listen_address")
    text = os.strerror(error.errno) if error.errno else str(error)
    kind: type[ConfigError] = ConfigError if error.errno in (errno.EINVAL, errno.EAFNOSUPPORT) else PortError
    return kind(f"can't listen on {address} ({text})", "`ip address` shows others", key="listen_address")
