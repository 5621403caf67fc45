"""A connection to a server: health, questions, clips."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar, cast

import grpc
from google.protobuf.message import Message

from kinemacolor.client.access import Access
from kinemacolor.client.address import ServerAddress
from kinemacolor.client.errors import EndedCall, ServerFaultError, ServerUnreachableError, translate
from kinemacolor.client.requests import OpenRequest, Timeouts
from kinemacolor.client.stream import ClipStream, StreamCall
from kinemacolor.client.tls_faults import unreachable
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire import limits
from kinemacolor.wire.access import authorization

_SERVICE = pb.DESCRIPTOR.services_by_name["ColorizeService"].full_name
_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
_SERVING = b"\x08\x01"
"""HealthCheckResponse{status: SERVING}. Two bytes by hand spare every client the health-checking package."""

_CHANNEL_OPTIONS = (
    *limits.CHANNEL_OPTIONS,
    # A proxy of the environment would be asked for loopback addresses too.
    ("grpc.enable_http_proxy", 0),
    # Connections are shared within a process otherwise, and one client's close would be another's.
    ("grpc.use_local_subchannel_pool", 1),
)

_Answer = TypeVar("_Answer", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """One model of a server; the .proto says what each field means."""

    name: str
    description: str
    licence: str
    weights_sha256: str
    is_default: bool
    is_loaded: bool
    takes_references: bool
    takes_hints: bool
    has_confidence: bool
    frame: str
    temporal: str
    terms: str
    variants: int
    """1 or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """What a server says about itself; the .proto says what each field means."""

    version: str
    device: str
    device_class: str
    max_plane_samples: int
    max_clips: int
    window: int
    has_snapshots: bool
    draining: bool
    uptime_seconds: int
    resident_bytes: int
    device_used_bytes: int
    device_total_bytes: int
    device_state_bytes: int
    ram_state_bytes: int
    disk_state_bytes: int


class ColorizeClient:
    """A connection to one server. Made by `connect`; a context manager, closed once; safe to share between threads."""

    def __init__(self, channel: grpc.Channel, address: ServerAddress, timeouts: Timeouts, token: str = "") -> None:
        self._channel = channel
        self._metadata = authorization(token)
        self._timeouts = timeouts
        self.address = address

    def list_models(self) -> tuple[ModelInfo, ...]:
        """The models the server can run, its default among them.

        Raises:
            ClientError: No answer.
        """
        answer = self.ask("ListModels", pb.ListModelsRequest(), pb.ListModelsResponse)
        return tuple(
            ModelInfo(
                name=model.name,
                description=model.description,
                licence=model.licence,
                weights_sha256=model.weights_sha256,
                is_default=model.is_default,
                is_loaded=model.is_loaded,
                takes_references=model.takes_references,
                takes_hints=model.takes_hints,
                has_confidence=model.has_confidence,
                frame=model.frame,
                temporal=model.temporal,
                terms=model.terms,
                variants=max(1, model.variants),
            )
            for model in answer.models
        )

    def server_info(self) -> ServerInfo:
        """Versions, device and limits of the server.

        Raises:
            ClientError: No answer.
        """
        answer = self.ask("GetServerInfo", pb.GetServerInfoRequest(), pb.GetServerInfoResponse)
        return ServerInfo(
            version=answer.version,
            device=answer.device,
            device_class=answer.device_class,
            max_plane_samples=answer.max_plane_samples,
            max_clips=answer.max_clips,
            window=answer.window,
            has_snapshots=answer.has_snapshots,
            draining=answer.draining,
            uptime_seconds=answer.uptime_seconds,
            resident_bytes=answer.resident_bytes,
            device_used_bytes=answer.device_used_bytes,
            device_total_bytes=answer.device_total_bytes,
            device_state_bytes=answer.device_state_bytes,
            ram_state_bytes=answer.ram_state_bytes,
            disk_state_bytes=answer.disk_state_bytes,
        )

    def open_clip(self, request: OpenRequest) -> ClipStream:
        """Open a clip; returns when the server has confirmed it.

        Raises:
            RequestRefusedError: UNKNOWN_MODEL, GEOMETRY, TOO_MANY_CLIPS and the like.
            ClientError: Anything else.
        """
        call = self._channel.stream_stream(
            f"/{_SERVICE}/StreamFrames",
            request_serializer=pb.StreamFramesRequest.SerializeToString,
            response_deserializer=pb.StreamFramesResponse.FromString,
        )

        def start(requests: Iterator[pb.StreamFramesRequest]) -> StreamCall:
            return cast(StreamCall, call(requests, metadata=self._metadata))

        return ClipStream(start, request, str(self.address), self._timeouts)

    def check_health(self, timeout: float) -> None:
        """Return if the server serves.

        Raises:
            ServerUnreachableError: Nobody listens, or the server starts or drains.
            AccessError: TLS found something wrong with a certificate.
            ServerFaultError: Something listens that is no Kinemacolor server.
        """
        check = self._channel.unary_unary(_HEALTH_CHECK, request_serializer=bytes, response_deserializer=bytes)
        try:
            answer = check(b"", timeout=timeout)
        except grpc.RpcError as error:
            ended = cast(EndedCall, error)
            if ended.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise unreachable(self.address, ended.details() or "") from error
            raise ServerFaultError(f"{self.address} is no Kinemacolor server") from error
        if answer != _SERVING:
            raise ServerUnreachableError(f"the server at {self.address} is not serving (it starts or drains)")

    def close(self) -> None:
        """Close the connection; open clips end with ClipLostError.

        grpc waits without a bound for calls whose bytes a frozen server does not take; a thread is left to it then.
        """
        closing = threading.Thread(target=self._channel.close, name="kinemacolor-close", daemon=True)
        closing.start()
        closing.join(self._timeouts.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, method: str, request: Message, answer: type[_Answer]) -> _Answer:
        """A short question of the contract.

        Raises:
            ClientError: No answer.
        """
        call = self._channel.unary_unary(
            f"/{_SERVICE}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        try:
            return cast(_Answer, call(request, timeout=self._timeouts.call, metadata=self._metadata))
        except grpc.RpcError as error:
            raise translate(cast(EndedCall, error), str(self.address)) from error


def connect(address: ServerAddress, timeouts: Timeouts | None = None, access: Access | None = None) -> ColorizeClient:
    """Connect to a server and check that it serves.

    Args:
        address: Where it listens.
        timeouts: How long it may take.
        access: The client's token and certificates; None: it has none.

    Raises:
        AccessError: TLS found something wrong with a certificate.
        ServerUnreachableError: Nobody serves there.
        ServerFaultError: Something else listens there.
    """
    timeouts = timeouts or Timeouts()
    access = access or Access()
    client = ColorizeClient(_channel(address, access), address, timeouts, access.token)
    try:
        client.check_health(timeouts.connect)
    except BaseException:
        client.close()
        raise
    return client


def _channel(address: ServerAddress, access: Access) -> grpc.Channel:
    if address.is_tls:
        return grpc.secure_channel(address.target, access.channel_credentials(), options=_CHANNEL_OPTIONS)
    return grpc.insecure_channel(address.target, options=_CHANNEL_OPTIONS)
