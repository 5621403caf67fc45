"""The HTTP port at work, and what every answer carries."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from kinemacolor.server.web.connections import Connections
from kinemacolor.server.web.guard import Guard, Handler
from kinemacolor.server.web.site import Site

__all__ = ["listening"]

_KEEPALIVE_SECONDS = 30.0
_STOP_SECONDS = 0.5
"""How long answers may take that are under way when the server stops."""


class _NoStrangersWords(logging.Filter):
    """What a malformed request holds is not for the log: it may be a token."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, BadHttpMessage)


_HEADERS = {
    "Server": "kinemacolor",
    # Nothing from elsewhere, nothing inline, no frame around it: what a client calls itself can only be text.
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@contextlib.asynccontextmanager
async def listening(
    listener: socket.socket, site: Site, guard: Guard, context: ssl.SSLContext | None
) -> AsyncIterator[str]:
    """Answer on the port as long as the block runs; yields its address."""
    logging.getLogger("aiohttp.server").addFilter(_NoStrangersWords())

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        connections.used(request.transport)
        return await handler(request)

    app = web.Application(middlewares=[note, guard.check])
    app.router.add_routes(site.routes())
    app.on_response_prepare.append(_add_headers)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=_KEEPALIVE_SECONDS, shutdown_timeout=_STOP_SECONDS)
    await runner.setup()
    connections = Connections(_factory(runner), context)
    accepting = asyncio.create_task(connections.serve(listener))
    accepting.add_done_callback(_say_why_it_ended)
    try:
        yield _address(listener)
    finally:
        accepting.cancel()
        await asyncio.wait([accepting])
        await runner.cleanup()
        site.close()


def _say_why_it_ended(accepting: "asyncio.Task[None]") -> None:
    if not accepting.cancelled() and (error := accepting.exception()) is not None:
        logging.getLogger(__name__).error("the HTTP port accepts nobody any more", exc_info=error)


def _factory(runner: web.AppRunner) -> Callable[[], asyncio.Protocol]:
    if runner.server is None:
        raise RuntimeError("the runner is not set up")
    return runner.server


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if listener.family is socket.AF_INET6 else f"{host}:{port}"


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
