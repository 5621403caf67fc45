"""Guides and variants over a real server: what they do, where they stop, and that law 2 holds for guided clips."""

import random
import signal
from collections.abc import Callable, Iterator

import grpc
import numpy as np
import pytest
from box import Box
from film import Client, Film, refusals, unbroken
from streams import END, HEIGHT, WIDTH, Request, Stream, connect, frame, guide, open_clip, wait_until

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc

FILM = Film(frames=60, cuts=(10, 34))
EDIT_LIST = {"shot_source": pb.SHOT_SOURCE_EDIT_LIST, "edit_list": pb.EditList(shot_starts=[0, 10, 34])}
SPOT = pb.Hint(x=0.25, y=0.5, radius=0.1, a=30.0, b=-20.5)
OTHER_SPOT = pb.Hint(x=0.75, y=0.5, radius=0.1, a=30.0, b=20.5)
GUIDES = (guide(20, hints=[SPOT]), guide(40, hints=[OTHER_SPOT]), guide(59, hints=[SPOT, OTHER_SPOT]))


@pytest.fixture
def stub(tiny_server: str) -> Iterator[pb_grpc.ColorizeServiceStub]:
    with connect(tiny_server) as made:
        yield made


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).replace("[", ":").replace("]", "")[:80].replace(" ", "_")


