"""Who may read from the HTTP port: the same tokens and certificates as on the gRPC one.

A token comes as `Authorization: Bearer TOKEN`, or as the password of HTTP Basic, for which browsers ask a person. The
probes answer everybody: they say one word, and who asks them (kubelet, a load balancer) has no token.

Where there is neither, everybody of this machine may read. Then the Host header has to be a name of this machine: a
page of some website can have its own name point to 127.0.0.1, and the browser of this machine would read for it.
"""

import base64
import binascii
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from kinemacolor.server.access import TokenFile
from kinemacolor.server.config import is_loopback

__all__ = ["OPEN_PATHS", "Guard", "Handler"]

_log = logging.getLogger(__name__)

OPEN_PATHS = frozenset(("/healthz", "/readyz"))
_LOGGED_CHARS = 200
_CHALLENGES = ('Basic realm="kinemacolor", charset="UTF-8"', "Bearer")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """Refuses requests of those who may not read.

    Args:
        tokens: Of those who may; None: no token is asked for.
        wants_certificate: The client must have shown one; the connection has checked it.
    """

    def __init__(self, tokens: TokenFile | None, *, wants_certificate: bool) -> None:
        self._tokens, self._wants_certificate = tokens, wants_certificate

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Handle the request, or say why not."""
        if request.path in OPEN_PATHS:
            return await handler(request)
        return self._refusal(request) or await handler(request)

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self._wants_certificate and not _has_certificate(request):
            return _refuse(403, "this server asks for a certificate", request)
        if self._tokens is not None:
            token = token_of(request.headers.get("Authorization", ""))
            if token is None:
                return _refuse(401, "this server asks for a token", request, _CHALLENGES)
            if not self._tokens.accepts(token):
                return _refuse(401, "this server does not take this token", request, _CHALLENGES)
        elif not self._wants_certificate and not is_loopback(_host_name(request.host)):
            return _refuse(421, "this port answers to names of this machine only, such as localhost", request)
        return None


def token_of(authorization: str) -> str | None:
    """The token of an Authorization header; None if it holds none."""
    scheme, _, value = authorization.strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value or None
    if scheme.lower() != "basic":
        return None
    try:
        _, separator, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return password if separator and password else None


def _has_certificate(request: web.Request) -> bool:
    return request.transport is not None and bool(request.transport.get_extra_info("peercert"))


def _host_name(host: str) -> str:
    """Without the port; an address of IPv6 stands in brackets."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _refuse(status: int, why: str, request: web.Request, challenges: tuple[str, ...] = ()) -> web.Response:
    if status != 401 or "Authorization" in request.headers:  # a browser's first request never has a token
        path = request.raw_path[:_LOGGED_CHARS]  # as it came: what is decoded may hold the end of a line
        _log.warning("request refused", extra={"path": path, "why": why, "from": request.remote})
    response = web.Response(status=status, text=f"{why}\n")
    for challenge in challenges:
        response.headers.add("WWW-Authenticate", challenge)
    return response
