"""The socket of the HTTP port and what every answer carries."""

import contextlib
import socket
import ssl
from collections.abc import AsyncIterator

from aiohttp import web

from kinemacolor.server.web.guard import Guard
from kinemacolor.server.web.site import Site

__all__ = ["bind", "listening"]

_BACKLOG = 64
_KEEPALIVE_SECONDS = 30.0
_STOP_SECONDS = 0.5
"""How long answers may take that are under way when the server stops."""

_HEADERS = {
    "Server": "kinemacolor",
    # Nothing from elsewhere, nothing inline, no frame around it: what a client calls itself can only be text.
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def bind(address: str) -> socket.socket:
    """Take `host:port` and listen; who connects before there are answers waits for them.

    Raises:
        OSError: It is taken, or no address of this machine.
    """
    host, _, port = address.rpartition(":")
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, place = found[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(place)
        made.listen(_BACKLOG)  # only then it is ours: with SO_REUSEADDR two may be bound to one port
    except OSError:
        made.close()
        raise
    return made


@contextlib.asynccontextmanager
async def listening(
    listener: socket.socket | None, site: Site, guard: Guard, context: ssl.SSLContext | None
) -> AsyncIterator[str | None]:
    """Answer on the port as long as the block runs; yields its address, None without a port."""
    if listener is None:
        yield None
        return
    app = web.Application(middlewares=[guard.check])
    app.router.add_routes(site.routes())
    app.on_response_prepare.append(_add_headers)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=_KEEPALIVE_SECONDS, shutdown_timeout=_STOP_SECONDS)
    await runner.setup()
    try:
        await web.SockSite(runner, listener, ssl_context=context, backlog=_BACKLOG).start()
        yield _address(listener)
    finally:
        await runner.cleanup()


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if listener.family is socket.AF_INET6 else f"{host}:{port}"


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
