"""Fault 14: whatever became of the clips before, and of the one beside it, a clip has the colours of its solo run."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from film import Client, Film
from streams import connect, open_clip
from ways import FILMS, WAYS, Stub, fall_silent

from kinemacolor.v1 import colorize_pb2 as pb

Solo = Callable[[Film], dict[int, str]]
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
