"""Start, readiness, drain, stop. A server is ready only when its default model is loaded."""

import asyncio
import contextlib
import errno
import json
import logging
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import ProcessCollector

from kinemacolor.models.registry import DEFAULT_MODEL, canonical_name
from kinemacolor.server.access import TokenFile, TokenInterceptor
from kinemacolor.server.config import ConfigError, ServerConfig, is_plain_elsewhere
from kinemacolor.server.device_worker import DeviceWorker
from kinemacolor.server.engine import Engine
from kinemacolor.server.epochs import Epochs
from kinemacolor.server.hub import ClipHub
from kinemacolor.server.metrics import ServerMetrics
from kinemacolor.server.service import SERVICE_NAME, ColorizeService
from kinemacolor.server.snapshot_store import SnapshotStore
from kinemacolor.server.state_folder import StateFolder, StateFolderError, default_folder
from kinemacolor.server.state_tiers import StateTiers
from kinemacolor.server.status import StatusReader
from kinemacolor.server.status_collector import StatusCollector
from kinemacolor.server.tls import TlsFiles, http_context, server_credentials
from kinemacolor.server.watchdog import Watchdog
from kinemacolor.server.web.listener import bind
from kinemacolor.wire.limits import CHANNEL_OPTIONS, KEEPALIVE_MS, PRIVATE_FOLDER_PREFIX, PRIVATE_STATE_FOLDER

_log = logging.getLogger(__name__)

_SERVER_OPTIONS = (
    *CHANNEL_OPTIONS,
    ("grpc.so_reuseport", 0),  # a second server on the same port must fail, not share it
    ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_MS // 2),
    ("grpc.http2.max_ping_strikes", 0),
)
_REAPER_SECONDS = 1.0
_STOP_SECONDS = 0.5
"""How long open calls may take to read their last answers once the server stops."""


class StartError(Exception):
    """The server cannot start; the text is one line for a person."""


async def serve(config: ServerConfig, *, exit_with_stdin: bool = False) -> None:
    """Run a server until it is told to stop: SIGTERM, SIGINT, Drain, or the end of stdin.

    Raises:
        StartError: the address is taken or cannot be used.
        ConfigError: the device is not there.
        ModelError: the default model is unknown or cannot be loaded.
    """
    try:
        await _serve(config, exit_with_stdin=exit_with_stdin)
    finally:
        if exit_with_stdin:
            _remove_private_folder(config)


async def _serve(config: ServerConfig, *, exit_with_stdin: bool) -> None:
    # What is wrong with them is said before a model loads.
    files, tokens = _tls_files(config), None if config.token_file is None else TokenFile(config.token_file)
    credentials = None if files is None else server_credentials(files)
    with contextlib.ExitStack() as stack:
        listener = None if config.http is None else stack.enter_context(_http_listener(config.http))
        _check_free(config.listen)
        engine = Engine(config)
        default_model = canonical_name(config.default_model or DEFAULT_MODEL)
        engine.model(default_model)
        metrics = ServerMetrics((default_model,))
        _say_what_runs(metrics, engine)
        folder = _open_state_folder(stack, config, is_private=exit_with_stdin)
        snapshots = None if folder is None else _open_snapshots(stack, config, folder, metrics)
        place = None if folder is None else folder.path
        tiers = StateTiers(engine.device, config.device_state_bytes, config.ram_state_bytes, place)
        stack.enter_context(tiers)
        worker = DeviceWorker(engine, tiers, metrics=metrics)
        # Around it: at the end the worker is waited for, and may hang then as at any other time.
        stack.enter_context(Watchdog(lambda: worker.busy_with, config.stall_seconds))
        stack.enter_context(worker)
        epochs = Epochs(folder)
        hub = ClipHub(config, worker, default_model, snapshots=snapshots, epochs=epochs, metrics=metrics)
        shutdown = _Shutdown(hub)
        _watch_signals(shutdown)  # before the readiness line: whoever reads it may send a signal at once
        if exit_with_stdin:
            _watch_stdin(shutdown)
        status = StatusReader(config, hub, engine, tiers)
        metrics.registry.register(StatusCollector(status.read))
        service = ColorizeService(config, hub, engine, status, shutdown.drain, metrics)
        interceptors = () if tokens is None else (TokenInterceptor(tokens),)
        server = grpc.aio.server(options=_SERVER_OPTIONS, interceptors=interceptors)
        sources = (config, hub, worker, status, metrics)
        async with (
            _running(server, credentials, config, hub, service, shutdown) as address,
            _answering_http(listener, sources, tokens, files) as http,
        ):
            _announce(address, http)
            await _until_stopped(config, hub, shutdown)
            await server.stop(_STOP_SECONDS)


