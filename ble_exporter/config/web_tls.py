"""Reads the section `tls_server_config` of a web configuration. Whether OpenSSL accepts the keys is checked later."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from ble_exporter.config.web_fields import Section, quotable
from ble_exporter.config.yaml_document import Document, Node, is_empty, text_of
from ble_exporter.system.files import ReadFiles

ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
CLIENT_AUTH_TYPES: tuple[ClientAuth, ...] = get_args(ClientAuth)
"""The types from the most lenient to the strictest."""
TlsVersion = Literal["TLS12", "TLS13"]

# The limit for a certificate with its chain, and for a key.
_MAX_PEM_BYTES = 65_536
# The size limit for a file of CA certificates; Debian's bundle of all CA certificates is 0.2 MB.
_MAX_CA_BYTES = 1_000_000

TLS_KEYS = (
    "cert",
    "key",
    "client_ca",
    "cert_file",
    "key_file",
    "client_auth_type",
    "client_ca_file",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
)

_ENABLING = ("cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file", "client_auth_type")
"""TLS is turned on if one of these keys has a value, as in exporter-toolkit."""

CIPHERS: Mapping[str, str] = {
    f"TLS_ECDHE_{key}_WITH_{name}": f"ECDHE-{key}-{openssl}"
    for key in ("ECDSA", "RSA")
    for name, openssl in {
        "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
        "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
        "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
        "AES_128_CBC_SHA": "AES128-SHA",
        "AES_256_CBC_SHA": "AES256-SHA",
    }.items()
}
"""OpenSSL's names of the cipher suites of TLS 1.2, by the names in the file."""

# As in exporter-toolkit, TLS 1.3 always offers these, whether they are listed or not.
_TLS13_CIPHERS = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")

CURVES: Mapping[str, str] = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}
"""OpenSSL's names of the curves, by the names in the file."""

_VERSIONS: Mapping[str, TlsVersion] = {version: version for version in get_args(TlsVersion)}
_OLD_VERSIONS = ("TLS10", "TLS11")
_CLIENT_AUTH: Mapping[str, ClientAuth] = {"": "NoClientCert", **{name: name for name in get_args(ClientAuth)}}
_UNVERIFIED = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")


@dataclass(frozen=True)
class TlsConfig:
    """
    The settings of TLS.

    Attributes:
        certificate: The certificate of the server and its chain, as PEM.
        key: The key of the certificate, as PEM.
        key_file: The file of the key; empty if the key is in the web configuration itself.
        client_ca: Certificates of the authorities that may issue client certificates, as PEM; None for all
            authorities that the machine trusts.
        client_auth: Which clients need a certificate.
        allowed_sans: A client certificate must have one of these names; if empty, any name is accepted.
        min_version: The lowest version of TLS.
        max_version: The highest version of TLS.
        ciphers: OpenSSL's names of the cipher suites for TLS 1.2; if empty, OpenSSL's defaults apply.
        curve: OpenSSL's name of the curve; if empty, OpenSSL's defaults apply.
        prefers_own_ciphers: Whether the server's order of cipher suites takes precedence over the client's.
    """

    certificate: bytes
    key: bytes = field(repr=False)
    key_file: str = ""
    client_ca: bytes | None = None
    client_auth: ClientAuth = "NoClientCert"
    allowed_sans: tuple[str, ...] = ()
    min_version: TlsVersion = "TLS12"
    max_version: TlsVersion = "TLS13"
    ciphers: tuple[str, ...] = ()
    curve: str = ""
    prefers_own_ciphers: bool = True


def read_tls(document: Document, node: Node | None, files: ReadFiles) -> TlsConfig | None:
    """Return the settings, or None for plain HTTP; report errors to the document."""
    section = Section(document, node, TLS_KEYS)
    auth, sans = _client_auth(section)
    min_version, max_version = _version(section, "min_version", "TLS12"), _version(section, "max_version", "TLS13")
    if min_version > max_version:
        section.report("max_version", f"{max_version} is lower than min_version ({min_version})")
    ciphers, min_version = _ciphers(section, min_version, max_version)
    curve = _curve(section)
    prefers_own = section.flag("prefer_server_cipher_suites", default=True)
    if not any(map(section.text, _ENABLING)):
        needless = next((key for key, value in section.nodes.items() if not is_empty(value) and text_of(value)), "")
        if needless:
            section.report(needless, "this has no effect without TLS", "add cert_file and key_file")
        return None
    if not section.text("cert") and not section.text("cert_file"):
        section.report("", "missing one of cert or cert_file")
    elif not section.text("key") and not section.text("key_file"):
        section.report("", "missing one of key or key_file")
    return TlsConfig(
        _content(section, "cert", files) or b"",
        _content(section, "key", files) or b"",
        _path(section, "key_file"),
        _content(section, "client_ca", files, _MAX_CA_BYTES),
        auth,
        sans,
        min_version,
        max_version,
        ciphers,
        curve,
        prefers_own,
    )


