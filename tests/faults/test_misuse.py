"""Faults 8 to 12: a client that breaks the contract, over a TCP port, is told so, alone, and costs nobody a frame."""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
import pytest
from film import Film, unbroken
from streams import END, HEIGHT, WIDTH, Request, Stream, connect, open_clip

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc

FILM = Film(frames=24, cuts=())
GOOD = 5
"""Frames that are answered before the mistake, so that the next is number 5."""
Stub = pb_grpc.ColorizeServiceStub
Colours = dict[int, str]
PHASE, INVALID = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT

FAST = pytest.mark.fault(8, "fast sender")
TWICE = pytest.mark.fault(9, "duplicate frame")
GAP = pytest.mark.fault(10, "out of order, gap")
ENDS = pytest.mark.fault(11, "no start, two ends, frame after end")
CHANGE = pytest.mark.fault(12, "size, depth or model changes")


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory, launch: Callable[..., object]) -> Iterator[Stub]:
    server = launch(tmp_path_factory.mktemp("port"), "--model", "tiny", listen="127.0.0.1:0")
    with connect(server.address) as made:  # type: ignore[attr-defined]
        yield made


@pytest.fixture(scope="module")
def solo(stub: Stub) -> Colours:
    return unbroken(stub, FILM, "solo")


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    name = str(request.node.name)
    return hashlib.sha256(name.encode()).hexdigest()


def picture(number: int, film: Film = FILM) -> Request:
    return Request(frame=pb.Frame(frame_number=number, luma=film.luma(number)))


def plane(number: int, luma: bytes) -> Request:
    return Request(frame=pb.Frame(frame_number=number, luma=luma))


def colour(answer: object) -> str:
    assert isinstance(answer, pb.ColorFrame)
    return hashlib.sha256(answer.ab).hexdigest()


def play(stream: Stream, first: int, last: int) -> Colours:
    """Frames one after the other, each with its answer."""
    return {number: colour(stream.color(picture(number))) for number in range(first, last + 1)}


@dataclass(frozen=True)
class Refusal:
    """How a stream ended, and the colours that came before."""

    code: grpc.StatusCode
    reason: str | None
    expected: str | None
    colours: Colours


def refusal(stream: Stream) -> Refusal:
    colours: Colours = {}

    def collect() -> None:
        for response in stream.call:
            assert response.WhichOneof("message") == "color_frame"
            colours[response.color_frame.frame_number] = colour(response.color_frame)

    with pytest.raises(grpc.RpcError) as caught:
        collect()
    metadata = dict(caught.value.trailing_metadata() or ())
    return Refusal(
        caught.value.code(), metadata.get("kinemacolor-reason"), metadata.get("kinemacolor-expected"), colours
    )


def shuffled() -> list[Request]:
    numbers = list(range(GOOD, GOOD + 8))
    random.Random(10).shuffle(numbers)
    assert numbers[0] != GOOD
    return [picture(number) for number in numbers]


OTHER = Film(frames=24, cuts=(0, 1))
"""Its frames from 1 on show something else."""
BROAD = pb.PlaneGeometry(width_px=2 * WIDTH, height_px=HEIGHT)
OUT_OF_ORDER = (PHASE, "OUT_OF_ORDER", str(GOOD))
MISTAKES = {
    "20 windows at once": (
        [picture(number % FILM.frames) for number in range(GOOD, GOOD + 160)],
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "WINDOW_EXCEEDED", None),
        FAST,
    ),
    "the last frame with another picture": ([picture(GOOD - 1, OTHER)], OUT_OF_ORDER, TWICE),
    "an old frame again": ([picture(GOOD - 2)], OUT_OF_ORDER, TWICE),
    "a frame is left out": ([picture(GOOD + 1)], OUT_OF_ORDER, GAP),
    "shuffled": (shuffled(), OUT_OF_ORDER, GAP),
    "the first frame again": ([picture(0)], OUT_OF_ORDER, GAP),
    "frames of double width": ([plane(GOOD, 2 * FILM.luma(GOOD))], (INVALID, "PLANE_SIZE", None), CHANGE),
    "frames of 8 bits": ([plane(GOOD, FILM.luma(GOOD)[::2])], (INVALID, "PLANE_SIZE", None), CHANGE),
    "opened again with another size": ([open_clip("k", geometry=BROAD)], (PHASE, "ALREADY_OPEN", None), CHANGE),
    "opened again with another model": ([open_clip("k", model="kinema")], (PHASE, "ALREADY_OPEN", None), CHANGE),
}


