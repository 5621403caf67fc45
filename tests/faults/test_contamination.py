"""Fault 14: whatever became of the clips before, and of the one beside it, a clip has the colours of its solo run."""

from collections.abc import Callable
from random import Random
from typing import Any

import grpc
import pytest
from film import Client, Film
from streams import connect, open_clip

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc

FILMS = tuple(Film(frames=40, cuts=(cut, 20)) for cut in (1, 2, 3))
"""Each shows other pictures, from its first cut on."""
Solo = Callable[[Film], dict[int, str]]
Stub = pb_grpc.ColorizeServiceStub
IDLE_SECONDS = 3
ROUNDS_BEFORE_SILENCE = 30


def start_two(stub: Stub, number: int, films: list[Film]) -> list[Client]:
    """Two new clips, opened at once."""
    clients = [Client(stub, film, f"round{number}-{index}") for index, film in enumerate(films)]
    for client in clients:
        client.stream.send(open_clip(client.key))
    for client in clients:
        opened = client.stream.take("clip_opened")
        assert isinstance(opened, pb.ClipOpened)
        assert not opened.resumed
    return clients


def play_together(clients: list[Client], frames: int) -> None:
    for number in range(frames):
        for client in clients:
            client.send(number)
        for client in clients:
            client.take(number)


def end(client: Client, stub: Stub, random: Random) -> None:
    client.end()


def cancel(client: Client, stub: Stub, random: Random) -> None:
    """With frames in flight."""
    for number in range(len(client.colours), min(len(client.colours) + 6, client.film.frames)):
        client.send(number)
    client.stream.call.cancel()


def cancel_and_go_on(client: Client, stub: Stub, random: Random) -> None:
    cancel(client, stub, random)
    go_on(client, stub)


def evict(client: Client, stub: Stub, random: Random) -> None:
    stub.EvictClip(pb.EvictClipRequest(clip_key=client.key))
    assert client.stream.refusal() == (grpc.StatusCode.ABORTED, "EVICTED")


def restart_as_another(client: Client, stub: Stub, random: Random) -> None:
    """The same key, from the first frame on, while the stream before is still there."""
    client.connect(stub)
    client.film = random.choice(FILMS)
    client.colours.clear()
    client.fields = {"restart": True}
    client.open()
    client.play(range(10))


def fall_silent(client: Client, stub: Stub, random: Random) -> None:
    """Until the server has had enough."""
    assert client.stream.refusal() == (grpc.StatusCode.ABORTED, "EVICTED")
    go_on(client, stub)


def go_on(client: Client, stub: Stub) -> None:
    """All that the client has had, it still has; the server says what it needs of it."""
    first = len(client.colours)
    client.connect(stub)
    if not client.open(first, earliest=0).resumed:
        client.connect(stub)
        client.fields = {"restart": True}
        client.open(client.film.shot_start(first))
        client.pre_roll(range(client.film.shot_start(first), first))
    client.play(range(first, client.film.frames))


WAYS = (end, cancel, cancel_and_go_on, evict, restart_as_another)


@pytest.mark.timeout(1200)
@pytest.mark.fault(14, "state contamination")
@pytest.mark.parametrize("rounds", [30, pytest.param(1000, marks=pytest.mark.slow)])
def test_no_clip_leaves_a_trace_in_another(
    start_server: Callable[..., Any], rounds: int, solo: Solo, record_property: Callable[[str, object], None]
) -> None:
    server = start_server("--idle", str(IDLE_SECONDS), "--resume-ttl", "1", "--max-clips", "8")
    random = Random(7117)
    frames = 0
    with connect(server.address) as stub:
        for number in range(rounds):
            clients = start_two(stub, number, random.sample(FILMS, 2))
            play_together(clients, random.randrange(1, 38))
            is_silent = number % ROUNDS_BEFORE_SILENCE == ROUNDS_BEFORE_SILENCE - 1
            for client in clients:
                way = fall_silent if is_silent else random.choice(WAYS)
                way(client, stub, random)
                assert client.colours.items() <= solo(client.film).items()
                frames += len(client.colours)
                client.stream.call.cancel()
    assert "Traceback" not in server.log
    record_property("figure", f"{rounds} rounds, {frames} frames equal to their solo runs")
