"""Certificates of an authority, a server and clients, and TLS handshakes in memory."""

import datetime as dt
import ipaddress
import ssl
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)
_PEM = serialization.Encoding.PEM
_SIGNS = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """A certification authority. Writes NAME.crt for itself, and NAME.crt and NAME.key for each name it certifies."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._sign(name, self._key, x509.BasicConstraints(ca=True, path_length=None))
        (folder / f"{name}.crt").write_bytes(self._certificate.public_bytes(_PEM))

    def issue(self, name: str, *names: str) -> None:
        """Issue a certificate for 127.0.0.1, localhost and these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        alternatives = [x509.DNSName(one) for one in ("localhost", *names)]
        certificate = self._sign(name, key, x509.SubjectAlternativeName([address, *alternatives]))
        (self._folder / f"{name}.crt").write_bytes(certificate.public_bytes(_PEM))
        path = self._folder / f"{name}.key"
        path.touch(0o600)
        path.write_bytes(key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

    def _sign(self, name: str, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType) -> x509.Certificate:
        now = dt.datetime.now(dt.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(self._name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + _DAY)
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            # Python 3.13 verifies strictly: a certificate must contain the identifiers of its key and its issuer's.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if isinstance(extension, x509.BasicConstraints):
            builder = builder.add_extension(_SIGNS, critical=True)
        return builder.sign(self._key, hashes.SHA256())


def write_certificates(folder: Path) -> None:
    """Write the files of an authority, a server, a client, and a stranger, whose issuer is another authority."""
    authority = Authority(folder)
    authority.issue("server")
    authority.issue("client", "prometheus.example")
    Authority(folder, "other").issue("stranger")


def client_context(folder: Path, certificate: str = "") -> ssl.SSLContext:
    """Return the context of a client that trusts the authority, with a certificate or without one."""
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    if certificate:
        context.load_cert_chain(folder / f"{certificate}.crt", folder / f"{certificate}.key")
    return context


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Perform a handshake in memory; return the server's end and the client's end. Raises the error of either end."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    for end in (theirs, ours) * 3:
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()
    return ours, theirs


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
