"""The server of a helper: found by name, by the environment, or started; and waited for when it goes."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from random import Random

from kinemacolor.client.address import ServerAddress
from kinemacolor.client.errors import ClientError, ClipLostError
from kinemacolor.client.reconnect import ReconnectPolicy, may_pass, wait_before
from kinemacolor.client.requests import OpenRequest
from kinemacolor.client.stream import ClipStream
from kinemacolor.render.options import ServerOptions
from kinemacolor.render.server_choice import ServerSession, open_server

__all__ = ["SERVER_VARIABLE", "ServerConnection", "server_address"]

SERVER_VARIABLE = "KINEMACOLOR_SERVER"


def server_address(parameter: str) -> ServerAddress | None:
    """The server that the parameter names, or else the environment; None: a private one is to be started.

    Raises:
        ValueError: The text is no address; one line.
    """
    text = parameter.strip() or os.environ.get(SERVER_VARIABLE, "").strip()
    return ServerAddress.parse(text) if text else None


class ServerConnection:
    """One server for all sessions that name it; safe to use from several threads.

    Args:
        options: Which server.
        model: What a private one loads at its start.
        policy: How long it may be gone.
        say: Told of breaks, in one line.
    """

    def __init__(self, options: ServerOptions, model: str, policy: ReconnectPolicy, say: Callable[[str], None]) -> None:
        self._options, self._model, self._policy, self._say = options, model, policy, say
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._session: ServerSession | None = None
        self._broken_by: ClientError | None = None
        self._closing = threading.Event()
        self._broken_since: float | None = None
        self._attempts = 0
        self._random = Random()

    def open_clip(self, request: OpenRequest) -> ClipStream:
        """Open a clip, over a new connection if the last one broke.

        Raises:
            ClientError: It cannot be opened now.
        """
        with self._lock:
            self._check_open()
            if self._session is None:
                self._session = self._stack.enter_context(open_server(self._options, self._model))
            broken_by, self._broken_by = self._broken_by, None
            try:
                stream = self._session.open_clip(request, broken_by)
            except ClientError as error:
                self._broken_by = error
                raise
            self._broken_since, self._attempts = None, 0
            return stream

    def recover(self, error: ClientError) -> None:
        """Wait before the next try.

        Raises:
            ClientError: `error`, if it will not pass, or the server was gone for too long.
        """
        with self._lock:
            self._check_open()
            now = time.monotonic()
            if self._broken_since is None:
                self._broken_since = now
                self._say(str(error))
            if not isinstance(error, ClipLostError):  # that is of one clip; the others' connection is good
                self._broken_by = error
            self._attempts += 1
            wait = wait_before(self._attempts, self._policy, self._random) if self._attempts > 1 else 0.0
            if not may_pass(error) or now + wait - self._broken_since >= self._policy.patience_seconds:
                self._broken_since, self._attempts = None, 0
                raise error
        if self._closing.wait(wait):
            raise error

    def close(self) -> None:
        """Leave the server; a private one is stopped. Wakes who waits for it."""
        self._closing.set()
        with self._lock:
            self._stack.close()
            self._session = None

    def _check_open(self) -> None:
        if self._closing.is_set():
            raise ClipLostError("the connection was closed")
