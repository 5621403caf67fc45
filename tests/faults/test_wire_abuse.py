"""Faults 15 to 17 over a TCP port: too much, nonsense and lies get an answer of the contract, and cost nothing."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import grpc
import pytest
from abuse import UNARY, End, ask, garbage, raw, shout, stream
from drive import resident_bytes
from film import Film, unbroken
from messages import EDIT_LIST, corpus
from mutate import Mutator
from streams import Request, connect, frame, guide, open_clip

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.limits import MAX_MESSAGE_BYTES, MAX_SHOT_STARTS

FILM = Film(frames=12, cuts=())
INVALID, EXHAUSTED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED
ROUNDS = 6
LARGEST = Request(open_clip=pb.OpenClip(client_name="x" * (MAX_MESSAGE_BYTES - 16))).SerializeToString()
GROWTH_BYTES = 24 << 20
"""The largest message three times: the noise of the allocator."""
ALLOWED = {INVALID, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.OK}
TELLTALE = ("Error", "Exception", "Traceback", "Python", "object", "parse", "protobuf", "deserial")
LONGEST_DETAILS = 600
"""The list of all models, and the name that is not in it."""

BIG = pytest.mark.fault(15, "oversized message")
MALFORMED = pytest.mark.fault(16, "malformed bytes")
LIES = pytest.mark.fault(17, "headers that lie")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, launch: Callable[..., object]) -> Any:
    return launch(tmp_path_factory.mktemp("port"), "--model", "tiny", listen="127.0.0.1:0")


@pytest.fixture(scope="module")
def solo(server: Any) -> dict[int, str]:
    """Taken first, so that the server's memory is that of one that has worked."""
    with connect(server.address) as stub:
        return unbroken(stub, FILM, "solo")


@pytest.fixture
def memory(server: Any, solo: dict[int, str], record_property: Callable[[str, object], None]) -> Iterator[None]:
    """The server's memory does not grow, it lives, and colours as before.

    What gRPC and malloc keep of the largest messages (50 MB after five of them, no more after twenty) is no growth.
    """
    with raw(server.address) as channel:
        for _ in range(2 * ROUNDS):
            stream(channel, [LARGEST])
    base = resident_bytes(server.process.pid)
    yield
    grown = resident_bytes(server.process.pid) - base
    record_property("figure", f"RSS {base >> 20} MB {grown / (1 << 20):+.1f} MB")
    assert grown < GROWTH_BYTES
    with connect(server.address) as stub:
        assert unbroken(stub, FILM, "after") == solo
    assert "Traceback" not in server.log


def check(end: End) -> None:
    assert end.code in ALLOWED
    assert not any(word in end.details for word in TELLTALE), end.details
    assert len(end.details) <= LONGEST_DETAILS


@BIG
def test_a_message_beyond_the_limit_ends_its_call_only(
    server: Any, solo: dict[int, str], record_property: Callable[[str, object], None]
) -> None:
    """gRPC buffers what is on its way before it refuses it; so memory grows by some messages, and then no more."""
    opening, sizes = open_clip("big").SerializeToString(), []
    with raw(server.address) as channel:
        for _ in range(2 * ROUNDS):
            too_much = bytes(MAX_MESSAGE_BYTES + 1)
            assert stream(channel, [too_much]).code is EXHAUSTED
            assert stream(channel, [opening, too_much]).code is EXHAUSTED
            assert ask(channel, "ListClips", too_much).code is EXHAUSTED
            assert ask(channel, "ListModels", b"").code is grpc.StatusCode.OK  # over the same connection
            sizes.append(resident_bytes(server.process.pid))
    grown = max(sizes) - max(sizes[:ROUNDS])
    record_property(
        "figure", f"RSS {sizes[0] >> 20} MB, {grown / (1 << 20):+.1f} MB by messages of {3 * ROUNDS * 8} MB"
    )
    assert grown < ROUNDS * MAX_MESSAGE_BYTES
    with connect(server.address) as stub:
        assert unbroken(stub, FILM, "after") == solo


@BIG
@pytest.mark.usefixtures("memory")
def test_a_message_at_the_limit_is_read(server: Any) -> None:
    with raw(server.address) as channel:
        assert stream(channel, [LARGEST]).reason == "GEOMETRY"


