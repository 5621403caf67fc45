"""Who may use this server: bearer tokens, checked before the first message of a call is read.

The health service answers without a token: it says no more than that the port serves, and probes have none.
"""

import hashlib
import hmac
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health

from kinemacolor.server.config import ConfigError
from kinemacolor.wire.access import bearer_token
from kinemacolor.wire.errors import WireError, status_code
from kinemacolor.wire.reasons import ErrorReason

_log = logging.getLogger(__name__)

MIN_TOKEN_CHARS = 16
"""Shorter ones can be guessed over a fast network: 16 letters and digits are 80 bits and more."""
_MAX_FILE_BYTES = 1 << 20

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable["grpc.RpcMethodHandler[Any, Any]"]]


class TokenFile:
    """The tokens of a file, one a line; empty lines and those that begin with `#` do not count.

    The file is read again when it changes, so that a token can be added or withdrawn while the server runs. If it
    cannot be read then, or holds no token, the last good ones stay and the log says so.

    Raises:
        ConfigError: The file cannot be read, or has no token or one that is too short.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._digests = _read_digests(path)
        if (mode := path.stat().st_mode & 0o077) and os.name == "posix":
            _log.warning("others may read the token file", extra={"path": str(path), "mode": f"{mode:03o}"})

    def accepts(self, token: str) -> bool:
        """Whether the token is one of them. Takes as long for a wrong one as for a right one."""
        self._refresh()
        digest = _digest(token)
        # All of them, not up to the first: the time must not say which one it was.
        return sum(hmac.compare_digest(digest, known) for known in self._digests) > 0

    def _refresh(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._digests = _read_digests(self._path)
        except ConfigError as error:
            _log.error("token file not read again", extra={"why": str(error)})
        else:
            _log.info("token file read again", extra={"tokens": len(self._digests)})


class TokenInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs alone
    """Ends every call but a health check with UNAUTHENTICATED unless it carries a token of the file.

    A watch of the health lasts, and strangers could open any number.
    """

    def __init__(self, tokens: TokenFile) -> None:
        self._tokens = tokens

    async def intercept_service(  # type: ignore[override]  # the stubs do not know that there may be none
        self, continuation: Continuation, details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """The handler of the call, or one that refuses it."""
        handler = await continuation(details)
        if handler is None or details.method == f"/{health.SERVICE_NAME}/Check":
            return handler
        token = bearer_token(details.invocation_metadata)
        if token is not None and self._tokens.accepts(token):
            return handler
        _log.warning("call refused: no valid token", extra={"method": details.method, "has_token": token is not None})
        text = "this server asks for a token" if token is None else "this server does not take this token"
        return _refusal(handler, WireError(ErrorReason.UNAUTHENTICATED, text))


def _refusal(handler: "grpc.RpcMethodHandler[Any, Any]", error: WireError) -> "grpc.RpcMethodHandler[Any, Any]":
    """A method of the same shape that says no and reads nothing."""

    async def refuse(_: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        await context.abort(status_code(error.reason), error.message, error.trailing_metadata())

    return _MAKE_HANDLER[handler.request_streaming, handler.response_streaming](refuse)


_MAKE_HANDLER: dict[tuple[bool, bool], Callable[..., "grpc.RpcMethodHandler[Any, Any]"]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}
"""By whether the client and the server send many messages."""


def _read_digests(path: Path) -> tuple[bytes, ...]:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
        if len(data) > _MAX_FILE_BYTES:
            raise ConfigError(f"{path}: expected a file of tokens, found more than {_MAX_FILE_BYTES} bytes")
        lines = [line.strip() for line in data.decode("ascii").splitlines()]
    except OSError as error:
        raise ConfigError(f"{path}: the token file cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected tokens in ASCII, one a line") from error
    tokens = [line for line in lines if line and not line.startswith("#")]
    if not tokens:
        raise ConfigError(f"{path}: the token file has no token")
    if any(" " in token or not token.isprintable() for token in tokens):
        raise ConfigError(f"{path}: a token is one word; a line of the file has more, or what cannot be printed")
    if any(len(token) < MIN_TOKEN_CHARS for token in tokens):
        raise ConfigError(f"{path}: a token has at least {MIN_TOKEN_CHARS} characters; one in the file is shorter")
    return tuple(_digest(token) for token in tokens)


def _digest(token: str) -> bytes:
    """Compared in place of the tokens: all have one length, and a dump of memory holds none."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
