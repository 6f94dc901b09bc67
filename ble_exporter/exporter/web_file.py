"""The web configuration in use. It is read again when one of its files has changed."""

import logging
import ssl
from typing import NamedTuple

from ble_exporter.config.devices import world_readable_warnings
from ble_exporter.config.web_config import WebConfig, load_web_config
from ble_exporter.config.web_tls import CLIENT_AUTH_TYPES, TlsConfig
from ble_exporter.errors import ConfigError
from ble_exporter.exporter.passwords import require_bcrypt
from ble_exporter.exporter.tls import server_context
from ble_exporter.system.files import ReadFiles

# OpenSSL keeps the session of each TLS 1.2 client that takes no ticket, about 1 kB, for two hours, and Python can't
# lower its limit of 20,480 sessions. If a session is forgotten, its client only has to repeat the full handshake.
_MOST_SESSIONS = 1000


class Loaded(NamedTuple):
    """A valid web configuration, and its TLS context, which is None for plain HTTP."""

    config: WebConfig
    context: ssl.SSLContext | None


def load(path: str, files: ReadFiles | None = None) -> Loaded:
    """
    Read and check a web configuration and the files that it names.

    Raises a ConfigError, also if the configuration has users and bcrypt can't be imported.
    """
    config = load_web_config(path, files or ReadFiles())
    if config.users:
        require_bcrypt(path)
    return Loaded(config, None if config.tls is None else server_context(config.tls, path))


class WebFile:
    """
    The web configuration in use, which is read again when its files change.

    If a changed file has errors, they are logged, and the previous configuration stays in use: a certificate is often
    renewed before its key. The same applies to a change that would turn off passwords or relax the check of client
    certificates: while an editor writes a file, the file is often incomplete for a moment. TLS can be turned on or off
    only by a restart.

    `most_sessions` limits the TLS sessions that are kept for returning clients.

    Raises a ConfigError if the files have errors at the start.
    """

    def __init__(self, path: str, log: logging.Logger, most_sessions: int = _MOST_SESSIONS) -> None:
        self._path = path
        self._log = log
        self._most_sessions = most_sessions
        self._files = ReadFiles()
        self._loaded = load(path, self._files)
        self._warn()

    @property
    def config(self) -> WebConfig:
        """The configuration as of the latest call of `latest`."""
        return self._loaded.config

    def latest(self) -> Loaded:
        """Return the configuration; first read its files again if one of them has changed."""
        if self._files.have_changed():
            self._files = ReadFiles()
            try:
                loaded = load(self._path, self._files)
                self._check(loaded.config)
            except ConfigError as error:
                for part in error.parts:
                    self._log.error(
                        "the web configuration was not reloaded, and the previous one stays in use: %s", part
                    )
            else:
                self._loaded = loaded
                self._log.info("reloaded the web configuration %s", self._path)
                self._warn()
        config, context = self._loaded
        if config.tls and context and context.session_stats()["number"] >= self._most_sessions:
            self._loaded = Loaded(config, server_context(config.tls, self._path))
        return self._loaded

    def check(self) -> None:
        """Raise a ConfigError if the files have errors or need a restart to be applied; may be called in any thread."""
        self._check(load(self._path).config)

    def _check(self, new: WebConfig) -> None:
        old, hint = self.config, "restart the exporter to apply the file"
        if (old.tls is None) != (new.tls is None):
            raise ConfigError("TLS can't be turned on or off by a reload", hint, path=self._path)
        if old.users and not new.users:
            raise ConfigError("passwords can't be turned off by a reload", hint, path=self._path)
        if old.tls is not None and new.tls is not None and (problem := _admits_more(old.tls, new.tls)):
            raise ConfigError(f"{problem} by a reload", hint, path=self._path)

    def _warn(self) -> None:
        for warning in world_readable_warnings(self.config.secret_files, "a key or the hash of a password"):
            self._log.warning("%s", warning)


def _admits_more(old: TlsConfig, new: TlsConfig) -> str:
    """Return why a change that would admit more clients than before is refused; an empty string for other changes."""
    if CLIENT_AUTH_TYPES.index(new.client_auth) < CLIENT_AUTH_TYPES.index(old.client_auth):
        return "the check of client certificates can't be relaxed"
    if old.client_ca is not None and new.client_ca is None and new.client_auth != "NoClientCert":
        return "trust can't be extended from client_ca to all authorities of the machine"
    if old.allowed_sans and not new.allowed_sans:
        return "client_allowed_sans can't be removed"
    return ""
