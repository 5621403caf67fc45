"""The helper's end of the connection to the shim: messages in and out, one thread."""

import select
import socket
import time
from typing import Protocol

from kinemacolor.ofx.helper.protocol import (
    HEADER_BYTES,
    Envelope,
    FromHelper,
    ProtocolError,
    decode,
    decode_header,
    encode,
)

__all__ = ["Channel", "HostGone", "SocketTransport", "Transport"]

_CHUNK_BYTES = 65536


class HostGone(Exception):  # noqa: N818 - not an error: hosts end
    """The other end is closed."""


class Transport(Protocol):
    """Bytes to and from the shim."""

    def read(self, timeout: float | None) -> bytes | None:
        """Some bytes; None after that many seconds without any; empty at the end."""

    def write(self, data: bytes) -> None:
        """All of them. Raises `OSError` if the other end is gone."""


class SocketTransport:
    """A connected socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def read(self, timeout: float | None) -> bytes | None:
        """As `Transport` says."""
        readable, _, _ = select.select([self._connection], [], [], timeout)
        return self._connection.recv(_CHUNK_BYTES) if readable else None

    def write(self, data: bytes) -> None:
        """As `Transport` says."""
        self._connection.sendall(data)


class Channel:
    """Messages over a transport. The first message's generation is the channel's; another one is refused."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._pending = b""
        self._generation: int | None = None

    @property
    def generation(self) -> int:
        """Of the shim's first message; 0 before that."""
        return self._generation or 0

    def send(self, serial: int, message: FromHelper) -> None:
        """Send a message in answer to a request.

        Raises:
            HostGone: Nobody is there.
        """
        try:
            self._transport.write(encode(Envelope(self.generation, serial, message)))
        except OSError as error:
            raise HostGone from error

    def receive(self, timeout: float | None = None) -> Envelope | None:
        """The next message; None if none is complete after that many seconds (None: wait for ever).

        Raises:
            HostGone: The other end is closed.
            ProtocolError: What came is no message.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while (envelope := self._complete()) is None:
            left = None if until is None else max(0.0, until - time.monotonic())
            data = self._read(left)
            if data is None:
                return None
            self._pending += data
        return envelope

    def _read(self, timeout: float | None) -> bytes | None:
        try:
            data = self._transport.read(timeout)
        except OSError as error:
            raise HostGone from error
        if data == b"":
            raise HostGone
        return data

    def _complete(self) -> Envelope | None:
        if len(self._pending) < HEADER_BYTES:
            return None
        header = decode_header(self._pending)
        end = HEADER_BYTES + header.length
        if len(self._pending) < end:
            return None
        if self._generation is None:
            self._generation = header.generation
        if header.generation != self._generation:
            raise ProtocolError(f"a message of generation {header.generation} came, expected {self._generation}")
        payload, self._pending = self._pending[HEADER_BYTES:end], self._pending[end:]
        return decode(header, payload)
