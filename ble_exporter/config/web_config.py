"""
Reads a web configuration: TLS, passwords and headers of the HTTP server, in the format of Prometheus' exporters.

The format is that of exporter-toolkit. Errors that exporter-toolkit's own code reports have the same texts here.
Settings that would have no effect, except `http2`, are errors here, because somebody may rely on them.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ble_exporter.config.web_fields import Section, mapping_entries, quotable, scalar_text
from ble_exporter.config.web_tls import TLS_KEYS, TlsConfig, read_tls
from ble_exporter.config.yaml_document import Document, Node, entries_of, is_empty, is_mapping, line_of, text_of
from ble_exporter.errors import ConfigError
from ble_exporter.system.files import ReadFiles

# Enough for hundreds of users. The event loop waits while the file is read, so the file must be small.
_MAX_BYTES = 32_768

_SECTIONS = ("tls_server_config", "http_server_config", "basic_auth_users")
_RATE_LIMIT = "rate_limit"
_HTTP_KEYS = ("http2", "headers")

_HEADERS: Mapping[str, Collection[str]] = {
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}
"""The headers that can be set, and their permitted values; if none is listed, any value is permitted."""

# Messages name the key of an error only if it is one of these. Another key may be a secret: a line of a private key if
# the indentation is wrong, or a hash that was swapped with its user name.
_KNOWN = (*_SECTIONS, _RATE_LIMIT, *TLS_KEYS, *_HTTP_KEYS, *_HEADERS)

# The version, the cost, the salt of 128 bits and the hash of 184 bits.
_HASH = re.compile(r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}")
_SHORTEST_HASH = 59
_COSTS = range(4, 32)


@dataclass(frozen=True)
class WebConfig:
    """
    A web configuration.

    Attributes:
        tls: The settings of TLS; None for plain HTTP.
        users: The bcrypt hash of each user's password, by user name; if empty, no password is needed.
        headers: The headers to add to each answer.
        secret_files: The files that contain a key or a hash.
    """

    tls: TlsConfig | None = None
    users: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    secret_files: tuple[str, ...] = ()


def load_web_config(path: str, files: ReadFiles) -> WebConfig:
    """Read and check a web configuration, and the files that it names. Raises the same errors as `load_config`."""
    try:
        data = files.read(path, _MAX_BYTES)
    except OSError as error:
        hint = "name the web configuration with --web.config.file"
        raise ConfigError(f"can't be read ({error.strerror})", hint, path=path) from error
    document = Document(path, known=_KNOWN, names_only_known=True)
    root = document.root(document.text(data))
    if root is not None and not is_mapping(root) and not is_empty(root):
        with document.errors:
            document.fail(root, "this is not a web configuration", f"its sections are {', '.join(_SECTIONS)}")
    nodes = document.nodes(entries_of(root), (*_SECTIONS, _RATE_LIMIT))
    if _RATE_LIMIT in nodes:
        with document.errors:
            hint = "this exporter has limits of its own (docs/http.md)"
            document.fail(nodes[_RATE_LIMIT], "this is not supported", hint, key=_RATE_LIMIT)
    tls = read_tls(document, nodes.get("tls_server_config"), files)
    http = Section(document, nodes.get("http_server_config"), _HTTP_KEYS)
    # The value has no effect: a client that offers HTTP/2 also accepts HTTP/1.1, which this server always chooses.
    http.flag("http2", default=True)
    headers = _read_headers(document, http.nodes.get("headers"))
    users = _read_users(document, nodes.get("basic_auth_users"))
    document.errors.raise_all()
    secret_files = [path] if users or (tls is not None and not tls.key_file) else []
    if tls is not None and tls.key_file:
        secret_files.append(tls.key_file)
    return WebConfig(tls, users, headers, tuple(secret_files))


def _read_headers(document: Document, node: Node | None) -> dict[str, str]:
    headers = {}
    for name, value in _unique_entries(document, node, "headers"):
        with document.errors:
            text = "" if is_empty(value) else scalar_text(document, value, name)
            if name not in _HEADERS:
                document.fail(value, f'HTTP header "{quotable(name)}" can not be configured', key="headers")
            allowed = _HEADERS[name]
            if allowed and text not in allowed:
                expected = " ".join(f'"{one}"' for one in allowed)
                got = quotable(text)
                document.fail(value, f'invalid value for {name}. Expected one of: [{expected}], but got: "{got}"')
            if not text.isascii() or not text.isprintable():
                document.fail(value, "the value has a character that is not allowed in a header", key=name)
            # An empty value leaves the header out.
            if text:
                headers[name] = text
    return headers


def _read_users(document: Document, node: Node | None) -> dict[bytes, bytes]:
    users, section = {}, "basic_auth_users"
    for name, value in _unique_entries(document, node, section):
        with document.errors:
            problem = _hash_problem("" if is_empty(value) else scalar_text(document, value, name))
            if problem:
                document.fail(value, problem, "`htpasswd -nBC 10 NAME` makes a hash", key=section)
            if ":" in name:
                document.fail(value, "a user name can't contain a colon", "choose a name without one", key=section)
            users[name.encode()] = text_of(value).encode()
    return users


def _unique_entries(document: Document, node: Node | None, section: str) -> list[tuple[str, Node]]:
    """Return the keys, as text, with their values; report each key that is set twice."""
    nodes: dict[str, Node] = {}
    for key_node, value in mapping_entries(document, node):
        key = text_of(key_node)
        with document.errors:
            if key in nodes:
                document.fail(key_node, f"this is already set on line {line_of(nodes[key])}", key=section)
            nodes[key] = value
    return list(nodes.items())


def _hash_problem(text: str) -> str:
    """Return why a text is not a bcrypt hash, or an empty string. Quotes at most one character, or the cost."""
    if len(text.encode()) < _SHORTEST_HASH:
        return "crypto/bcrypt: hashedSecret too short to be a bcrypted password"
    if text[0] != "$":
        return f"crypto/bcrypt: bcrypt hashes must start with '$', but hashedSecret started with '{text[0]}'"
    if text[1] > "2":
        return f"crypto/bcrypt: bcrypt algorithm version '{text[1]}' requested is newer than current version '2'"
    if not _HASH.fullmatch(text):
        return "this is not a bcrypt hash, such as $2y$10$… with 60 characters"
    cost = int(text[4:6])
    if cost not in _COSTS:
        return f"crypto/bcrypt: cost {cost} is outside allowed inclusive range {_COSTS.start}..{_COSTS.stop - 1}"
    return ""
