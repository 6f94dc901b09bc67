"""
Decides which Host headers name this server, as a defence against DNS rebinding.

A malicious web page can make its own host name point to this machine. To the browser, this server's answers then come
from the page's own origin, so the page could read them. But the browser still sends the page's host name, which is not
one of ours.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable

# Nobody can register a name in these domains in the public DNS, so a foreign page can't have one.
_LOCAL_DOMAINS = ("local", "lan", "home", "home.arpa", "internal", "localdomain")
_HOST = re.compile(r"(?P<name>\[[^\]]*\]|[^:]*)(:[0-9]*)?")


def machine_names(hostname: str | None = None) -> frozenset[str]:
    """Return the names of a machine, by default this one: its host name, alone and in the domains of home networks."""
    own = _normal(socket.gethostname() if hostname is None else hostname)
    short = own.partition(".")[0]
    local = [f"{short}.{domain}" for domain in _LOCAL_DOMAINS] if short else []
    return frozenset({"localhost", own, short, *local})


class Hosts:
    """
    The host names of this server.

    Args:
        allowed: The configured names, in addition to those of the machine.
        names: The names of the machine.
    """

    def __init__(self, allowed: Iterable[str] = (), names: Iterable[str] | None = None) -> None:
        self._own_names = machine_names() if names is None else frozenset(names)
        self.allow(allowed)

    def allow(self, names: Iterable[str]) -> None:
        """Use these configured names in place of the previous ones."""
        self._names = self._own_names | frozenset(map(_normal, names))

    def is_ours(self, host: str) -> bool:
        """
        Return whether this value of a Host header is accepted, with any port.

        Address literals are accepted, because a foreign page can't have one as its host name, and so is an empty value,
        because no browser sends one.
        """
        match = _HOST.fullmatch(host.strip())
        if match is None:
            return False
        name = _normal(match["name"])
        return not name or name in self._names or name.endswith(".localhost") or _is_address(name)


def _normal(name: str) -> str:
    return name.lower().removesuffix(".")


def _is_address(name: str) -> bool:
    in_brackets = name.startswith("[") and name.endswith("]")
    try:
        address = ipaddress.ip_address(name[1:-1] if in_brackets else name)
    except ValueError:
        return False
    return in_brackets == (address.version == 6)
