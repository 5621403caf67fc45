"""Who opens many connections to the HTTP port, or says nothing on one, keeps nobody else out."""

import asyncio
import contextlib
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from http_client import ask, http_address
from streams import wait_until

from certificates import Authority
from kinemacolor.server.config import HTTP_CONNECTIONS, HTTP_IDLE_SECONDS, HTTP_REQUEST_SECONDS
from kinemacolor.server.web.connections import Connections

HTTP = ("--http", "127.0.0.1:0")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def place(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


@contextlib.contextmanager
def silent(address: str, count: int) -> Iterator[list[socket.socket]]:
    """Connections on which nothing is said."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(place(address), timeout=60)) for _ in range(count)]


def descriptors(server: Any) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


@pytest.mark.parametrize("secure", [False, True])
def test_a_probe_gets_in_beside_connections_that_say_nothing(
    start_server: Callable[..., Any], authority: Authority, secure: bool
) -> None:
    files = authority.issue("127.0.0.1")
    tls = ("--tls-cert", str(files.certificate), "--tls-key", str(files.key)) if secure else ()
    context = ssl.create_default_context(cafile=str(authority.file)) if secure else None
    server = start_server(*HTTP, *tls, listen="127.0.0.1:0")
    address, before = http_address(server), descriptors(server)
    with silent(address, 3 * HTTP_CONNECTIONS) as connections:
        assert ask(address, "/healthz", context=context).status == 200
        assert descriptors(server) <= before + HTTP_CONNECTIONS + 2
        assert connections[0].recv(1) == b"", "the one that has been idle for longest made room"
    assert ask(address, "/readyz", context=context).status == 200


def test_who_does_not_let_go_of_an_answered_connection_holds_no_more_than_a_silent_one(
    start_server: Callable[..., Any], authority: Authority
) -> None:
    """A server that closes a connection of TLS waits half a minute for its client to agree."""
    files = authority.issue("127.0.0.1")
    server = start_server(
        *HTTP, "--tls-cert", str(files.certificate), "--tls-key", str(files.key), listen="127.0.0.1:0"
    )
    context = ssl.create_default_context(cafile=str(authority.file))
    address, before = http_address(server), descriptors(server)
    with contextlib.ExitStack() as stack:
        for _ in range(2 * HTTP_CONNECTIONS):
            plain = stack.enter_context(socket.create_connection(place(address), timeout=60))
            secure = stack.enter_context(context.wrap_socket(plain, server_hostname="127.0.0.1"))
            secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert secure.recv(4096).startswith(b"HTTP/1.1 200")
        assert descriptors(server) <= before + HTTP_CONNECTIONS + 2


def test_a_flood_of_connections_does_not_use_up_the_descriptors(start_server: Callable[..., Any]) -> None:
    server = start_server(*HTTP)
    address = http_address(server)
    assert ask(address, "/healthz").status == 200
    whole = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (descriptors(server) + HTTP_CONNECTIONS + 8, whole[1]))
    for _ in range(10):
        with contextlib.ExitStack() as stack:
            for _ in range(3 * HTTP_CONNECTIONS):
                opening = stack.enter_context(socket.socket())
                opening.setblocking(False)
                opening.connect_ex(place(address))
    assert ask(address, "/healthz").status == 200
    assert "no connection can be accepted" not in server.log


def test_without_descriptors_the_log_does_not_fill(start_server: Callable[..., Any]) -> None:
    server = start_server(*HTTP)
    address = http_address(server)
    assert ask(address, "/healthz").status == 200  # what is loaded at the first request is loaded
    whole = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (descriptors(server) + 3, whole[1]))
    with silent(address, 20):
        wait_until(lambda: "no connection can be accepted" in server.log)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, whole)
        assert ask(address, "/healthz").status == 200
        assert server.log.count("no connection can be accepted") < 10
    assert "Traceback" not in server.log


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def port(clock: Clock) -> AsyncIterator[tuple[Connections, tuple[str, int]]]:
    """A port that answers every path, and its connections."""

    async def answer(request: web.Request) -> web.Response:
        connections.used(request.transport)
        return web.Response(text="yes")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    connections = Connections(runner.server, None, clock)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(connections.serve(listener))
        try:
            yield connections, listener.getsockname()
        finally:
            serving.cancel()
            await asyncio.wait([serving])
            await runner.cleanup()


async def settled() -> None:
    """What was ended lets go of its descriptor in the next turn of the loop, or the one after that."""
    for _ in range(3):
        await asyncio.sleep(0)


def test_who_does_not_finish_a_request_is_not_waited_for() -> None:
    clock = Clock()

    async def run() -> None:
        async with port(clock) as (connections, address):
            slow_reader, slow = await asyncio.open_connection(*address)
            slow.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
            asking_reader, asking = await asyncio.open_connection(*address)
            asking.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await asking_reader.readline()).startswith(b"HTTP/1.1 200")
            assert len(connections) == 2
            clock.now += HTTP_REQUEST_SECONDS
            slow.write(b"X-Slow: 1\r\n")
            connections.reap()
            with contextlib.suppress(ConnectionResetError):
                assert await slow_reader.read() == b""
            await settled()
            assert len(connections) == 1
            asking.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            while b"HTTP/1.1 200" not in await asking_reader.readline():
                assert not asking_reader.at_eof()
            clock.now += HTTP_IDLE_SECONDS
            connections.reap()
            await settled()
            assert len(connections) == 0
            for writer in (slow, asking):
                writer.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def test_who_hangs_up_leaves_nothing_behind() -> None:
    async def run() -> None:
        async with port(Clock()) as (connections, address):
            for _ in range(3 * HTTP_CONNECTIONS):
                reader, writer = await asyncio.open_connection(*address)
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert (await reader.read()).startswith(b"HTTP/1.1 200")
                writer.close()
            await settled()
            assert len(connections) == 0

    asyncio.run(asyncio.wait_for(run(), 60))
