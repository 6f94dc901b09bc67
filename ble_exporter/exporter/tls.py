"""Makes the TLS context of the HTTP server from the web configuration, and checks the names of client certificates."""

import ipaddress
import os
import re
import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress

from ble_exporter.config.web_tls import TlsConfig
from ble_exporter.errors import ConfigError

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_VERIFY = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
# The kinds of names that exporter-toolkit compares. A name of another kind, such as a registered ID, can look like an
# IP address.
_KINDS = ("DNS", "email", "IP Address", "URI")
# The messages of Go's TLS library, by OpenSSL's reasons.
_KEY_PROBLEMS = {
    "KEY_VALUES_MISMATCH": "tls: private key does not match public key",
    "KEY_TYPE_MISMATCH": "tls: private key type does not match public key type",
}


def server_context(tls: TlsConfig, path: str) -> ssl.SSLContext:
    """Return the context; raise a ConfigError about the file at `path` if OpenSSL does not accept a setting."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    # OpenSSL 1.1 would let clients repeat the handshake, which costs them less than the server.
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not tls.prefers_own_ciphers:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    if tls.ciphers:
        try:
            context.set_ciphers(":".join(tls.ciphers))
        except ssl.SSLError as error:
            raise ConfigError(f"OpenSSL has none of the cipher suites ({error})", path=path) from error
    if tls.curve:
        _set_curve(context, tls.curve, path)
    _load_key(context, tls, path)
    context.verify_mode = _VERIFY[tls.client_auth]
    if context.verify_mode != ssl.CERT_NONE:
        _load_authorities(context, tls.client_ca, path)
    return context


def has_name(certificate: Mapping[str, object] | None, allowed: Collection[str]) -> bool:
    """Return whether a certificate, as SSLSocket.getpeercert returns it, has one of the allowed alternative names."""
    names = (certificate or {}).get("subjectAltName", ())
    assert isinstance(names, tuple)  # noqa: S101 - documented
    return any(_normal(kind, name) in allowed for kind, name in names if kind in _KINDS)


def _normal(kind: str, name: str) -> str:
    """Return a name as exporter-toolkit writes it: OpenSSL writes ::1 as 0:0:0:0:0:0:0:1."""
    if kind == "IP Address":
        with suppress(ValueError):
            return str(ipaddress.ip_address(name.strip()))
    return name


def _set_curve(context: ssl.SSLContext, curve: str, path: str) -> None:
    try:
        context.set_ecdh_curve(curve)
    except (ssl.SSLError, ValueError) as error:
        # Python 3.10, and 3.11.2 of Debian 12, can't set X25519, which OpenSSL prefers unless another curve is set.
        hint = "leave curve_preferences out: OpenSSL then prefers X25519"
        raise ConfigError(
            f"this Python can't set the curve {curve}", hint, path=path, key="tls_server_config"
        ) from error


def _load_key(context: ssl.SSLContext, tls: TlsConfig, path: str) -> None:
    problem = pem_problem(tls.certificate, tls.key)
    if not problem:
        try:
            # ssl reads keys only from files. The files contain the checked texts, even if the originals have changed.
            with _as_file(tls.certificate) as certificate, _as_file(tls.key) as key:
                # Without `password`, OpenSSL would ask for one on the terminal if the key is encrypted.
                context.load_cert_chain(certificate, key, password="")
        except ssl.SSLError as error:
            reason = error.reason or "the key is encrypted, or not valid PEM"
            problem = _KEY_PROBLEMS.get(reason, reason.replace("_", " ").lower())
        except ValueError as error:
            problem = str(error)
    if problem:
        raise ConfigError(f"failed to load X509KeyPair: {problem}", path=path, key="tls_server_config")


def pem_problem(certificate: bytes, key: bytes) -> str:
    """Return why PEM texts can't be a certificate and its key, in Go's words; an empty string if they can."""
    if b"-----BEGIN CERTIFICATE-----" not in certificate:
        if b"PRIVATE KEY-----" in certificate:
            return (
                "tls: failed to find certificate PEM data in certificate input, but did find a private key; "
                "PEM inputs may have been switched"
            )
        return "tls: failed to find any PEM data in certificate input"
    if b"PRIVATE KEY-----" not in key:
        if b"-----BEGIN CERTIFICATE-----" in key:
            return "tls: found a certificate rather than a key in the PEM for the private key"
        return "tls: failed to find any PEM data in key input"
    return ""


def _load_authorities(context: ssl.SSLContext, client_ca: bytes | None, path: str) -> None:
    # Any listed certificate is trusted, as in Go, even that of an intermediate authority.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if client_ca is None:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        return
    certificates = b"\n".join(_CERTIFICATE.findall(client_ca)).decode("ascii", "replace")
    try:
        context.load_verify_locations(cadata=certificates)
    except (ssl.SSLError, ValueError) as error:
        problem = "it has no certificate" if not certificates else f"a certificate is not valid ({error})"
        raise ConfigError(problem, path=path, key="client_ca") from error


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Yield the path of a file that exists only in memory, so that a key is never written to a disk."""
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        while content:
            content = content[os.write(descriptor, content) :]
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
