"""The smallest MQTT 3.1.1 broker: it accepts any client, and keeps the messages that are published with QoS 0."""

from __future__ import annotations

import socket
import threading
import time
from typing import BinaryIO, NamedTuple

CONNECT, CONNACK, PUBLISH, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP = 1, 2, 3, 8, 9, 12, 13
"""Control packet types: the upper four bits of the first byte (MQTT 3.1.1, section 2.2.1)."""
_LONGEST = 1 << 20


class Message(NamedTuple):
    """A published message, and the time of its arrival by time.monotonic()."""

    at_s: float
    topic: str
    payload: bytes


def read_packet(stream: BinaryIO) -> tuple[int, bytes] | None:
    """Return the type and the body of the next control packet; None at the end, or if a packet is too long."""
    first = stream.read(1)
    length = shift = 0
    while first:
        byte = stream.read(1)
        if not byte or shift > 21:
            return None
        length |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            break
    if not first or length > _LONGEST:
        return None
    body = stream.read(length)
    return (first[0] >> 4, body) if len(body) == length else None


def message_in(body: bytes) -> tuple[str, bytes]:
    """Return the topic and the payload in the body of a PUBLISH packet with QoS 0."""
    end = 2 + int.from_bytes(body[:2], "big")
    return body[2:end].decode(errors="replace"), body[end:]


def answer_to(kind: int, body: bytes) -> bytes:
    """Return the answer to a control packet, which is empty for most types."""
    if kind == CONNECT:
        return bytes([CONNACK << 4, 2, 0, 0])
    if kind == SUBSCRIBE:
        return bytes([SUBACK << 4, 3, *body[:2], 0])
    return bytes([PINGRESP << 4, 0]) if kind == PINGREQ else b""


class MqttSink:
    """
    A broker on a free port of the loopback address, for clients that connect one after the other.

    Attributes:
        port: Its TCP port.
        messages: The messages so far.
    """

    def __init__(self) -> None:
        """Start to listen, in a thread that ends with the process."""
        self.messages: list[Message] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._server.accept()
            with client, client.makefile("rb") as stream:
                while packet := read_packet(stream):
                    kind, body = packet
                    if kind == PUBLISH:
                        self.messages.append(Message(time.monotonic(), *message_in(body)))
                    elif answer := answer_to(kind, body):
                        client.sendall(answer)