def test_a_reference_colours_its_whole_shot_and_no_other(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    stream = Stream(stub)
    stream.opened(open_clip(key, guide_count=1, **EDIT_LIST), guide(20, ab=(12.0, -7.5)))
    planes = [np.frombuffer(stream.color(frame(number)).ab, "<i2").reshape(2, HEIGHT, WIDTH) for number in range(40)]
    for number, ab in enumerate(planes):
        is_picture = bool((ab[0] == 12 * 256).all() and (ab[1] == -7.5 * 256).all())
        assert is_picture == (10 <= number < 34), number


def test_a_hint_colours_its_place(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    stream = Stream(stub)
    stream.opened(open_clip(key, guide_count=1, **EDIT_LIST), guide(0, hints=[SPOT]))
    ab = np.frombuffer(stream.color(frame(0)).ab, "<i2").reshape(2, HEIGHT, WIDTH)
    assert ab[:, HEIGHT // 2, WIDTH // 4].tolist() == [30 * 256, -20.5 * 256]
    assert ab[:, HEIGHT // 2, 3 * WIDTH // 4].tolist() != [30 * 256, -20.5 * 256]


def test_a_guide_in_one_shot_changes_that_shot_only(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    plain = unbroken(stub, FILM, key + ":plain", **EDIT_LIST)
    guided = unbroken(stub, FILM, key + ":guided", guides=GUIDES[:1], **EDIT_LIST)
    assert {number for number in plain if plain[number] != guided[number]} == set(range(10, 34))
    other = unbroken(stub, FILM, key + ":other", guides=GUIDES, **EDIT_LIST)
    assert {number for number in guided if guided[number] != other[number]} == set(range(34, 60))


def test_a_boundary_within_a_shot_does_not_divide_its_guides(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    stream = Stream(stub)
    stream.opened(open_clip(key, guide_count=1, **EDIT_LIST), guide(9, ab=(12.0, -7.5)))
    for number in range(9):
        if number == 5:
            stream.send(Request(shot_boundary=pb.ShotBoundary(frame_number=5)))
        answer = stream.color(frame(number))
        assert answer.shot_start == (number in (0, 5))
        assert (np.frombuffer(answer.ab, "<i2")[: WIDTH * HEIGHT] == 12 * 256).all()


@pytest.mark.parametrize("variant", [1, 3])
@pytest.mark.parametrize("order", ["backwards", "shuffled"])
def test_the_order_of_the_questions_changes_no_byte_of_a_guided_clip(
    stub: pb_grpc.ColorizeServiceStub, key: str, order: str, variant: int
) -> None:
    expected = unbroken(stub, FILM, key + ":unbroken", guides=GUIDES, variant=variant, **EDIT_LIST)
    numbers = list(reversed(range(FILM.frames)))
    client = Client(stub, FILM, key, guides=GUIDES, variant=variant, **EDIT_LIST)
    client.open()
    client.play_anyhow(numbers if order == "backwards" else random.Random(1908).sample(numbers, FILM.frames))
    client.end()
    assert client.colours == expected


def test_a_clip_that_begins_within_a_shot_has_its_guides(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    """Its colours are those of a shot without its past, but the guides hold from its first frame on."""
    stream = Stream(stub)
    stream.opened(open_clip(key, first_frame=25, guide_count=1, **EDIT_LIST), guide(20, ab=(12.0, -7.5)))
    assert (np.frombuffer(stream.color(frame(25)).ab, "<i2")[: WIDTH * HEIGHT] == 12 * 256).all()


def test_a_guided_clip_is_resumed_with_the_same_bytes(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    expected = unbroken(stub, FILM, key + ":unbroken", guides=GUIDES, variant=2, **EDIT_LIST)
    client = Client(stub, FILM, key, guides=GUIDES, variant=2, **EDIT_LIST)
    for first in (0, 10, 23, 45):
        client.connect(stub)
        assert client.open(first).resumed == (first > 0)
        client.play(range(first, {0: 10, 10: 23, 23: 45, 45: 60}[first]))
        client.stream.call.cancel()
    assert client.colours == expected


@pytest.mark.fault(3, "server killed")
@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM])
def test_a_guided_clip_survives_its_server(box: Box, stop: signal.Signals) -> None:
    """Killed, it goes on from the snapshot after frame 33, the start of a guided shot; told to stop, from frame 50."""
    stub = box.start()
    expected = unbroken(stub, FILM, "unbroken", guides=GUIDES, variant=4, **EDIT_LIST)
    client = Client(stub, FILM, guides=GUIDES, variant=4, **EDIT_LIST)
    client.open()
    client.play(range(51))
    client.wait_durable(50, through=33)
    client.stream.call.cancel()
    box.stop(stop)
    client.connect(box.start())
    opened = client.open(first=51, earliest=34)
    assert (opened.resumed, opened.resume_from) == (True, 34 if stop is signal.SIGKILL else 51)
    client.play(range(51, 60))
    assert client.colours == expected
    assert refusals(box.log) == []


def test_a_guided_state_comes_back_from_the_disk(box: Box) -> None:
    """A snapshot in the middle of a guided shot, and states that have no room in memory."""
    options = ("--device-states", "0")
    film = Film(frames=60, cuts=())
    shots = {"shot_source": pb.SHOT_SOURCE_EDIT_LIST, "edit_list": pb.EditList(shot_starts=[0])}
    stub = box.start()
    expected = unbroken(stub, film, "unbroken", guides=GUIDES, **shots)
    client = Client(stub, film, guides=GUIDES, **shots)
    client.open()
    client.play(range(51))
    client.wait_durable(50, through=47)
    client.connect(box.restart(*options))
    opened = client.open(first=51, earliest=0)
    assert (opened.resumed, opened.resume_from) == (True, 48)
    client.play(range(51, 60))
    assert client.colours == expected


def test_other_guides_leave_the_snapshots_of_other_shots(box: Box) -> None:
    film = Film(frames=60, cuts=(30,))
    shots = {"shot_source": pb.SHOT_SOURCE_EDIT_LIST, "edit_list": pb.EditList(shot_starts=[0, 30])}
    stub = box.start("--resume-ttl", "0.1")
    client = Client(stub, film, guides=GUIDES, **shots)
    client.open()
    client.play(range(60))
    client.wait_durable(59, through=53)
    others = (GUIDES[0], guide(40, hints=[SPOT]))
    for guides, first, resume_from in [(others, 59, 59), (others, 29, 24), (GUIDES, 59, 54)]:
        client.stream.call.cancel()
        wait_until(lambda: not stub.ListClips(pb.ListClipsRequest()).clips)
        client = Client(stub, film, guides=guides, **shots)
        opened = client.open(first=first, earliest=first - 10)
        assert (opened.resumed, opened.resume_from) == (resume_from < first, resume_from)


def test_guides_are_settings(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    first = Stream(stub)
    first.opened(open_clip(key, guide_count=3, **EDIT_LIST), *GUIDES)
    first.color(frame(0))
    same = Stream(stub)
    assert same.opened(open_clip(key, first_frame=1, guide_count=3, **EDIT_LIST), *GUIDES).resumed
    for others, variant in [(GUIDES[:2], 0), ((), 0), (GUIDES, 2)]:
        other = Stream(stub)
        other.send(open_clip(key, first_frame=1, guide_count=len(others), variant=variant, **EDIT_LIST), *others)
        assert other.refusal() == (PHASE, "SETTINGS_CHANGED")
    named = Stream(stub)
    assert named.opened(open_clip(key, first_frame=1, guide_count=3, variant=1, **EDIT_LIST), *GUIDES).resumed
    restarted = Stream(stub)
    asked = open_clip(key, first_frame=1, restart=True, guide_count=1, **EDIT_LIST)
    assert not restarted.opened(asked, GUIDES[0]).resumed


def test_variants_are_distinct_and_the_first_is_the_usual_one(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    def colour(variant: int) -> bytes:
        stream = Stream(stub)
        stream.opened(open_clip(f"{key}{variant}", variant=variant))
        return stream.color(frame(0)).ab

    colours = {variant: colour(variant) for variant in range(5)}
    assert colours[0] == colours[1]
    assert len(set(colours.values())) == 4


def test_the_states_of_a_shot_share_its_guides(stub: pb_grpc.ColorizeServiceStub, key: str) -> None:
    sizes = {}
    for name, guides in (("plain", ()), ("guided", GUIDES[:1])):
        stream = Stream(stub)
        stream.opened(open_clip(key + name, first_frame=20, guide_count=len(guides), **EDIT_LIST), *guides)
        stream.color(frame(20))
        [clip] = [clip for clip in stub.ListClips(pb.ListClipsRequest()).clips if clip.clip_key == key + name]
        sizes[name] = clip.state_bytes
    assert sizes["guided"] == sizes["plain"] > 0


def test_guides_are_not_in_the_snapshots(box: Box) -> None:
    """With 64 pictures each was 47 MB of `kinema` at 448 x 256, every 24 frames."""
    film = Film(frames=49, cuts=())
    shots = {"shot_source": pb.SHOT_SOURCE_EDIT_LIST, "edit_list": pb.EditList(shot_starts=[0])}
    many = [guide(number, ab=(float(number), -7.5), hints=[SPOT]) for number in range(64)]
    stub, sizes = box.start(), []
    for guides in ((), many):
        client = Client(stub, film, f"guides:{len(guides)}", guides=guides, **shots)
        client.open()
        client.play(range(49))
        client.wait_durable(48, through=47)
        sizes.append([file.stat().st_size for file in sorted(box.states.glob("clips/*/*"))])
        client.end()
    assert len(sizes[0]) == 3
    assert sizes[0] == pytest.approx(sizes[1], abs=64), "the keys of the clips are of other lengths"


INVALID, PHASE = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION
NO_PICTURE = Request(guide=pb.Guide(frame_number=1, luma=GUIDES[0].guide.luma))
SHORT = Request(guide=pb.Guide(frame_number=1, luma=bytes(10), hints=[SPOT]))


def guided(count: int, **fields: object) -> Request:
    return open_clip("misused-guides", **{"guide_count": count, "restart": True, **EDIT_LIST, **fields})


CROWDED = [guide(number, hints=[SPOT] * 205) for number in range(5)]
CONTRADICTION = pb.Hint(x=SPOT.x, y=SPOT.y, a=1.0)
LATE = pb.EditList(shot_starts=[10])
MISUSE = {
    "too many": ([guided(65)], INVALID, "BAD_FIELD"),
    "too many hints in all": ([guided(5), *CROWDED], INVALID, "BAD_FIELD"),
    "two colours at one place": ([guided(1), guide(1, hints=[SPOT, CONTRADICTION])], INVALID, "BAD_FIELD"),
    "fewer than none": ([guided(-1)], INVALID, "BAD_FIELD"),
    "shots are detected": ([open_clip("misused-guides", guide_count=1)], INVALID, "BAD_FIELD"),
    "no shot": ([guided(1, edit_list=pb.EditList()), GUIDES[0]], INVALID, "BAD_FIELD"),
    "before the first shot": ([guided(1, edit_list=LATE), guide(9, hints=[SPOT])], INVALID, "BAD_FIELD"),
    "frame where a guide is due": ([guided(1), frame(0)], PHASE, "OUT_OF_ORDER"),
    "open_clip where a guide is due": ([guided(1), guided(1)], PHASE, "OUT_OF_ORDER"),
    "end where a guide is due": ([guided(2), GUIDES[0], END], PHASE, "OUT_OF_ORDER"),
    "end of the stream where a guide is due": ([guided(2), GUIDES[0]], PHASE, "OUT_OF_ORDER"),
    "one guide more": ([guided(1), *GUIDES[:2]], PHASE, "OUT_OF_ORDER"),
    "guide after a frame": ([guided(0), frame(0), GUIDES[0]], PHASE, "OUT_OF_ORDER"),
    "guide after the end": ([guided(1), GUIDES[0], frame(0), END, GUIDES[1]], PHASE, "AFTER_END"),
    "open_clip after the end": ([guided(1), GUIDES[0], frame(0), END, guided(1)], PHASE, "AFTER_END"),
    "the same frame again": ([guided(2), GUIDES[0], GUIDES[0]], PHASE, "OUT_OF_ORDER"),
    "an earlier frame": ([guided(2), GUIDES[1], GUIDES[0]], PHASE, "OUT_OF_ORDER"),
    "says nothing": ([guided(1), NO_PICTURE], INVALID, "BAD_FIELD"),
    "short plane": ([guided(1), SHORT], INVALID, "PLANE_SIZE"),
    "no such variant": ([open_clip("misused-guides", variant=5)], PHASE, "UNSUPPORTED"),
    "no variant of any model": ([open_clip("misused-guides", variant=65)], INVALID, "BAD_FIELD"),
    "negative variant": ([open_clip("misused-guides", variant=-1)], INVALID, "BAD_FIELD"),
}


@pytest.mark.parametrize("case", MISUSE)
def test_misuse_gets_its_status_and_the_server_lives(stub: pb_grpc.ColorizeServiceStub, case: str) -> None:
    requests, code, reason = MISUSE[case]
    stream = Stream(stub)
    stream.send(*requests)
    stream.half_close()
    assert stream.refusal() == (code, reason)
    assert stub.GetServerInfo(pb.GetServerInfoRequest()).version


def test_a_stream_that_owes_a_guide_expires(start_server: Callable[..., object]) -> None:
    server = start_server("--idle", "0.2")
    with connect(server.address) as stub:  # type: ignore[attr-defined]
        stream = Stream(stub)
        stream.send(guided(2), GUIDES[0])
        assert stream.refusal() == (grpc.StatusCode.ABORTED, "EVICTED")
