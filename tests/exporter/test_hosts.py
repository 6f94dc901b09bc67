"""The names under which the server answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.exporter.hosts import Hosts, machine_names

HOSTS = Hosts(["pi.example.org"], machine_names("Raspberry"))


@pytest.mark.parametrize(
    "host",
    [
        "192.168.1.20:8000",
        "127.0.0.1",
        "[::1]:8000",
        "[fe80::1%eth0]",
        "localhost:9",
        "LOCALHOST.",
        "app.localhost",
        "raspberry:8000",
        "raspberry.local",
        "raspberry.lan",
        "raspberry.home.arpa",
        "Pi.Example.Org:443",
        "",
        ":8000",
    ],
)
def test_the_names_of_the_machine_and_its_addresses_are_answered(host: str) -> None:
    """Users open the page by address, by the machine's name, or by the name that they have configured."""
    assert HOSTS.is_ours(host)


@pytest.mark.parametrize(
    "host",
    [
        "rebound.attacker.example",
        "attacker",
        "raspberry.attacker.example",
        "raspberry.com",
        "192.168.1.20.attacker.example",
        "localhost.attacker.example",
        "evillocalhost",
        "sub.pi.example.org",
        "xpi.example.org",
        "127.0.0.1:80:80",
        "[127.0.0.1]",
        "::1",
        "[attacker.example]",
        "user@localhost",
        "localhost, attacker.example",
        "localhost/",
        "pi.example.org:x",
    ],
)
def test_a_foreign_name_is_not_answered(host: str) -> None:
    """If the server answered, any web page could read the state of a home by DNS rebinding."""
    assert not HOSTS.is_ours(host)


def test_the_short_name_of_a_qualified_host_name_counts_too() -> None:
    """Some machines have their full name as their host name, but users type the short name."""
    hosts = Hosts((), machine_names("pi.fritz.box"))

    assert [True, True, True] == [hosts.is_ours(name) for name in ("pi", "pi.fritz.box", "pi.local")]


def test_a_machine_without_a_name_is_no_reason_to_answer_any() -> None:
    """An empty host name must not allow `.local` or every name."""
    hosts = Hosts((), machine_names(""))

    assert [False, False] == [hosts.is_ours(name) for name in (".local", "attacker.local")]


@given(st.text(max_size=60))
def test_any_host_header_is_judged(host: str) -> None:
    """Anybody can send any bytes as Host, and none may cause an error."""
    assert HOSTS.is_ours(host) in (True, False)
