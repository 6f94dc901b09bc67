"""
The beginning of a connection to a TLS port: the first bytes, and the handshake.

asyncio could do the handshake by itself, but would then neither follow changes of the certificate, nor let the server
end a connection before its handshake has succeeded, nor answer a client that speaks plain HTTP.
"""

import asyncio
from collections.abc import Callable, Coroutine

from ble_exporter.config.web_tls import TlsConfig
from ble_exporter.exporter.connection import REQUEST_S, Connection
from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.exporter.tls import has_name
from ble_exporter.exporter.web_file import WebFile
from ble_exporter.system.port import SERVER_NAME

PLAIN_HTTP = "Client sent an HTTP request to an HTTPS server."
"""The answer to plain HTTP, in the words of Go's server."""

_ANSWER = (
    f"HTTP/1.1 400 Bad Request\r\nServer: {SERVER_NAME}\r\nContent-Type: text/plain; charset=utf-8\r\n"
    f"Content-Length: {len(PLAIN_HTTP) + 1}\r\nConnection: close\r\n\r\n{PLAIN_HTTP}\n"
).encode()

# The type of a TLS record with a handshake message.
_HANDSHAKE = b"\x16"


class TlsEntry(asyncio.Protocol):
    """
    Receives the first bytes from a client, performs the TLS handshake, and hands the transport over to `Connection`.

    Args:
        connection: The connection, which is already counted.
        web_file: Provides the context when the handshake begins.
        errors: Counts failed handshakes.
        start: Starts a task.
    """

    def __init__(
        self,
        connection: Connection,
        web_file: WebFile,
        errors: HttpErrors,
        start: Callable[[Coroutine[object, None, None]], object],
    ) -> None:
        self._connection = connection
        self._web_file = web_file
        self._errors = errors
        self._start = start
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_encrypted = False
        self._is_handed_over = False
        self._is_lost = False
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream socket
        self._transport = transport
        # A client that sends nothing is not counted as an error, with TLS or without.
        self._timer = asyncio.get_running_loop().call_later(REQUEST_S, transport.abort)
        self._connection.accept(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """See asyncio.Protocol."""
        self._is_lost = True
        if self._is_handed_over:
            # asyncio had scheduled this call before `_hand_over` replaced the protocol.
            self._connection.connection_lost(exc)
        elif not self._is_encrypted:
            self._end()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._is_encrypted:
            # The client's first request, which was decrypted together with the end of the handshake.
            self._received += data
            return
        if self._transport is None or self._transport.is_closing():
            return
        if data.startswith(_HANDSHAKE):
            self._is_encrypted = True
            self._stop_timer()
            self._transport.pause_reading()
            self._start(self._handshake(self._transport, data))
            return
        self._errors.note("tls", f"{self._connection.peer} sent something else to a TLS port, such as plain HTTP")
        if data[:1].isalpha():
            self._transport.write(_ANSWER)
        self._transport.close()

    def _end(self) -> None:
        self._stop_timer()
        self._connection.forget()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def _handshake(self, transport: asyncio.Transport, first: bytes) -> None:
        if self._is_lost or transport.is_closing():
            # On a lost connection, `start_tls` would wait forever.
            self._end()
            return
        loop = asyncio.get_running_loop()
        config, context = self._web_file.latest()
        assert context is not None  # noqa: S101 - TLS can't be turned off
        # Scheduled twice, so that `first` arrives after the protocol of `start_tls` (below) has started, and before any
        # later data.
        loop.call_soon(loop.call_soon, _feed, transport, first)
        problem = "the connection was lost"
        encrypted = None
        try:
            encrypted = await loop.start_tls(
                transport, self, context, server_side=True, ssl_handshake_timeout=REQUEST_S
            )
            if encrypted is not None and not self._is_lost:
                problem = _refusal(encrypted, config.tls)
                if not problem:
                    self._hand_over(encrypted)
                    return
        except OSError as error:
            # The text of an SSLError names a line of Python's C code, so its reason is used; other errors have none.
            problem = getattr(error, "reason", None) or str(error) or problem
        finally:
            if not self._is_handed_over:
                self._end()
                if encrypted is not None:
                    encrypted.abort()
                transport.abort()
        if not self._connection.is_aborted:
            self._errors.note("tls", f"with {self._connection.peer}: {problem}")

    def _hand_over(self, encrypted: asyncio.Transport) -> None:
        self._is_handed_over = True
        encrypted.set_protocol(self._connection)
        self._connection.connection_made(encrypted)
        if self._received:
            self._connection.data_received(self._received)


def _refusal(encrypted: asyncio.Transport, tls: TlsConfig | None) -> str:
    """Return why the client is refused although the handshake has succeeded; an empty string if it is accepted."""
    if tls is None or not tls.allowed_sans or has_name(encrypted.get_extra_info("peercert"), tls.allowed_sans):
        return ""
    return "the client certificate has none of the client_allowed_sans"


def _feed(transport: asyncio.Transport, data: bytes) -> None:
    """Give data to the protocol of a transport, as if it had just been received."""
    protocol = transport.get_protocol()
    if isinstance(protocol, asyncio.BufferedProtocol):
        while data:
            buffer = memoryview(protocol.get_buffer(len(data)))
            size = min(len(buffer), len(data))
            buffer[:size] = data[:size]
            protocol.buffer_updated(size)
            data = data[size:]
    elif isinstance(protocol, asyncio.Protocol) and not isinstance(protocol, TlsEntry):
        protocol.data_received(data)