@MALFORMED
@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("count", [150, pytest.param(20_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_damaged_messages_are_refused_in_the_contracts_words(server: Any, count: int) -> None:
    mutator = Mutator(corpus(), seed=116)
    good = open_clip("damaged", restart=True).SerializeToString()
    with raw(server.address) as channel:
        for number in range(count):
            data = mutator.next()
            check(stream(channel, [data] if number % 2 else [good, data]))
            end = ask(channel, UNARY[number % len(UNARY)], data)
            check(end)
            if end.code is INVALID:
                assert end.reason in ("MALFORMED", "BAD_FIELD")


@MALFORMED
@pytest.mark.usefixtures("memory")
def test_bytes_that_are_no_message_are_malformed(server: Any) -> None:
    nonsense = (b"\xff", b"\x0a\xff", b"\x0a\x05\x0a\x03\xff\xfe\xfd", b"\x12", b"", b"\xf8\x07\x01", b"\0" * 100)
    opening = open_clip("nonsense", restart=True).SerializeToString()
    with raw(server.address) as channel:
        for data in nonsense:
            for messages in ([data], [opening, data]):
                end = stream(channel, messages)
                assert (end.code, end.reason) == (INVALID, "MALFORMED")
                check(end)
            assert ask(channel, "EvictClip", b"\x0a\xff").reason == "MALFORMED"


@MALFORMED
@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("count", [40, pytest.param(2_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_garbage_in_place_of_http2_harms_nobody(server: Any, solo: dict[int, str], count: int) -> None:
    random = Random(216)
    for _ in range(count):
        shout(server.address, garbage(random))


def opening(**fields: object) -> Request:
    return open_clip("lie", **{"restart": True, **fields})


def size(width: int, height: int) -> pb.PlaneGeometry:
    return pb.PlaneGeometry(width_px=width, height_px=height)


WIDE_LIST = pb.EditList(shot_starts=range(MAX_SHOT_STARTS + 1))
GUIDED = opening(guide_count=1, **EDIT_LIST)
ONE_HINT = guide(3, hints=[pb.Hint()])


def with_hint(**fields: float) -> Request:
    return guide(3, hints=[pb.Hint(**{"x": 0.5, "y": 0.5, "radius": 0.1, **fields})])


HUGE = 2**31 - 1
LIE_TABLE: dict[str, tuple[list[Request], str]] = {
    "2^31 - 1 wide": ([opening(geometry=size(HUGE, 32))], "GEOMETRY"),
    "2^31 - 1 square": ([opening(geometry=size(HUGE, HUGE))], "GEOMETRY"),
    "2^16 square": ([opening(geometry=size(65536, 65536))], "GEOMETRY"),
    "too many samples": ([opening(geometry=size(4096, 4096))], "GEOMETRY"),
    "no width": ([Request(open_clip=pb.OpenClip(clip_key="lie", transfer=pb.TRANSFER_SRGB))], "GEOMETRY"),
    "first frame -1": ([opening(first_frame=-1)], "BAD_FIELD"),
    "first frame 2^63 - 1": ([opening(first_frame=2**63 - 1)], "BAD_FIELD"),
    "earliest -(2^63)": ([opening(first_frame=9, earliest_frame=-(2**63))], "BAD_FIELD"),
    "a list of 100001 shots": (
        [opening(shot_source=pb.SHOT_SOURCE_EDIT_LIST, edit_list=WIDE_LIST)],
        "BAD_FIELD",
    ),
    "a list that goes back": (
        [opening(shot_source=pb.SHOT_SOURCE_EDIT_LIST, edit_list=pb.EditList(shot_starts=[5, 5]))],
        "BAD_FIELD",
    ),
    "65 guides": ([opening(guide_count=65, **EDIT_LIST)], "BAD_FIELD"),
    "2^31 guides": ([opening(guide_count=HUGE, **EDIT_LIST)], "BAD_FIELD"),
    "guides without a list": ([opening(guide_count=1)], "BAD_FIELD"),
    "257 hints": ([GUIDED, guide(3, hints=[pb.Hint()] * 257)], "BAD_FIELD"),
    "a hint at NaN": ([GUIDED, with_hint(x=float("nan"))], "BAD_FIELD"),
    "a hint of infinite colour": ([GUIDED, with_hint(a=float("inf"))], "BAD_FIELD"),
    "a guide without luma": ([GUIDED, Request(guide=pb.Guide(frame_number=3, hints=[pb.Hint()]))], "PLANE_SIZE"),
    "a guide of frame -1": ([GUIDED, guide(-1, hints=[pb.Hint()])], "BAD_FIELD"),
    "variant 65": ([opening(variant=65)], "BAD_FIELD"),
    "luma one byte short": ([opening(), Request(frame=pb.Frame(luma=frame(0).frame.luma[1:]))], "PLANE_SIZE"),
    "an empty message": ([opening(), Request()], "MALFORMED"),
    "frame -1": ([opening(), frame(-1)], "BAD_FIELD"),
    "frame 2^63 - 1": ([opening(), frame(2**63 - 1)], "BAD_FIELD"),
    "seek to -1": ([opening(), Request(seek=pb.Seek(frame_number=-1))], "BAD_FIELD"),
    "luma of 7 MB": ([opening(), Request(frame=pb.Frame(luma=bytes(7 << 20)))], "PLANE_SIZE"),
    "no luma": ([opening(), Request(frame=pb.Frame())], "PLANE_SIZE"),
    "a key of 129": ([open_clip("x" * 129)], "BAD_FIELD"),
}


@LIES
@pytest.mark.usefixtures("memory")
def test_headers_that_lie_are_refused_before_anything_is_allocated(server: Any) -> None:
    with raw(server.address) as channel:
        for name, (requests, reason) in LIE_TABLE.items():
            end = stream(channel, [request.SerializeToString() for request in requests])
            assert (end.code, end.reason) == (INVALID, reason), name
            check(end)


@LIES
@pytest.mark.usefixtures("memory")
def test_a_name_without_end_is_refused_in_a_line(server: Any) -> None:
    """The answer travels in a header, which has a bound of its own; and no name may write lines into the log."""
    with raw(server.address) as channel:
        for model in ("x" * 1_000_000, "tiny+" * 100_000, "tiny\nfake log line", "\u2028", "+", "tiny+"):
            end = stream(channel, [opening(model=model).SerializeToString()])
            check(end)
            assert end.code in (INVALID, grpc.StatusCode.NOT_FOUND)
        for key in ("x" * 1_000_000, "a\nfake log line"):
            check(ask(channel, "EvictClip", pb.EvictClipRequest(clip_key=key).SerializeToString()))
    assert "fake log line" not in server.log.replace("\\n", " ").splitlines()
    assert max(map(len, server.log.splitlines()), default=0) < 2000
