"""An HTTP client that takes hardly any time, so that a benchmark measures the server."""

import io
import socket
from collections.abc import Mapping
from functools import cached_property
from http.client import HTTPResponse

_READ_AT_ONCE = 256 * 1024
_LAST_CHUNK = b"\r\n0\r\n\r\n"


class Client:
    """A persistent connection to a server on this machine; each answer must state its length, or be chunked."""

    def __init__(self, port: int, patience_s: float) -> None:
        self._port = port
        self._patience_s = patience_s

    @cached_property
    def _socket(self) -> socket.socket:
        # Opened for the first request, because a server closes a connection on which no request arrives.
        return socket.create_connection(("127.0.0.1", self._port), timeout=self._patience_s)

    def get(self, path: str, headers: Mapping[str, str]) -> bytes:
        """
        Request a page, and return the whole answer as it was sent, with its head; see `body`.

        Raises:
            ConnectionError: The server has closed the connection.
        """
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n{lines}\r\n".encode())
        received = self._some()
        while b"\r\n\r\n" not in received:
            received += self._some()
        head, _, start = received.partition(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"\r\ncontent-length:")
        if length:
            left = int(length.partition(b"\r\n")[0]) - len(start)
            while left > 0:
                more = self._some()
                received += more
                left -= len(more)
        else:
            while not received.endswith(_LAST_CHUNK):
                received += self._some()
        return bytes(received)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _some(self) -> bytearray:
        data = self._socket.recv(_READ_AT_ONCE)
        if not data:
            raise ConnectionError("the server has closed the connection")
        return bytearray(data)


class _Given:
    """A socket that has received an answer."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._answer)


def body(answer: bytes) -> bytes:
    """Return the body of an answer, which is still compressed if the server has compressed it."""
    response = HTTPResponse(_Given(answer))  # type: ignore[arg-type] # it needs only this method
    response.begin()
    return response.read()
