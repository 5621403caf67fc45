"""Faults 1 and 2: clients in processes of their own that vanish or freeze."""

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from box import Box
from child import ClipChild
from film import Client, Film
from streams import connect, wait_until

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc

FILM = Film(frames=120, cuts=())
LONG = Film(frames=200, cuts=())
"""So long that a client on a fast machine does not reach the end before it is killed."""
NOTICED_SECONDS = 10
Note = Callable[[str, object], None]
Solo = Callable[[Film], dict[int, str]]
Stub = pb_grpc.ColorizeServiceStub
VANISHES = pytest.mark.fault(1, "client vanishes")
FROZEN = pytest.mark.fault(2, "client frozen")


def clip_of(stub: Stub, key: str) -> pb.Clip | None:
    """What the server says of a clip, if it knows it."""
    clips = {clip.clip_key: clip for clip in stub.ListClips(pb.ListClipsRequest()).clips}
    return clips.get(key)


def is_lost(stub: Stub, key: str) -> bool:
    """True if the clip is kept and no stream has it."""
    clip = clip_of(stub, key)
    assert clip is not None, "the clip is not kept"
    return not clip.attached


def is_quiet(stub: Stub, key: str) -> bool:
    """True if nothing of the last frame's traffic is under way any more that could show that its client froze."""
    clip = clip_of(stub, key)
    assert clip is not None
    return clip.idle_seconds > 1


def seconds_until(condition: Callable[[], bool]) -> float:
    started = time.monotonic()
    wait_until(condition)
    return time.monotonic() - started


def go_on(address: str, key: str, lost: ClipChild, film: Film = FILM) -> ClipChild:
    """A second process that has all frames since the last promise, and the answers of the first."""
    earliest = 0 if lost.durable is None else lost.durable + 1
    return ClipChild(address, key, film, first=lost.due, earliest=earliest)


@VANISHES
@pytest.mark.parametrize(
    "deaths", [(30, 61), pytest.param(tuple(range(5, 115, 6)), marks=pytest.mark.slow)], ids=["2 kills", "19 kills"]
)
def test_a_client_that_is_killed_is_followed_by_one_that_goes_on(
    box: Box, deaths: tuple[int, ...], record_property: Note, solo: Solo
) -> None:
    stub = box.start()
    expected = solo(LONG)
    colours: dict[int, str] = {}
    noticed = []
    child, due = ClipChild(box.address, "film", LONG), 0
    for death in deaths:
        with child:
            child.read_until(max(death, due))  # the one before may have come further until its kill arrived
            child.process.kill()
            noticed.append(seconds_until(lambda: is_lost(stub, "film")))
            child.read_to_end()
        colours |= child.colours
        due = child.due
        wait_until(lambda: (clip := clip_of(stub, "film")) is not None and clip.frames_waiting == 0)
        child = go_on(box.address, "film", child, LONG)
        assert child.opened["from"] <= max(colours) + 1
    with child:
        assert child.read_to_end() == {"end": "OK"}
    assert colours | child.colours == expected
    assert box.log.count("stream lost, state kept") == len(deaths)
    assert "Traceback" not in box.log
    assert max(noticed) < NOTICED_SECONDS
    record_property("figure", f"{len(deaths)} kills, noticed after {1000 * max(noticed):.0f} ms at most")


@VANISHES
def test_the_place_of_a_client_that_was_killed_is_free_and_its_state_is_not_lost(box: Box, solo: Solo) -> None:
    stub = box.start("--max-clips", "1")
    expected = solo(FILM)
    with ClipChild(box.address, "film", FILM) as child:
        child.read_until(40)
        child.process.kill()
        wait_until(lambda: is_lost(stub, "film"))
        child.read_to_end()
    other = Client(stub, FILM, "other")
    other.open()
    assert clip_of(stub, "film") is None
    other.play(range(FILM.frames))
    other.end()
    assert other.colours == expected
    with go_on(box.address, "film", child) as second:
        assert second.opened["from"] > child.due - 24 - 8, "the state came back from disk"
        assert second.read_to_end() == {"end": "OK"}
    assert child.colours | second.colours == expected


@FROZEN
@pytest.mark.parametrize("is_busy", [True, False], ids=["frames-in-flight", "idle"])
def test_a_client_that_freezes_is_noticed_and_another_goes_on(
    start_server: Callable[..., Any], is_busy: bool, record_property: Note, solo: Solo
) -> None:
    """Over TCP; a render that freezes does so on a unix socket (`test_server_lost.py`)."""
    server = start_server(listen="127.0.0.1:0")
    film = FILM if is_busy else Film(frames=31, cuts=FILM.cuts)
    with connect(server.address) as stub, ClipChild(server.address, "film", film, stays=not is_busy) as child:
        child.read_until(30)
        wait_until(lambda: is_busy or is_quiet(stub, "film"))
        child.process.send_signal(signal.SIGSTOP)
        noticed = seconds_until(lambda: is_lost(stub, "film"))
        with go_on(server.address, "film", child) as second:
            assert second.read_to_end() == {"end": "OK"}
        child.process.send_signal(signal.SIGCONT)
        late = child.read_to_end()
    assert late["end"] == "UNAVAILABLE"
    assert child.colours.items() <= solo(FILM).items()
    assert child.colours | second.colours == solo(FILM)
    assert "Traceback" not in server.log
    assert noticed < NOTICED_SECONDS
    record_property("figure", f"TCP, {'frames in flight' if is_busy else 'idle'}: noticed after {noticed:.1f} s")


@FROZEN
def test_a_client_that_wakes_up_after_its_clip_was_taken_over_is_told_so(box: Box, solo: Solo) -> None:
    box.start()
    expected = solo(FILM)
    with ClipChild(box.address, "film", FILM) as child:
        child.read_until(30)
        child.process.send_signal(signal.SIGSTOP)
        with go_on(box.address, "film", child) as second:
            assert second.opened["opened"] > child.opened["opened"]
            second.read_until(60)
            child.process.send_signal(signal.SIGCONT)
            assert child.read_to_end() == {"end": "ABORTED", "reason": "SUPERSEDED"}
            assert second.read_to_end() == {"end": "OK"}
    assert child.colours.items() <= expected.items()
    assert child.colours | second.colours == expected
