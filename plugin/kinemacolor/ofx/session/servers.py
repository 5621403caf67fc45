"""The servers of a helper: one connection for each, and who answers there."""

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from kinemacolor.client.address import ServerAddress
from kinemacolor.client.connection import ColorizeClient, ModelInfo
from kinemacolor.client.errors import ClientError
from kinemacolor.client.model_names import find_model, names_instead
from kinemacolor.client.requests import OpenRequest
from kinemacolor.client.stream import ClipStream
from kinemacolor.ofx.helper.effect import EffectError
from kinemacolor.ofx.session.connection import ServerConnection, server_address
from kinemacolor.render.errors import UsageError
from kinemacolor.render.options import ServerOptions
from kinemacolor.render.server_choice import refuse_unable
from kinemacolor.render.server_streams import identity_of
from kinemacolor.store.clip_file import ServerIdentity, Terms

__all__ = ["PATIENCE_VARIABLE", "Server", "Servers", "patience_seconds"]

_Answer = TypeVar("_Answer")

PATIENCE_VARIABLE = "KINEMACOLOR_OFX_PATIENCE"
_PATIENCE_SECONDS = 600.0


def patience_seconds() -> float:
    """How long a final frame waits for a server that is gone.

    Raises:
        EffectError: The environment says nonsense.
    """
    text = os.environ.get(PATIENCE_VARIABLE, "")
    try:
        seconds = float(text) if text else _PATIENCE_SECONDS
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise EffectError(f"${PATIENCE_VARIABLE} is {text!r}, expected seconds from 0 to 86400")
    return seconds


class Server:
    """One server and what is known of its models; safe to use from several threads.

    Args:
        options: Which.
        say: Told of breaks, in one line.
    """

    def __init__(self, options: ServerOptions, say: Callable[[str], None]) -> None:
        self.options = options
        self.connection = ServerConnection(options, say)
        self._lock = threading.Lock()
        self._identities: dict[str, ServerIdentity] = {}
        self._models: dict[str, ModelInfo] = {}

    def known(self, model: str) -> ServerIdentity | None:
        """Who answered last, whether it is there now or not."""
        with self._lock:
            return self._identities.get(model)

    def identity(self, model: str, patience: float) -> ServerIdentity:
        """Who colours; it is asked once.

        Args:
            model: Empty: the server's default.
            patience: Seconds to wait for a server that is gone.

        Raises:
            EffectError: The server has no such model.
            ClientError: No answer.
        """
        return self._asked_once(self._identities, model, _identity_of, patience)

    def known_model(self, name: str) -> ModelInfo | None:
        """What a model was last said to be able to do."""
        with self._lock:
            return self._models.get(name)

    def model(self, name: str, patience: float) -> ModelInfo:
        """What a model can do; it is asked once.

        Args:
            name: Empty: the server's default.
            patience: Seconds to wait for a server that is gone.

        Raises:
            EffectError: The server has no such model.
            ClientError: No answer.
        """
        return self._asked_once(self._models, name, _model_of, patience)

    def _asked_once(
        self, kept: dict[str, _Answer], name: str, ask: Callable[[ColorizeClient, str], _Answer], patience: float
    ) -> _Answer:
        with self._lock:
            known = kept.get(name)
        if known is None:
            known = self.connection.patiently(lambda client: ask(client, name), patience)
            with self._lock:
                kept[name] = known
        return known

    def open_clip(self, request: OpenRequest) -> ClipStream:
        """Open a clip, and learn who answers now. A confidence is asked for only if the model has one.

        Raises:
            EffectError: The server has no such model.
            UsageError: The model does not take its guides, or does not have its variant.
            ClientError: It cannot be opened now.
        """
        if request.guides or request.variant > 1:
            self._refuse_unable(request)
        if request.want_confidence and not self.model(request.model, 0.0).has_confidence:
            request = replace(request, want_confidence=False)
        try:
            stream = self.connection.open_clip(request)
        except ClientError:
            self._forget_model(request.model)
            raise
        with self._lock:
            self._identities[request.model] = identity_of(stream.info)
        return stream

    def _refuse_unable(self, request: OpenRequest) -> None:
        try:
            refuse_unable(self.model(request.model, 0.0), request.guides, request.variant)
        except UsageError:
            self._forget_model(request.model)
            raise

    def _forget_model(self, name: str) -> None:
        """Another server may stand there the next time."""
        with self._lock:
            self._models.pop(name, None)

    def recover(self, error: ClientError, patience: float) -> None:
        """Wait before the next try.

        Raises:
            ClientError: `error`, if it will not pass, or the server was gone for too long.
        """
        self.connection.recover(error, patience)

    def close(self) -> None:
        """Leave it."""
        self.connection.close()


class Servers:
    """All of them.

    Args:
        say: Told of breaks, in one line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._servers: dict[ServerAddress | None, Server] = {}

    def named(self, parameter: str) -> Server:
        """The server that a parameter names; nothing is connected yet.

        Raises:
            EffectError: It is no address.
        """
        try:
            address = server_address(parameter)
        except ValueError as error:
            raise EffectError(f"Server: {error}") from error
        if address not in self._servers:
            self._servers[address] = Server(
                ServerOptions(address=address, patience_seconds=patience_seconds()), self._say
            )
        return self._servers[address]

    def close(self) -> None:
        """Leave all; private ones are stopped."""
        for server in self._servers.values():
            server.close()


def _identity_of(client: ColorizeClient, model: str) -> ServerIdentity:
    found = _model_of(client, model)
    return ServerIdentity(
        found.name, found.weights_sha256, client.server_info().device_class, Terms(found.licence, found.terms)
    )


def _model_of(client: ColorizeClient, name: str) -> ModelInfo:
    models = client.list_models()
    found = find_model(models, name)
    if found is None:
        raise EffectError(f"Model: the server has no {name or 'default'}; it has {names_instead(models, name)}")
    return found
