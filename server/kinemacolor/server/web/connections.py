"""The connections of the HTTP port, which are bounded: whoever opens many and says nothing must not use up descriptors.

aiohttp puts no limit on their number, nor on the time until a request is complete. Here the one that has been idle for
longest makes room for a new one, so a probe gets in whatever else is open.
"""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from kinemacolor.server.config import HTTP_CONNECTIONS, HTTP_IDLE_SECONDS, HTTP_REQUEST_SECONDS

__all__ = ["Connections"]

_log = logging.getLogger(__name__)

_REAP_SECONDS = 1.0
_AGAIN_SECONDS = 1.0
"""After the system gave no connection: there is no use in asking at once, nor in a log full of that."""


@dataclass(slots=True, eq=False)
class _Connection:
    socket: socket.socket
    deadline: float
    used: float
    greeting: "asyncio.Task[None] | None" = None
    transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        """Whether it holds a descriptor: one that is being closed may wait for its client, for ever."""
        return self.socket.fileno() >= 0

    def drop(self) -> None:
        if self.transport is not None:
            self.transport.abort()
        elif self.greeting is not None:
            self.greeting.cancel()


class Connections:
    """Accepts, counts and ends connections; lives on the event loop.

    Args:
        protocol: Makes what answers on a connection.
        context: TLS; None: without it.
        clock: Seconds on a clock that never jumps.
    """

    def __init__(
        self,
        protocol: Callable[[], asyncio.Protocol],
        context: ssl.SSLContext | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._protocol, self._context, self._clock = protocol, context, clock
        self._open: list[_Connection] = []

    def __len__(self) -> int:
        self._forget_closed()
        return len(self._open)

    def used(self, transport: asyncio.BaseTransport | None) -> None:
        """A request came on this connection."""
        for each in self._open:
            if each.transport is transport:
                each.used = self._clock()
                each.deadline = each.used + HTTP_IDLE_SECONDS

    async def serve(self, listener: socket.socket) -> None:
        """Accept until cancelled; what is open then is the caller's to close."""
        listener.setblocking(False)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reap_on())
            while True:
                accepted = await _accept(listener)
                self._make_room()
                now = self._clock()
                connection = _Connection(accepted, now + HTTP_REQUEST_SECONDS, now)
                self._open.append(connection)
                connection.greeting = tasks.create_task(self._greet(connection))
                await asyncio.sleep(0)  # what made room lets go of its descriptor before the next one is taken

    def reap(self) -> None:
        """End connections that have been silent for too long."""
        now = self._clock()
        for each in [each for each in self._open if now >= each.deadline]:
            each.drop()
        self._forget_closed()

    async def _reap_on(self) -> None:
        while True:
            await asyncio.sleep(_REAP_SECONDS)
            try:
                self.reap()
            except Exception as error:  # noqa: BLE001 - one bad connection must not end the port
                _log.error("connections not looked at", exc_info=error)

    async def _greet(self, connection: _Connection) -> None:
        seconds = None if self._context is None else HTTP_REQUEST_SECONDS
        try:
            connection.transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol, connection.socket, ssl=self._context, ssl_handshake_timeout=seconds
            )
        except Exception as error:  # noqa: BLE001 - no stranger's handshake may end the port
            _log.debug("no connection", extra={"why": str(error)})
        finally:
            if connection.transport is None:
                connection.socket.close()

    def _make_room(self) -> None:
        self._forget_closed()
        while len(self._open) >= HTTP_CONNECTIONS:
            idlest = min(self._open, key=lambda each: each.used)
            self._open.remove(idlest)
            idlest.drop()

    def _forget_closed(self) -> None:
        self._open = [each for each in self._open if each.is_open]


async def _accept(listener: socket.socket) -> socket.socket:
    while True:
        try:
            accepted, _ = await asyncio.get_running_loop().sock_accept(listener)
        except OSError as error:
            _log.error("no connection can be accepted", extra={"why": error.strerror or str(error)})
            await asyncio.sleep(_AGAIN_SECONDS)
        else:
            return accepted
