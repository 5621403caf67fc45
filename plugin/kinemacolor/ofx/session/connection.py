"""The server of a helper: found by name, by the environment, or started; and waited for when it goes."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from random import Random
from typing import TypeVar

from kinemacolor.client.address import ServerAddress
from kinemacolor.client.connection import ColorizeClient
from kinemacolor.client.errors import ClientError, ClipLostError
from kinemacolor.client.reconnect import ReconnectPolicy, may_pass, wait_before
from kinemacolor.client.requests import OpenRequest
from kinemacolor.client.stream import ClipStream
from kinemacolor.render.options import ServerOptions
from kinemacolor.render.server_choice import ServerSession, open_server

__all__ = ["SERVER_VARIABLE", "ServerConnection", "server_address"]

SERVER_VARIABLE = "KINEMACOLOR_SERVER"
_HEALTH_SECONDS = 1.0
_POLICY = ReconnectPolicy()

_Answer = TypeVar("_Answer")


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
        say: Told of breaks, in one line.
    """

    def __init__(self, options: ServerOptions, say: Callable[[str], None]) -> None:
        self._options, self._say = options, say
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._session: ServerSession | None = None
        self._broken_by: ClientError | None = None
        self._closing = threading.Event()
        self._broken_since: float | None = None
        self._attempts = 0
        self._random = Random()

    @property
    def is_private(self) -> bool:
        """Whether the server is started here."""
        return self._options.address is None

    @property
    def client(self) -> ColorizeClient:
        """The connection; another one after a break.

        Raises:
            ClientError: There is no server, or a private one does not start.
        """
        with self._lock:
            return self._connected().client

    def open_clip(self, request: OpenRequest, broken_by: ClientError | None = None) -> ClipStream:
        """Open a clip, over a new connection if the last one broke.

        Args:
            request: The clip.
            broken_by: What the caller knows of a break; others may have connected again since.

        Raises:
            ClientError: It cannot be opened now.
        """
        with self._lock:
            session = self._connected()
            broken_by, self._broken_by = broken_by or self._broken_by, None
            try:
                stream = session.open_clip(request, None if broken_by is None or _answers(session) else broken_by)
            except ClientError as error:
                self._broken_by = error
                raise
            self._broken_since, self._attempts = None, 0
            return stream

    def ask(self, question: Callable[[ColorizeClient], _Answer]) -> _Answer:
        """Ask the server something short.

        Raises:
            ClientError: No answer.
        """
        with self._lock:
            session = self._connected()
            broken_by, self._broken_by = self._broken_by, None
            try:
                if broken_by is not None and not _answers(session):
                    session.connect_again(broken_by)
                return question(session.client)
            except ClientError as error:
                self._broken_by = error
                raise

    def patiently(self, question: Callable[[ColorizeClient], _Answer], patience_seconds: float) -> _Answer:
        """`ask`, again and again while the server may come back.

        Raises:
            ClientError: No answer in that time.
        """
        while True:
            try:
                return self.ask(question)
            except ClientError as error:
                self.recover(error, patience_seconds)

    def recover(self, error: ClientError, patience_seconds: float) -> None:
        """Wait before the next try. Once the server has been gone for so long, every further try is the only one.

        Raises:
            ClientError: `error`, if it will not pass, or the server was gone for too long.
        """
        with self._lock:
            self._check_open()
            now = time.monotonic()
            if not may_pass(error):
                raise error
            if self._broken_since is None:
                self._broken_since = now
                self._say(str(error))
            if not isinstance(error, ClipLostError):  # that is of one clip; the others' connection is good
                self._broken_by = error
            self._attempts += 1
            wait = wait_before(self._attempts, _POLICY, self._random) if self._attempts > 1 else 0.0
            if now + wait - self._broken_since >= patience_seconds:
                raise error
        if self._closing.wait(wait):
            raise error

    def close(self) -> None:
        """Leave the server; a private one is stopped. Wakes who waits for it."""
        self._closing.set()
        with self._lock:
            self._stack.close()
            self._session = None

    def _connected(self) -> ServerSession:
        self._check_open()
        if self._session is None:
            self._session = self._stack.enter_context(open_server(self._options, ""))
        return self._session

    def _check_open(self) -> None:
        if self._closing.is_set():
            raise ClipLostError("the connection was closed")


def _answers(session: ServerSession) -> bool:
    """Whether the connection is good: what broke may have been one clip, or somebody has connected again."""
    try:
        session.client.check_health(_HEALTH_SECONDS)
    except ClientError:
        return False
    return True
