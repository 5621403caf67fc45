"""What no client of ours would send: messages beyond the limit, bytes that are none, garbage in place of HTTP/2."""

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random

import grpc

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.errors import REASON_KEY

SERVICE = "/kinemacolor.v1.ColorizeService/"
UNARY = ("ListModels", "GetServerInfo", "ListClips", "EvictClip", "SetLogLevel")
SECONDS = 30
SILENCE_SECONDS = 2.0
"""How long garbage waits for the server to hang up."""
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FRAME_TYPES = 12
_LARGEST_FRAME = 2048


@dataclass(frozen=True)
class End:
    """How a call ended, and the messages that came before."""

    code: grpc.StatusCode
    reason: str | None
    details: str
    answers: tuple[pb.StreamFramesResponse, ...] = ()


@contextmanager
def raw(address: str) -> Iterator[grpc.Channel]:
    """A channel without a limit of its own, for bytes."""
    options = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1))
    with grpc.insecure_channel(address, options=options) as channel:
        yield channel


def stream(channel: grpc.Channel, messages: Sequence[bytes]) -> End:
    """One StreamFrames call of these messages."""
    call = channel.stream_stream(f"{SERVICE}StreamFrames")(iter(messages), timeout=SECONDS)
    answers: list[pb.StreamFramesResponse] = []
    try:
        answers += map(pb.StreamFramesResponse.FromString, call)
    except grpc.RpcError as error:
        return _end(error, answers)
    return End(grpc.StatusCode.OK, None, "", tuple(answers))


def ask(channel: grpc.Channel, method: str, message: bytes) -> End:
    """One unary call."""
    try:
        channel.unary_unary(SERVICE + method)(message, timeout=SECONDS)
    except grpc.RpcError as error:
        return _end(error)
    return End(grpc.StatusCode.OK, None, "")


def _end(error: grpc.RpcError, answers: Sequence[pb.StreamFramesResponse] = ()) -> End:
    reason = dict(error.trailing_metadata() or ()).get(REASON_KEY)
    return End(error.code(), reason, error.details() or "", tuple(answers))


def shout(address: str, data: bytes) -> None:
    """Send bytes over a socket of one's own, and wait until the server hangs up or has been silent for a while."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=SILENCE_SECONDS) as line, suppress(OSError):
        line.sendall(data)
        line.shutdown(socket.SHUT_WR)
        while line.recv(65536):
            pass


def garbage(random: Random) -> bytes:
    """Bytes that are no HTTP/2, or only begin as such."""
    kinds = (
        lambda: random.randbytes(65536),
        lambda: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        lambda: _PREFACE[: random.randint(1, len(_PREFACE))],
        lambda: _PREFACE + random.randbytes(4096),
        lambda: _PREFACE + _frame(4, 0, 0, b"") + b"".join(_any_frame(random) for _ in range(random.randint(1, 30))),
        lambda: _PREFACE + _frame(4, 0, 0, b"") + _frame(1, 4, 1, random.randbytes(200)),  # headers that are none
        lambda: _PREFACE + b"\xff\xff\xff" + bytes((0, 0)) + struct.pack(">I", 1),  # a frame of 16 MB that never comes
        lambda: b"\x16\x03\x01" + random.randbytes(600),  # somebody tries TLS
    )
    return random.choice(kinds)()


def _frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream_id) + payload


def _any_frame(random: Random) -> bytes:
    payload = random.randbytes(random.randint(0, _LARGEST_FRAME))
    return _frame(random.randrange(_FRAME_TYPES), random.randrange(256), random.choice((0, 1, 3, 2**31 - 1)), payload)