def _path(section: Section, key: str) -> str:
    name = section.text(key)
    return str(Path(section.document.path).parent / name) if name else ""


def _content(section: Section, key: str, files: ReadFiles, max_bytes: int = _MAX_PEM_BYTES) -> bytes | None:
    """Return the text of `key`, or the content of the file that `{key}_file` names; None if both are absent."""
    inline, path = section.text(key), _path(section, f"{key}_file")
    if inline and path:
        section.report(key, f"{key}_file is set, too", "remove one of the two")
    if not path:
        return inline.encode() if inline else None
    try:
        return files.read(path, max_bytes)
    except OSError as error:
        text = error.strerror or ""
        cause = f"open {path}: {text[:1].lower()}{text[1:]}"
        problem = cause if key == "client_ca" else f"failed to read {key}_file ({path}): {cause}"
        section.report(f"{key}_file", problem)
        return b""


def _client_auth(section: Section) -> tuple[ClientAuth, tuple[str, ...]]:
    text = section.text("client_auth_type")
    if text in _UNVERIFIED:
        hint = "write RequireAndVerifyClientCert"
        section.report("client_auth_type", f"{text} is not supported: Python verifies each client certificate", hint)
    elif text not in _CLIENT_AUTH:
        section.report("client_auth_type", f"invalid ClientAuth: {quotable(text)}")
    auth = _CLIENT_AUTH.get(text, "RequireAndVerifyClientCert")
    for key in ("client_ca", "client_ca_file"):
        if section.text(key) and auth == "NoClientCert":
            section.report(key, "client CA's have been configured without a Client Auth Policy")
    sans = tuple(name for _, name in section.texts("client_allowed_sans"))
    if "client_allowed_sans" in section.nodes and auth != "RequireAndVerifyClientCert":
        hint = "set client_auth_type to RequireAndVerifyClientCert"
        section.report("client_allowed_sans", "clients without a certificate would be served, too", hint)
    elif "client_allowed_sans" in section.nodes and not sans:
        section.report("client_allowed_sans", "the list is empty", "add a name, or remove the key")
    return auth, sans


def _version(section: Section, key: str, default: TlsVersion) -> TlsVersion:
    text = section.text(key)
    if key not in section.nodes or text in _VERSIONS:
        return _VERSIONS.get(text, default)
    if text in _OLD_VERSIONS:
        section.report(key, f"{text} is not supported: it is insecure, and OpenSSL disables it", "write TLS12 or TLS13")
    else:
        section.report(key, f"unknown TLS version: {quotable(text)}")
    return default


def _ciphers(section: Section, min_version: TlsVersion, max_version: TlsVersion) -> tuple[tuple[str, ...], TlsVersion]:
    """Return OpenSSL's names of the suites for TLS 1.2, and the lowest version: TLS13 if all suites are for TLS 1.3."""
    listed = section.texts("cipher_suites")
    for node, name in listed:
        if name not in CIPHERS and name not in _TLS13_CIPHERS:
            section.report("cipher_suites", f"unknown cipher: {quotable(name)}", node=node)
    ciphers = tuple(CIPHERS[name] for _, name in listed if name in CIPHERS)
    if not listed or ciphers:
        return ciphers, min_version
    if max_version == "TLS12":
        section.report("cipher_suites", "max_version is TLS12, and all these cipher suites are for TLS 1.3")
    return (), "TLS13"


def _curve(section: Section) -> str:
    listed = section.texts("curve_preferences")
    for node, name in listed:
        if name not in CURVES:
            section.report("curve_preferences", f"unknown curve: {quotable(name)}", node=node)
    if len(listed) > 1:
        problem = "Python can set only one curve"
        section.report("curve_preferences", problem, "list one, or remove the key for OpenSSL's defaults")
    return CURVES.get(listed[0][1], "") if listed else ""
