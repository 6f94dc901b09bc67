"""The web configuration follows its files, and a broken file changes nothing."""

import logging
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from ble_exporter.errors import ConfigError
from ble_exporter.exporter.web_file import WebFile
from tests.certificates import Authority, shake_hands

HASH = "$2y$04$qRTBuFoULoYNA7AQ/F3ck.trZBPyjV64.oA4ZsSBCIWvXuvQlQTuu"
TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
CLIENT_AUTH = "  client_auth_type: RequireAndVerifyClientCert\n"
CLIENT_CA = f"{CLIENT_AUTH}  client_ca_file: ca.crt\n"
NAMES = "  client_allowed_sans: [prometheus.example]\n"
USERS = f"basic_auth_users:\n  alice: {HASH}\n"

log = logging.getLogger("test")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A web configuration with TLS."""
    Authority(tmp_path).issue("server")
    return written(tmp_path / "web.yml", TLS)


def written(path: Path, text: str) -> Path:
    """Write a web configuration that only its owner can read; return its path."""
    path.touch(0o600)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_files_are_read_once(path: Path) -> None:
    """Every request and every connection asks for the configuration, and reading it each time would be slow."""
    web_file = WebFile(str(path), log)

    assert web_file.latest() is web_file.latest()


def test_a_new_certificate_is_used(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A certificate is renewed every few weeks, and nobody wants to restart the exporter for it."""
    web_file = WebFile(str(path), log)
    before = web_file.latest().context
    Authority(path.parent).issue("server")
    with caplog.at_level(logging.INFO):
        after = web_file.latest().context

    assert before is not after
    assert f"reloaded the web configuration {path}" in caplog.text


def test_a_key_may_be_renewed_after_its_certificate(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Until the key is renewed, too, the old pair must be served, and the log must say so once."""
    web_file = WebFile(str(path), log)
    before = web_file.latest().context
    key = path.with_name("server.key")
    old_key = key.read_bytes()
    Authority(path.parent).issue("server")
    new_key = key.read_bytes()
    key.write_bytes(old_key)
    for _ in range(3):
        assert before is web_file.latest().context
    assert 1 == caplog.text.count("the web configuration was not reloaded, and the previous one stays in use: ")
    assert "tls: private key does not match public key" in caplog.text
    key.write_bytes(new_key)

    assert before is not web_file.latest().context


def test_users_can_be_added_and_removed(path: Path) -> None:
    """A user who was removed must be refused from the next request on, without a restart."""
    web_file = WebFile(str(path), log)
    written(path, TLS + USERS)
    assert {b"alice": HASH.encode()} == web_file.latest().config.users
    written(path, TLS + USERS.replace("alice", "bob"))

    assert {b"bob": HASH.encode()} == web_file.latest().config.users


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        (TLS, "", "TLS can't be turned on or off by a reload; restart the exporter to apply the file"),
        (USERS, "", "passwords can't be turned off by a reload; restart the exporter to apply the file"),
        (USERS, TLS + USERS, "TLS can't be turned on or off by a reload; restart the exporter to apply the file"),
        (TLS + CLIENT_CA, TLS, "the check of client certificates can't be relaxed by a reload; restart the exporter"),
        (TLS + CLIENT_CA, TLS + CLIENT_AUTH, "trust can't be extended from client_ca to all authorities of the"),
        (TLS + CLIENT_CA + NAMES, TLS + CLIENT_CA, "client_allowed_sans can't be removed by a reload; restart"),
    ],
)
def test_a_reload_does_not_open_the_server(
    path: Path, before: str, after: str, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    """While an editor writes the file, it may be empty or cut short, which would be valid, but admit everybody."""
    web_file = WebFile(str(written(path, before)), log)
    loaded = web_file.latest()
    written(path, after)

    assert loaded is web_file.latest()
    assert problem in caplog.text
    with pytest.raises(ConfigError) as refused:
        web_file.check()
    assert problem in str(refused.value)


def test_clients_can_be_checked_from_now_on(path: Path) -> None:
    """A stricter file needs no restart."""
    web_file = WebFile(str(path), log)
    web_file.latest()
    written(path, TLS + CLIENT_CA + NAMES)
    tls = web_file.latest().config.tls

    assert tls is not None
    assert ("RequireAndVerifyClientCert", ("prometheus.example",)) == (tls.client_auth, tls.allowed_sans)


def visit(server: ssl.SSLContext) -> None:
    """Connect as a client that uses TLS 1.2 and takes no session ticket, and end the connection."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.options |= ssl.OP_NO_TICKET
    for end in shake_hands(server, client) * 2:
        with suppress(ssl.SSLWantReadError):
            end.unwrap()


def test_sessions_do_not_fill_the_memory(path: Path) -> None:
    """OpenSSL would keep twenty thousand sessions, for two hours."""
    web_file = WebFile(str(path), log, most_sessions=2)
    contexts = []
    for _ in range(5):
        context = web_file.latest().context
        assert context is not None
        visit(context)
        contexts.append(context)

    assert [2, 2, 2, 2, 1] == [context.session_stats()["number"] for context in contexts]


@pytest.mark.parametrize("name", ["server.key", "web.yml"])
def test_a_key_that_everybody_can_read_is_reported(path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """With the key or a hash, every user of the machine could pretend to be the exporter, or guess passwords."""
    written(path, TLS + USERS)
    path.with_name(name).chmod(0o644)
    WebFile(str(path), log)

    assert f"{name} holds a key or the hash of a password, and every user of this machine can read it" in caplog.text
    assert 1 == len(caplog.records)


def test_a_broken_file_prevents_the_start(path: Path) -> None:
    """At the start, there is no previous configuration to keep, and without any, everybody would be served."""
    with pytest.raises(ConfigError, match="unknown key"):
        WebFile(str(written(path, "tls:\n")), log)