@pytest.mark.parametrize(
    "mistake", [pytest.param(name, marks=mark, id=name.replace(" ", "-")) for name, (*_, mark) in MISTAKES.items()]
)
def test_a_mistake_ends_its_own_stream_and_the_clip_can_go_on(
    stub: Stub, solo: Colours, key: str, mistake: str
) -> None:
    requests, expected, _ = MISTAKES[mistake]
    neighbour, stream = Stream(stub), Stream(stub)
    neighbour.opened(open_clip(f"{key}-neighbour"))
    others = play(neighbour, 0, 9)
    stream.opened(open_clip(key))
    colours = play(stream, 0, GOOD - 1)
    stream.send(*requests)
    refused = refusal(stream)
    assert (refused.code, refused.reason, refused.expected) == expected
    others |= play(neighbour, 10, FILM.frames - 1)
    assert others == solo

    colours |= refused.colours
    again, first = Stream(stub), len(colours)
    opened = again.opened(open_clip(key, first_frame=first))
    assert (opened.resumed, opened.resume_from) == (True, first)
    colours |= play(again, first, FILM.frames - 1)
    assert colours == solo


@TWICE
def test_a_frame_that_is_sent_again_is_answered_once(stub: Stub, solo: Colours, key: str) -> None:
    stream = Stream(stub)
    stream.opened(open_clip(key))
    colours = {}
    for number in range(FILM.frames):
        stream.send(picture(number), picture(number))
        answer = stream.take("color_frame")
        assert answer.frame_number == number  # type: ignore[attr-defined]
        colours[number] = colour(answer)
    stream.send(END)
    ended = stream.take("clip_ended")
    assert ended.frames_answered == FILM.frames  # type: ignore[attr-defined]
    assert colours == solo


@ENDS
@pytest.mark.parametrize(
    "first", [picture(0), END, Request(seek=pb.Seek(frame_number=0))], ids=["frame", "end", "seek"]
)
def test_what_comes_before_the_clip_is_open_is_refused(stub: Stub, first: Request) -> None:
    stream = Stream(stub)
    stream.send(first)
    assert stream.refusal() == (PHASE, "FIRST_MESSAGE")


@ENDS
@pytest.mark.parametrize("late", [picture(GOOD), END], ids=["frame", "end"])
def test_what_comes_after_the_end_is_refused(stub: Stub, key: str, late: Request) -> None:
    stream = Stream(stub)
    stream.opened(open_clip(key))
    play(stream, 0, GOOD - 1)
    stream.send(END, late)
    assert stream.refusal() == (PHASE, "AFTER_END")


@ENDS
def test_the_end_comes_after_all_answers(stub: Stub, solo: Colours, key: str) -> None:
    stream = Stream(stub)
    window = stream.opened(open_clip(key)).window
    stream.send(*(picture(number) for number in range(window)), END)
    stream.half_close()
    answers = list(stream.call)
    assert [answer.WhichOneof("message") for answer in answers] == ["color_frame"] * window + ["clip_ended"]
    assert {number: colour(answer.color_frame) for number, answer in enumerate(answers[:-1])} == {
        number: solo[number] for number in range(window)
    }


@CHANGE
@pytest.mark.parametrize(
    "change",
    [{"geometry": BROAD}, {"model": "kinema"}, {"transfer": pb.TRANSFER_LINEAR}],
    ids=["size", "model", "transfer"],
)
def test_other_settings_are_refused_and_the_open_clip_goes_on(
    stub: Stub, solo: Colours, key: str, change: dict[str, object]
) -> None:
    stream, other = Stream(stub), Stream(stub)
    stream.opened(open_clip(key))
    colours = play(stream, 0, GOOD - 1)
    other.send(open_clip(key, **change))
    assert other.refusal() == (PHASE, "SETTINGS_CHANGED")
    assert colours | play(stream, GOOD, FILM.frames - 1) == solo


@CHANGE
def test_a_restart_with_another_size_is_a_new_clip(stub: Stub, key: str) -> None:
    stream, other = Stream(stub), Stream(stub)
    stream.opened(open_clip(key))
    play(stream, 0, GOOD - 1)
    opened = other.opened(open_clip(key, geometry=BROAD, restart=True))
    assert (opened.resumed, opened.resume_from) == (False, 0)
    assert stream.refusal() == (grpc.StatusCode.ABORTED, "EVICTED")
    assert len(other.color(plane(0, 2 * FILM.luma(0))).ab) == 2 * 2 * BROAD.width_px * BROAD.height_px
