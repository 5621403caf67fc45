"""The gRPC side: messages in, events out. Methods are tiny; what they mean is in the .proto.

Messages arrive as bytes and are parsed here, not by grpc: its own answer to a malformed message is UNKNOWN with the
text of an exception.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from kinemacolor.server import events as ev
from kinemacolor.server import logs, status_messages
from kinemacolor.server.config import ServerConfig
from kinemacolor.server.engine import Engine
from kinemacolor.server.events import ClipPhase
from kinemacolor.server.hub import Clip, ClipHub
from kinemacolor.server.metrics import Direction, ServerMetrics, Stage
from kinemacolor.server.open_request import OpenRequest, check_guide, check_open, with_guides
from kinemacolor.server.session import Session
from kinemacolor.server.status import StatusReader
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire import codec, limits
from kinemacolor.wire.errors import WireError, status_code
from kinemacolor.wire.frame import Geometry, GuideFrame
from kinemacolor.wire.reasons import ErrorReason

_log = logging.getLogger(__name__)

_EOF = grpc.aio.EOF  # type: ignore[attr-defined]  # missing in the stubs

_LEVEL_NAMES = {
    pb.LOG_LEVEL_DEBUG: "debug",
    pb.LOG_LEVEL_INFO: "info",
    pb.LOG_LEVEL_WARNING: "warning",
    pb.LOG_LEVEL_ERROR: "error",
}

_CLOSING_SECONDS = 1.0
"""How long a stream that is answered to its end waits for the client to close its side."""

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["ColorizeService"].full_name

Context = grpc.aio.ServicerContext[Any, Any]
Request = TypeVar("Request", bound=Message)
Unary = Callable[[bytes, Context], Awaitable[bytes]]


class ColorizeService:
    """The methods of the contract over one hub."""

    def __init__(
        self,
        config: ServerConfig,
        hub: ClipHub,
        engine: Engine,
        status: StatusReader,
        drain: Callable[[], None],
        metrics: ServerMetrics,
    ) -> None:
        self._config = config
        self._hub = hub
        self._engine = engine
        self._status = status
        self._drain = drain
        self._metrics = metrics
        self._streams = 0

    def handlers(self) -> "grpc.GenericRpcHandler[Any, Any]":
        """What a grpc server registers."""
        unary = {
            "ListModels": _unary(pb.ListModelsRequest, self.list_models),
            "GetServerInfo": _unary(pb.GetServerInfoRequest, self.get_server_info),
            "ListClips": _unary(pb.ListClipsRequest, self.list_clips),
            "EvictClip": _unary(pb.EvictClipRequest, self.evict_clip),
            "Drain": _unary(pb.DrainRequest, self.drain),
            "SetLogLevel": _unary(pb.SetLogLevelRequest, self.set_log_level),
        }
        methods = {name: grpc.unary_unary_rpc_method_handler(method) for name, method in unary.items()}
        methods["StreamFrames"] = grpc.stream_stream_rpc_method_handler(self.stream_frames)
        return grpc.method_handlers_generic_handler(SERVICE_NAME, methods)

    # ---- the stream ----

    async def stream_frames(self, _: object, context: Context) -> None:
        """One stream, within the bound on their number."""
        if self._streams >= self._config.max_streams:
            bound = f"this server has {self._config.max_streams} streams already"
            await _abort(context, WireError(ErrorReason.TOO_MANY_CLIPS, bound))
        self._streams += 1
        try:
            await self._serve_stream(context)
        finally:
            self._streams -= 1

    async def _serve_stream(self, context: Context) -> None:
        """Two tasks: one reads and feeds the clip, one writes what the clip answers."""
        session = Session(limit=self._config.window)
        reader = asyncio.create_task(self._read(session, context))
        try:
            while (response := await session.next_response()) is not None:
                await self._write(response, context)
            await asyncio.wait({reader}, timeout=_CLOSING_SECONDS)
            session.check()
        except WireError as error:
            self._metrics.disconnected("lost" if session.has_lost_client else error.reason.name.lower())
            await _abort(context, error)
        except grpc.aio.InternalError:
            self._count_lost(session)
            _log.info("client vanished")  # a write to it failed: every day's business, no error
        except asyncio.CancelledError:
            self._count_lost(session)  # grpc ends a call whose client is gone
            raise
        finally:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader
            self._hub.written(session)

    def _count_lost(self, session: Session) -> None:
        """But for a client that has its last answer and hangs up."""
        if not session.has_ended_well:
            self._metrics.disconnected("lost")

    async def _write(self, response: pb.StreamFramesResponse, context: Context) -> None:
        data = response.SerializeToString()
        started = time.perf_counter()
        await context.write(data)
        if response.WhichOneof("message") == "color_frame":
            self._metrics.stage(Stage.SEND, time.perf_counter() - started)
            self._metrics.message(Direction.OUT, len(data))

    async def _read(self, session: Session, context: Context) -> None:
        clip: Clip | None = None
        try:
            clip = await self._open(session, context)
            if clip is not None:
                await self._read_clip(clip, session, context)
        except WireError as error:
            session.fail(error)
        except grpc.aio.AbortError:
            pass  # the other task has ended the stream while this one was reading
        except Exception as error:  # noqa: BLE001 - the border of the service: the client must get an end
            _log.error("stream failed", exc_info=error)
            session.fail(WireError(ErrorReason.INTERNAL, "the server failed on this stream"))
        finally:
            if clip is not None:
                self._hub.detach(clip, session)

    async def _read_clip(self, clip: Clip, session: Session, context: Context) -> None:
        """Until the client closes its side: also after the last answer, for a message after end_clip is a fault."""
        while (data := await self._next(session, context)) is not _EOF:
            if session.is_over:
                session.fail(WireError(ErrorReason.AFTER_END, "a message after end_clip"))
                return
            request = codec.parse_request(data)
            if request.WhichOneof("message") == "frame":
                self._metrics.message(Direction.IN, len(data))
            self._feed(clip, request)
        if clip.machine.phase in (ClipPhase.ENDING, ClipPhase.CLOSED):
            await session.over()  # the client has said all it had to say; its last answers are under way
        else:
            session.has_lost_client = True
            session.fail(WireError(ErrorReason.OUT_OF_ORDER, "the stream ended without end_clip"))

    async def _next(self, session: Session, context: Context) -> Any:
        """The next message of a client that reads its answers."""
        await session.room()
        return await context.read()

    async def _open(self, session: Session, context: Context) -> Clip | None:
        data = await self._next_in_time(context)
        if data is _EOF:
            session.fail(WireError(ErrorReason.FIRST_MESSAGE, "the stream ended before open_clip"))
            return None
        request = codec.parse_request(data)
        if request.WhichOneof("message") != "open_clip":
            raise WireError(ErrorReason.FIRST_MESSAGE, "the first message must be open_clip")
        opening = check_open(request.open_clip)
        if guides := await self._guides_of(opening, context):
            opening = await asyncio.to_thread(with_guides, opening, guides)  # it hashes 44 MB and more
        return await self._hub.open(opening, session)

    async def _guides_of(self, opening: OpenRequest, context: Context) -> list[GuideFrame]:
        guides: list[GuideFrame] = []
        hints = 0
        while len(guides) < opening.guide_count:
            data = await self._next_in_time(context)
            if data is _EOF:
                raise WireError(ErrorReason.OUT_OF_ORDER, f"the stream ended before guide {len(guides) + 1}")
            guides.append(check_guide(codec.parse_request(data), opening, guides[-1] if guides else None))
            hints += len(guides[-1].hints)
            if hints > limits.MAX_CLIP_HINTS:
                text = f"at most {limits.MAX_CLIP_HINTS} hints in all guides, found {hints} up to guide {len(guides)}"
                raise WireError(ErrorReason.BAD_FIELD, text)
        return guides

    async def _next_in_time(self, context: Context) -> Any:
        """The next message of a stream that has no clip yet, which nobody else would ever end."""
        try:
            async with asyncio.timeout(self._config.idle_seconds):
                return await context.read()
        except TimeoutError as error:
            raise WireError(ErrorReason.EVICTED, "the stream opened no clip in time") from error

    def _feed(self, clip: Clip, request: pb.StreamFramesRequest) -> None:
        is_late = clip.machine.phase is ClipPhase.ENDING
        if is_late and request.WhichOneof("message") in ("open_clip", "guide"):  # the machine knows all others
            raise WireError(ErrorReason.AFTER_END, "a message after end_clip")
        self._hub.feed(clip, _event(request, clip.setup.geometry))

    # ---- the rest ----

    async def list_models(self, request: pb.ListModelsRequest) -> pb.ListModelsResponse:
        """All models, the default marked."""
        loaded = self._engine.loaded
        return pb.ListModelsResponse(
            models=[
                pb.Model(
                    name=spec.name,
                    description=spec.description,
                    licence=spec.licence,
                    weights_sha256=spec.weights_sha256,
                    is_default=spec.name == self._hub.default_model,
                    is_loaded=spec.name in loaded,
                    takes_references=spec.takes_references,
                    takes_hints=spec.takes_hints,
                    has_confidence=spec.has_confidence,
                    frame=spec.frame,
                    temporal=spec.temporal,
                    terms=spec.terms,
                    variants=spec.variants,
                )
                for spec in self._engine.specs
            ]
        )

    async def get_server_info(self, request: pb.GetServerInfoRequest) -> pb.GetServerInfoResponse:
        """Versions, device, limits."""
        return status_messages.server_info(self._status.read(), limits.MAX_PLANE_SAMPLES)

    async def list_clips(self, request: pb.ListClipsRequest) -> pb.ListClipsResponse:
        """All clips."""
        return pb.ListClipsResponse(clips=[status_messages.clip(clip) for clip in self._status.read().clips])

    async def evict_clip(self, request: pb.EvictClipRequest) -> pb.EvictClipResponse:
        """Drop one clip."""
        self._hub.evict(self._hub.find(request.clip_key), "asked for")
        return pb.EvictClipResponse()

    async def drain(self, request: pb.DrainRequest) -> pb.DrainResponse:
        """Begin to drain."""
        self._drain()
        return pb.DrainResponse(open_clips=len(self._hub.clips))

    async def set_log_level(self, request: pb.SetLogLevelRequest) -> pb.SetLogLevelResponse:
        """Change how much is logged."""
        name = _LEVEL_NAMES.get(request.level)
        if name is None:
            raise WireError(ErrorReason.BAD_FIELD, f"expected a level of the contract, found {request.level}")
        before = logs.set_level(name)
        _log.warning("log level changed", extra={"now": name, "before": before})
        numbers = {name: number for number, name in _LEVEL_NAMES.items()}
        return pb.SetLogLevelResponse(previous=numbers[before])


def _event(request: pb.StreamFramesRequest, geometry: Geometry) -> ev.Event:
    """The event that a message after open_clip stands for.

    Raises:
        WireError: a field breaks the contract, or the message is not allowed after the clip is open.
    """
    kind = request.WhichOneof("message")
    if kind == "frame":
        number = codec.check_frame_number(request.frame.frame_number)
        codec.decode_luma(request.frame.luma, geometry)
        return ev.FrameArrived(number, request.frame.luma, request.frame.pre_roll)
    if kind == "seek":
        return ev.SeekRequested(codec.check_frame_number(request.seek.frame_number))
    if kind == "shot_boundary":
        return ev.ShotChanged(codec.check_frame_number(request.shot_boundary.frame_number))
    if kind == "end_clip":
        return ev.EndRequested()
    if kind == "open_clip":
        raise WireError(ErrorReason.ALREADY_OPEN, "this stream has opened its clip already")
    raise WireError(ErrorReason.OUT_OF_ORDER, f"a {kind} comes right after open_clip, and is announced there")


def _unary(kind: type[Request], method: Callable[[Request], Awaitable[Message]]) -> Unary:
    async def serve(data: bytes, context: Context) -> bytes:
        try:
            response = await method(kind.FromString(data))
            return response.SerializeToString()
        except DecodeError:
            await _abort(context, WireError(ErrorReason.MALFORMED, f"the message is no {kind.__name__}"))
        except WireError as error:
            await _abort(context, error)
        except Exception as error:  # noqa: BLE001 - the border of the service: grpc would send the exception's text
            _log.error("call failed", exc_info=error, extra={"request": kind.__name__})
            await _abort(context, WireError(ErrorReason.INTERNAL, "the server failed on this request"))
        return b""

    return serve


async def _abort(context: Context, error: WireError) -> None:
    await context.abort(status_code(error.reason), error.message, error.trailing_metadata())