def _open_state_folder(stack: contextlib.ExitStack, config: ServerConfig, *, is_private: bool) -> StateFolder | None:
    """The folder that was asked for, or the default one; without that one a server runs on, and says so.

    A private server has none of its own accord: it ends with the client that would come back to it.
    """
    if config.state_folder is None and is_private:
        return None
    try:
        return stack.enter_context(StateFolder(config.state_folder or default_folder()))
    except StateFolderError as error:
        if config.state_folder is not None:
            raise StartError(str(error)) from error
        _log.warning("no snapshots: a clip cannot be resumed after a crash", extra={"why": str(error)})
        return None


def _open_snapshots(
    stack: contextlib.ExitStack, config: ServerConfig, folder: StateFolder, metrics: ServerMetrics
) -> SnapshotStore | None:
    if config.snapshot_bytes == 0:
        return None
    try:
        store = SnapshotStore(
            folder,
            limit_bytes=config.snapshot_bytes,
            share_bytes=config.snapshot_bytes // config.max_clips,
            keep_seconds=config.resume_ttl_seconds,
            metrics=metrics,
        )
    except OSError as error:
        raise StartError(f"cannot read the state folder {folder.path}: {error.strerror}") from error
    return stack.enter_context(store)


class _Shutdown:
    """What was asked for: nothing, a drain, or an end at once."""

    def __init__(self, hub: ClipHub) -> None:
        self._hub = hub
        self.begun = asyncio.Event()
        self.signalled = asyncio.Event()
        self.at_once = asyncio.Event()

    def drain(self) -> None:
        """Finish open clips, take no new ones. An operator's drain has no time limit."""
        self._hub.draining = True
        self.begun.set()

    def signal(self) -> None:
        """The first signal drains with a time limit, the second one ends at once."""
        if self.signalled.is_set():
            self.at_once.set()
        self.signalled.set()
        self.drain()

    def now(self) -> None:
        """End at once."""
        self.drain()
        self.at_once.set()


@contextlib.asynccontextmanager
async def _running(
    server: grpc.aio.Server,
    credentials: grpc.ServerCredentials | None,
    config: ServerConfig,
    hub: ClipHub,
    service: ColorizeService,
    shutdown: _Shutdown,
) -> AsyncIterator[str]:
    """Yields the address with the real port."""
    server.add_generic_rpc_handlers((service.handlers(),))
    servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]  # a lazy module attribute
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    names = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    address = _bind(server, config.listen, credentials)
    await server.start()
    reaper = asyncio.create_task(_reap(hub))
    for name in ("", SERVICE_NAME):
        await servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    draining = asyncio.create_task(_leave_health_on(shutdown.begun, servicer))
    try:
        yield address
    finally:
        reaper.cancel()
        draining.cancel()
        await server.stop(0)
        _remove_socket(config.listen)


def _tls_files(config: ServerConfig) -> TlsFiles | None:
    """None: the server listens without TLS."""
    if config.tls_certificate is None or config.tls_key is None:
        if is_plain_elsewhere(config):
            _log.warning("no TLS: tokens and pictures travel in clear", extra={"listen": config.listen})
        return None
    return TlsFiles(certificate=config.tls_certificate, key=config.tls_key, client_ca=config.tls_client_ca)


@contextlib.asynccontextmanager
async def _answering_http(
    listener: socket.socket | None,
    sources: tuple[ServerConfig, ClipHub, DeviceWorker, StatusReader, ServerMetrics],
    tokens: TokenFile | None,
    files: TlsFiles | None,
) -> AsyncIterator[str | None]:
    """Yields the address of the HTTP port, None without one."""
    if listener is None:
        yield None
        return
    # aiohttp takes a fifth of a second to import, which the private server of a render need not wait for.
    from kinemacolor.server.web.guard import Guard
    from kinemacolor.server.web.port import listening
    from kinemacolor.server.web.site import Site

    guard = Guard(tokens, wants_certificate=files is not None and files.client_ca is not None)
    context = None if files is None else http_context(files)
    async with listening(listener, Site(*sources), guard, context) as address:
        yield address


def _say_what_runs(metrics: ServerMetrics, engine: Engine) -> None:
    ProcessCollector(registry=metrics.registry)  # process_resident_memory_bytes and the like, known to all dashboards
    metrics.set_build(version=version("kinemacolor"), device=engine.device_name, torch=version("torch"))


def _http_listener(address: str) -> socket.socket:
    """The port, taken before a model loads; it answers when the server is ready."""
    try:
        return bind(address)
    except (OSError, UnicodeError) as error:
        raise StartError(f"cannot listen on {address} (--http): {_reason(error)}") from error


def _reason(error: OSError | UnicodeError) -> str:
    """What getaddrinfo does not know has its words in strerror, too; what is no name of a host at all has none."""
    return error.strerror or str(error) if isinstance(error, OSError) else "not a name that a machine can have"


def _check_free(listen: str) -> None:
    """Say that an address cannot be taken before a model loads, and in better words than grpc's."""
    if listen.startswith("unix:"):
        _check_socket_path(Path(listen.removeprefix("unix:")))
        return
    try:
        bind(listen).close()
    except (OSError, UnicodeError) as error:
        raise StartError(f"cannot listen on {listen}: {_reason(error)}") from error


