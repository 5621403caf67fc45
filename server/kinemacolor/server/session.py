"""One stream's way out: answers in order, an end, and back-pressure. Lives on the event loop."""

import asyncio
from collections import deque

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.errors import WireError
from kinemacolor.wire.reasons import ErrorReason

_LOST = frozenset({ErrorReason.SUPERSEDED, ErrorReason.EVICTED})


class Session:
    """Answers of one stream that wait to be written.

    The stream is read only while fewer than `limit` answers wait, so a client that does not read its answers costs
    at most `limit` of them plus its window, whatever it sends.

    Args:
        limit: answers that may wait before reading stops.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[pb.StreamFramesResponse] = deque()
        self._changes = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._error: WireError | None = None
        self._over = asyncio.Event()
        self.has_lost_client = False
        """The client has gone without an end; set by who reads from it."""

    @property
    def is_over(self) -> bool:
        """True once the stream has an end, good or bad; nothing more is accepted from the client."""
        return self._over.is_set()

    @property
    def has_ended_well(self) -> bool:
        """True after `finish`, unless the client made a mistake behind its end."""
        return self.is_over and self._error is None

    def deliver(self, response: pb.StreamFramesResponse) -> None:
        """Queue one answer."""
        self._waiting.append(response)
        if len(self._waiting) >= self._limit:
            self._room.clear()
        self._changes.set()

    def finish(self) -> None:
        """The stream ends with OK after the answers that wait."""
        self._release()

    def fail(self, error: WireError) -> None:
        """The stream ends with this error after the answers that wait; the first error counts.

        A stream that has lost its clip ends without them: whoever it was may never read them. A good end is no
        protection: a client that sends on after its end has made a mistake, and must hear of it.
        """
        if self._error is None:
            self._error = error
            if error.reason in _LOST:
                self._waiting.clear()
        self._release()

    def _release(self) -> None:
        self._over.set()
        self._changes.set()
        self._room.set()

    def check(self) -> None:
        """Raise the WireError that the stream ends with, if it has one."""
        if self._error is not None:
            raise self._error

    async def over(self) -> None:
        """Wait until the stream has an end."""
        await self._over.wait()

    async def room(self) -> None:
        """Wait until the client has read enough of its answers, or the stream is over."""
        await self._room.wait()

    async def next_response(self) -> pb.StreamFramesResponse | None:
        """The next answer; None after the last one of a stream that ended well.

        Raises:
            WireError: after the last answer of a stream that failed.
        """
        while not self._waiting:
            self.check()
            if self.is_over:
                return None
            self._changes.clear()
            await self._changes.wait()
        response = self._waiting.popleft()
        if len(self._waiting) < self._limit:
            self._room.set()
        return response
