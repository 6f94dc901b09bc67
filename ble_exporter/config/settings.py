"""The settings of a configuration, with a method that reads and checks each kind of value."""

import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from ble_exporter.config.devices import path_problem
from ble_exporter.config.yaml_document import Document, Node, Scalar, elements_of, show_value
from ble_exporter.utils import hidden_in

_MAX_HOST_LENGTH = 253

# In a shorter scan, the radio would spend most of the time starting and stopping.
_MIN_SECONDS = 1

_BROADCAST = ipaddress.ip_address("255.255.255.255")

# Link-local IPv6 addresses (fe80:: to febf:…) in their shortest form. Each is valid on one network only.
_LINK_LOCAL = re.compile("fe[89ab][0-9a-f]:")

EXAMPLES = {
    "scan_interval_seconds": "30",
    "scan_duration_seconds": "5",
    "silence_limit_seconds": "90",
    "listen_port": "8000",
    "adapter": '"hci0"',
    "allowed_hosts": '"pi.example.org"',
    "devices": '{"A4:C1:38:00:00:01": "living_room"}',
}

T = TypeVar("T")
Choice = TypeVar("Choice", bound=str)


@dataclass(frozen=True)
class Settings:
    """The settings of one file. An invalid setting is reported to the document, and gets its default value."""

    document: Document
    nodes: Mapping[str, Node]

    def fail(self, key: str, problem: str, hint: str) -> NoReturn:
        """Raise a ConfigError for a setting."""
        self.document.fail(self.nodes[key], problem, hint, key=key)

    def read(self, key: str, accept: Callable[[Scalar], T | None], default: T, problem: str, hint: str) -> T:
        """Return a setting's value as converted by `accept`; the default if it is absent or `accept` returns None."""
        if key not in self.nodes:
            return default
        with self.document.errors:
            value = self.document.scalar(self.nodes[key], key)
            accepted = accept(value)
            if accepted is None:
                self.fail(key, f"{show_value(self.nodes[key], value)} {problem}", hint)
            return accepted
        return default

    def seconds(self, key: str, default: float = math.nan) -> float:
        """Return a time in seconds; `default` if it is absent or invalid."""
        problem = f"is not a number of {_MIN_SECONDS} or more"
        return self.read(key, _seconds, default, problem, f"write `{key}: {EXAMPLES[key]}`")

    def log_file(self, default: str) -> str:
        """Return the path of the log file, or "-"."""
        hint = 'write a path, or "-" for standard error'
        path = self.read("log_file", _log_file, default, "is not a path", hint)
        problem, hint = path_problem(path)
        if problem:
            with self.document.errors:
                self.fail("log_file", problem, hint)
        return path

    def port(self) -> int:
        """Return the TCP port of the HTTP server; 0 if it is absent or invalid."""
        return self.read("listen_port", _port, 0, "is not a port", "write a whole number from 1 to 65535")

    def listen_address(self) -> str | None:
        """Return the IP address of the HTTP server; None for all addresses."""
        hint = 'write one, such as "127.0.0.1", or remove the key to listen on all addresses'
        address = self.read("listen_address", _ip_address, None, "is not an IP address of a machine", hint)
        if address is not None and "%" not in address and _LINK_LOCAL.match(address):
            with self.document.errors:
                problem = f"{address} is valid on one network only, so its interface must be named"
                self.fail("listen_address", problem, f'write it after the address: "{address}%eth0"')
        return address

    def choice(self, key: str, choices: Sequence[Choice], default: Choice) -> Choice:
        """Return the choice that the setting names, regardless of case."""
        by_text = {choice.lower(): choice for choice in choices}
        hint = f"write one of {', '.join(choices)}"
        return self.read(key, lambda value: by_text.get(str(value).lower()), default, "is not allowed", hint)

    def adapters(self) -> tuple[str, ...]:
        """Return the names of the adapters."""
        hint = f"write one, such as {EXAMPLES['adapter']}"
        return self._names("adapter", _adapter, "is not the name of an adapter", hint)

    def allowed_hosts(self) -> tuple[str, ...]:
        """Return the additional host names of the page."""
        hint = f"write only the name, such as {EXAMPLES['allowed_hosts']}, without http:// and without a port"
        return self._names("allowed_hosts", _host_name, "is not a host name", hint)

    def _names(self, key: str, accept: Callable[[Scalar], str | None], problem: str, hint: str) -> tuple[str, ...]:
        """Return the names in a list; a single name counts as a list of one."""
        if key not in self.nodes:
            return ()
        names: list[str] = []
        nodes = elements_of(self.nodes[key])
        for node in nodes:
            with self.document.errors:
                value = self.document.scalar(node, key)
                name = accept(value)
                if name is None:
                    self.document.fail(node, f"{show_value(node, value)} {problem}", hint, key=key)
                if name in names:
                    self.document.fail(node, f"{name} is listed twice", "remove one of the two", key=key)
                names.append(name)
        if not nodes:
            with self.document.errors:
                self.fail(key, "the list is empty", f"write a name, such as {EXAMPLES[key]}, or remove the key")
        return tuple(names)


def _seconds(value: Scalar) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if _MIN_SECONDS <= value < math.inf else None


def _port(value: Scalar) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535 else None


def _log_file(value: Scalar) -> str | None:
    return value if isinstance(value, str) and value and not hidden_in(value) else None


def _ip_address(value: Scalar) -> str | None:
    try:
        address = ipaddress.ip_address(str(value))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    # Nobody can connect to a multicast or broadcast address.
    return None if address.is_multicast or address == _BROADCAST else str(address)


def _adapter(value: Scalar) -> str | None:
    return value if isinstance(value, str) and re.fullmatch("hci[0-9]{1,3}", value) else None


def _host_name(value: Scalar) -> str | None:
    """Return the name as browsers send it: in lower case, and in Punycode if it has letters outside ASCII."""
    if not isinstance(value, str):
        return None
    name = value.lower().removesuffix(".")
    # Converting a very long name to Punycode is very slow.
    if not name.isascii() and len(name) <= _MAX_HOST_LENGTH:
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            return None
    # 32 hex digits are a bindkey on the wrong line, not a host name.
    return name if re.fullmatch(r"(?![0-9a-f]{32}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", name) else None