def _bind(server: grpc.aio.Server, listen: str, credentials: grpc.ServerCredentials | None = None) -> str:
    """Take the address; returns it with the real port."""
    _check_free(listen)
    others = os.umask(0o177)  # not chmod: a socket must never be open to others, not even at first
    try:
        port = server.add_insecure_port(listen) if credentials is None else server.add_secure_port(listen, credentials)
    except RuntimeError as error:
        raise StartError(f"cannot listen on {listen}: the address is in use or not allowed") from error
    finally:
        os.umask(others)
    if listen.startswith("unix:"):
        return listen
    return f"{listen.rpartition(':')[0]}:{port}"


_SOCKET_PATH_BYTES = 107
"""sizeof(sockaddr_un.sun_path) less the ending zero, on Linux."""


def _check_socket_path(path: Path) -> None:
    if len(os.fsencode(path)) > _SOCKET_PATH_BYTES:
        raise StartError(f"socket path is longer than {_SOCKET_PATH_BYTES} bytes: {path}")
    if not path.parent.is_dir():
        raise StartError(f"no such folder for the socket: {path.parent}")
    if path.exists() and not path.is_socket():
        raise StartError(f"{path} exists and is no socket")
    if path.is_socket() and _answers(path):
        raise StartError(f"cannot listen on unix:{path}: another server answers there")


def _answers(path: Path) -> bool:
    """Grpc takes over an existing socket without asking, also a living server's; so ask first.

    Only a refusal proves that nobody listens: a server too busy to accept, or another user's, is one too.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        return probe.connect_ex(str(path)) not in (errno.ECONNREFUSED, errno.ENOENT)


def _remove_socket(listen: str) -> None:
    if listen.startswith("unix:"):
        Path(listen.removeprefix("unix:")).unlink(missing_ok=True)


def _remove_private_folder(config: ServerConfig) -> None:
    """What was made for a private server: a client that was killed cannot remove it. Anything else stays."""
    folder = Path(config.listen.removeprefix("unix:")).parent
    if not config.listen.startswith("unix:") or not folder.name.startswith(PRIVATE_FOLDER_PREFIX):
        return
    if config.state_folder == folder / PRIVATE_STATE_FOLDER:
        shutil.rmtree(config.state_folder, ignore_errors=True)
        for socket in folder.glob("[0-9]*.sock"):  # of servers before this one, which were killed
            socket.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _announce(address: str, http: str | None) -> None:
    """Tell whoever started the server that it is ready: one JSON line on stdout."""
    places = {"address": address} if http is None else {"address": address, "http": http}
    _log.info("ready", extra=places)
    with contextlib.suppress(BrokenPipeError):  # whoever started it is gone; the end of stdin says so too
        sys.stdout.write(json.dumps({"event": "ready", **places, "pid": os.getpid()}) + "\n")
        sys.stdout.flush()


async def _leave_health_on(begun: asyncio.Event, servicer: Any) -> None:
    await begun.wait()
    await servicer.enter_graceful_shutdown()


async def _reap(hub: ClipHub) -> None:
    while True:
        await asyncio.sleep(_REAPER_SECONDS)
        try:
            hub.evict_idle()
        except Exception as error:  # noqa: BLE001 - the reaper must outlive one bad clip
            _log.error("reaper failed", exc_info=error)


def _watch_signals(shutdown: _Shutdown) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, shutdown.signal)


def _watch_stdin(shutdown: _Shutdown) -> None:
    """End when stdin does: whoever started this server is gone, however it died.

    In a thread, because stdin may be anything, also what an event loop cannot watch (/dev/null, a file).
    """
    loop = asyncio.get_running_loop()

    def wait_for_the_end() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        with contextlib.suppress(RuntimeError):  # the loop has ended first
            loop.call_soon_threadsafe(shutdown.now)

    threading.Thread(target=wait_for_the_end, name="stdin", daemon=True).start()


async def _until_stopped(config: ServerConfig, hub: ClipHub, shutdown: _Shutdown) -> None:
    await shutdown.begun.wait()
    _log.info("draining", extra={"clips": len(hub.clips)})
    ends = [
        asyncio.create_task(hub.wait_until_streams_end()),
        asyncio.create_task(shutdown.at_once.wait()),
        asyncio.create_task(_grace(shutdown, config.grace_seconds)),
    ]
    _, pending = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for clip in hub.clips:
        hub.evict(clip, "the server stops", keeps_snapshots=True)
    _log.info("stopped")


async def _grace(shutdown: _Shutdown, seconds: float) -> None:
    """The time limit of a drain runs from a signal on, also if an operator's drain came before it."""
    await shutdown.signalled.wait()
    await asyncio.sleep(seconds)


__all__ = ["ConfigError", "StartError", "serve"]
