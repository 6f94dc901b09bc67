"""The TLS context: what clients can negotiate, and what is refused."""

import ssl
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ble_exporter.config.web_tls import ClientAuth, TlsConfig
from ble_exporter.errors import ConfigError
from ble_exporter.exporter.tls import has_name, pem_problem, server_context
from tests.certificates import client_context, shake_hands, write_certificates


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with certificates."""
    made = tmp_path_factory.mktemp("tls")
    write_certificates(made)
    return made


@pytest.fixture
def settings(folder: Path) -> TlsConfig:
    """The settings with a certificate and its key."""
    return TlsConfig((folder / "server.crt").read_bytes(), (folder / "server.key").read_bytes())


def test_a_curve_that_this_python_lacks_is_refused(settings: TlsConfig) -> None:
    """Debian 12's Python can't set X25519, and the server must not silently use other curves than the file demands."""
    problem = r"^web\.yml: tls_server_config: this Python can't set the curve none; leave curve_preferences out"
    with pytest.raises(ConfigError, match=problem):
        server_context(replace(settings, curve="none"), "web.yml")


def test_a_handshake_succeeds(folder: Path, settings: TlsConfig) -> None:
    """A client must get the newest TLS version, and HTTP/1.1, because the server does not speak HTTP/2."""
    client = client_context(folder)
    client.set_alpn_protocols(["h2", "http/1.1"])
    server, _ = shake_hands(server_context(settings, "web.yml"), client)

    assert ("TLSv1.3", "http/1.1") == (server.version(), server.selected_alpn_protocol())


def test_the_highest_version_is_limited(folder: Path, settings: TlsConfig) -> None:
    """Only TLS 1.2 uses the chosen cipher suites, so a user may want to exclude TLS 1.3."""
    chosen = replace(
        settings,
        max_version="TLS12",
        ciphers=("ECDHE-ECDSA-AES256-GCM-SHA384",),
        curve="secp384r1",
        prefers_own_ciphers=False,
    )
    server, _ = shake_hands(server_context(chosen, "web.yml"), client_context(folder))

    assert ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLSv1.2", 256) == server.cipher()


def test_the_lowest_version_is_limited(folder: Path, settings: TlsConfig) -> None:
    """`min_version: TLS13` is there to keep old clients out."""
    client = client_context(folder)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match=r"(?i)unsupported.protocol"):
        shake_hands(server_context(replace(settings, min_version="TLS13"), "web.yml"), client)


def verifying(folder: Path, settings: TlsConfig, client_auth: ClientAuth) -> ssl.SSLContext:
    """Return the context of a server that verifies client certificates."""
    client_ca = (folder / "ca.crt").read_bytes()
    return server_context(replace(settings, client_ca=client_ca, client_auth=client_auth), "web.yml")


@pytest.mark.parametrize("certificate", ["", "stranger"])
def test_a_client_needs_a_certificate_of_the_authority(folder: Path, settings: TlsConfig, certificate: str) -> None:
    """The owner of the authority decides who may connect: nobody else's certificate may open the server."""
    server = verifying(folder, settings, "RequireAndVerifyClientCert")
    with pytest.raises(ssl.SSLError):
        shake_hands(server, client_context(folder, certificate))
    assert shake_hands(server, client_context(folder, "client"))[0].getpeercert()


def test_a_certificate_is_optional_if_given(folder: Path, settings: TlsConfig) -> None:
    """`VerifyClientCertIfGiven` admits clients without a certificate, but none with one of another authority."""
    server = verifying(folder, settings, "VerifyClientCertIfGiven")
    with pytest.raises(ssl.SSLError):
        shake_hands(server, client_context(folder, "stranger"))
    assert shake_hands(server, client_context(folder))[0].version()


def test_the_authorities_of_the_machine_are_the_default(
    folder: Path, settings: TlsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `client_ca_file`, a client needs a certificate that the machine trusts, as in exporter-toolkit."""
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.crt"))
    server = server_context(replace(settings, client_auth="RequireAndVerifyClientCert"), "web.yml")
    with pytest.raises(ssl.SSLError):
        shake_hands(server, client_context(folder, "stranger"))
    assert shake_hands(server, client_context(folder, "client"))[0].getpeercert()


def test_an_encrypted_key_is_refused(settings: TlsConfig) -> None:
    """OpenSSL would ask for the key's password, and a service would wait for an answer for ever."""
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    with pytest.raises(ConfigError, match=r"web\.yml: tls_server_config: failed to load X509KeyPair: "):
        server_context(replace(settings, key=key), "web.yml")


def test_a_damaged_authority_is_refused(settings: TlsConfig) -> None:
    """With a damaged certificate of an authority, the server would silently refuse all clients of this authority."""
    damaged = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    with pytest.raises(ConfigError, match="client_ca: a certificate is not valid"):
        server_context(replace(settings, client_ca=damaged, client_auth="VerifyClientCertIfGiven"), "web.yml")


def test_an_unknown_cipher_of_openssl_is_refused(settings: TlsConfig) -> None:
    """OpenSSL may be built without some cipher suites."""
    with pytest.raises(ConfigError, match="OpenSSL has none of the cipher suites"):
        server_context(replace(settings, ciphers=("NONE-SUCH",)), "web.yml")


@pytest.mark.parametrize(
    ("kind", "name", "allowed", "is_allowed"),
    [
        ("DNS", "prometheus.example", "prometheus.example", True),
        ("DNS", "evil.prometheus.example", "prometheus.example", False),
        ("email", "a@b.example", "a@b.example", True),
        ("URI", "spiffe://home/prometheus", "spiffe://home/prometheus", True),
        ("IP Address", "0:0:0:0:0:0:0:1", "::1", True),
        ("IP Address", "192.0.2.1\n", "192.0.2.1", True),
        ("IP Address", "<invalid>", "192.0.2.1", False),
        ("Registered ID", "1.2.3.4", "1.2.3.4", False),
    ],
)
def test_alternative_names_match_exactly(kind: str, name: str, allowed: str, is_allowed: bool) -> None:
    """Any name that only resembles an allowed one may belong to somebody else."""
    certificate = MappingProxyType({"subjectAltName": (("DNS", "x"), (kind, name))})

    assert is_allowed == has_name(certificate, [allowed])


@pytest.mark.parametrize("certificate", [None, {}])
def test_no_certificate_has_no_name(certificate: dict[str, object] | None) -> None:
    """A client without a certificate must not be accepted as one that has an allowed name."""
    assert not has_name(certificate, ["prometheus.example"])


@pytest.mark.parametrize(
    ("certificate", "key", "problem"),
    [
        (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN EC PRIVATE KEY-----", ""),
        (b"", b"", "tls: failed to find any PEM data in certificate input"),
        (b"-----BEGIN CERTIFICATE-----", b"", "tls: failed to find any PEM data in key input"),
    ],
)
def test_missing_parts_are_named(certificate: bytes, key: bytes, problem: str) -> None:
    """OpenSSL's own message would not name the missing part."""
    assert problem == pem_problem(certificate, key)
