"""The server of a render: the one the user names, or a private one for as long as it takes."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Protocol

from kinemacolor.client.access import AccessFiles, read_access
from kinemacolor.client.address import ServerAddress
from kinemacolor.client.connection import ColorizeClient, ModelInfo, connect
from kinemacolor.client.errors import (
    ClientError,
    ServerFaultError,
    ServerStartError,
    ServerTimeoutError,
    ServerUnreachableError,
)
from kinemacolor.client.model_names import find_model, names_instead
from kinemacolor.client.private_server import PrivateServer, private_server
from kinemacolor.client.requests import OpenRequest
from kinemacolor.client.stream import ClipStream
from kinemacolor.render.errors import UsageError
from kinemacolor.render.options import ServerOptions
from kinemacolor.render.report import plural
from kinemacolor.wire.frame import GuideFrame

_IDLE_SECONDS = 86_400
_END_SECONDS = 2.0
"""From the end of a process's connections to its own."""


class Session(Protocol):
    """A server as those use it who open one clip after the other on it."""

    @property
    def client(self) -> ColorizeClient:
        """The connection; may be another after `open_clip`."""

    def open_clip(self, request: OpenRequest, broken_by: ClientError | None = None) -> ClipStream:
        """Open a clip, over a new connection if `broken_by` says how the last one ended.

        Raises:
            ClientError: The clip cannot be opened (now).
        """


class ServerSession:
    """A connection, and the private server behind it if there is one. `client` may be another after `open_clip`."""

    def __init__(
        self, client: ColorizeClient, private: PrivateServer | None, access: AccessFiles | None = None
    ) -> None:
        self.client, self.private, self._access = client, private, access

    @property
    def address(self) -> ServerAddress:
        """Where the server listens."""
        return self.client.address

    @property
    def where(self) -> str:
        """In words, for messages."""
        return "a private server" if self.private is not None else f"the server at {self.address}"

    def open_clip(self, request: OpenRequest, broken_by: ClientError | None = None) -> ClipStream:
        """Open a clip, over a new connection if `broken_by` says how the last one ended.

        A private server that has ended or hangs is started again first.

        Raises:
            ClientError: The clip cannot be opened (now).
        """
        if broken_by is not None:
            self.connect_again(broken_by)
        try:
            return self.client.open_clip(request)
        except ServerUnreachableError as error:
            self._raise_if_killed(error)
            raise

    def _raise_if_killed(self, error: ServerUnreachableError) -> None:
        """A private server that the system ends while it opens a clip will be ended again, again and again."""
        status = self.private.exit_status(_END_SECONDS) if self.private is not None else None
        if self.private is not None and status is not None and status < 0:
            raise ServerStartError(f"the private server ended: {self.private.last_words(status)}", status) from error

    def close(self) -> None:
        """Close the connection."""
        self.client.close()

    def connect_again(self, broken_by: ClientError) -> None:
        """Make a new connection; a private server that has ended or hangs is started again first.

        Raises:
            ClientError: It does not answer.
        """
        address, private = self.client.address, self.private
        # The connection breaks a moment before the process can be asked how it ended.
        has_ended = private is not None and private.exit_status(_END_SECONDS) is not None
        if private is not None and (has_ended or isinstance(broken_by, (ServerTimeoutError, ServerStartError))):
            address = private.restart()
        # The broken one stays until there is another, so that there always is one to ask.
        broken = self.client
        try:
            self.client = _connect(address, self._access)
        except ServerUnreachableError:
            if private is None:
                raise
            self.client = connect(private.restart())  # it runs, and does not answer
        broken.close()


@contextmanager
def open_server(options: ServerOptions, model: str) -> Iterator[ServerSession]:
    """Connect to the server that the options name, or start a private one and stop it at the end.

    Args:
        options: Which server.
        model: What a private server loads at its start; empty = its default.

    Raises:
        ClientError: No server, or the private one did not start.
    """
    if options.address is not None:
        with closing(ServerSession(_connect(options.address, options.access), None, options.access)) as session:
            yield session
        return
    with (
        private_server(server_arguments(options, model)) as private,
        closing(ServerSession(connect(_ready(private)), private)) as session,
    ):
        try:
            yield session
        except ServerUnreachableError as error:
            status = private.exit_status(_END_SECONDS)
            if status is None:
                raise
            raise ServerFaultError(f"the private server ended: {private.last_words(status)}") from error


def _connect(address: ServerAddress, access: AccessFiles | None) -> ColorizeClient:
    """With the secrets as they are now; a private server asks for none."""
    return connect(address, access=None if access is None else read_access(access))


def check_model(client: ColorizeClient, model: str) -> ModelInfo:
    """The model that will run, the server's default for an empty name.

    Raises:
        UsageError: The server has no such model; lists those it has.
        ClientError: No answer.
    """
    models = client.list_models()
    found = find_model(models, model)
    if found is None:
        raise UsageError(f"no model named {model!r}; the server has: {names_instead(models, model)}")
    return found


def refuse_unable(
    model: ModelInfo, guides: Sequence[GuideFrame], variant: int, *, wants_confidence: bool = False
) -> None:
    """Say what the server would refuse.

    Raises:
        UsageError: The model does not take the guides, does not have the variant, or does not say how sure it is.
    """
    if not model.takes_references and any(guide.ab is not None for guide in guides):
        raise UsageError(f"{model.name} takes no references; kinemacolor models list says which models do")
    if not model.takes_hints and any(guide.hints for guide in guides):
        raise UsageError(f"{model.name} takes no hints; kinemacolor models list says which models do")
    if variant > model.variants:
        raise UsageError(f"{model.name} has {plural(model.variants, 'variant')}, found variant {variant}")
    if wants_confidence and not model.has_confidence:
        raise UsageError(f"{model.name} does not say how sure it is (--review); kinemacolor models list says which do")


def _ready(private: PrivateServer) -> ServerAddress:
    if private.address is None:
        raise ValueError("the private server is not ready")
    return private.address


def server_arguments(options: ServerOptions, model: str) -> list[str]:
    """How a private server is started."""
    # A render may pause for as long as a full disk takes; this server ends with its client, so it need not watch.
    arguments = ["--idle", str(_IDLE_SECONDS)]
    if model:
        arguments += ["--model", model]
    if options.device is not None:
        arguments += ["--device", options.device]
    threads = options.threads if options.threads is not None else network_threads(_usable_cores())
    return [*arguments, "--threads", str(threads)]


def network_threads(cores: int) -> int:
    """Threads for the networks of a server that shares its machine with a render: all cores but one.

    The render's decoder, merge and encoder need one. With all of them the threads of one operation wait for each
    other's turn: 12.9 instead of 16.2 frames a second at 1080p on 2 cores.
    """
    return max(1, cores - 1)


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
