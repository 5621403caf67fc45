"""Law 2 over a real server: in whatever order a film is asked for, every frame has the same bytes."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from box import Box
from film import Client, Film, snapshots, unbroken
from streams import connect, wait_until

from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc

SHORT = Film(frames=90, cuts=(7, 8, 52))
LONG = Film(frames=300, cuts=(70, 71, 190))


@pytest.fixture(params=[SHORT, pytest.param(LONG, marks=pytest.mark.slow)], ids=["short", "long"])
def film(request: pytest.FixtureRequest) -> Film:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def stub(tiny_server: str) -> Iterator[pb_grpc.ColorizeServiceStub]:
    with connect(tiny_server) as made:
        yield made


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).replace("[", ":").replace("]", "")


@pytest.fixture
def expected(stub: pb_grpc.ColorizeServiceStub, film: Film, key: str) -> dict[int, str]:
    """SHA-256 by frame: forwards, in one stream."""
    return unbroken(stub, film, key + ":unbroken")


def backwards(film: Film) -> list[int]:
    return list(reversed(range(film.frames)))


def shuffled(film: Film) -> list[int]:
    return random.Random(1908).sample(range(film.frames), film.frames)


def played(stub: pb_grpc.ColorizeServiceStub, film: Film, key: str, order: list[int]) -> dict[int, str]:
    """The colours of a client that asks for every frame by a seek."""
    client = Client(stub, film, key)
    client.open()
    client.play_anyhow(order)
    client.end()
    return client.colours


@pytest.mark.parametrize("order", [backwards, shuffled])
def test_the_order_of_the_questions_changes_no_byte(
    stub: pb_grpc.ColorizeServiceStub,
    film: Film,
    key: str,
    expected: dict[int, str],
    order: Callable[[Film], list[int]],
) -> None:
    assert played(stub, film, key, order(film)) == expected


def test_two_clients_at_once_change_no_byte(tiny_server: str, film: Film, key: str, expected: dict[int, str]) -> None:
    with ThreadPoolExecutor(2) as pool, connect(tiny_server) as one, connect(tiny_server) as other:
        first = pool.submit(played, one, film, key + ":1", shuffled(film))
        second = pool.submit(played, other, film, key + ":2", backwards(film))
        assert first.result() == second.result() == expected


def test_a_kill_in_the_middle_of_any_order_changes_no_byte(box: Box, film: Film) -> None:
    """The client has all frames and says so; the server goes on from the snapshot that is nearest."""
    stub = box.start()
    expected = unbroken(stub, film, "unbroken")
    order = shuffled(film)
    half = film.frames // 2
    client = Client(stub, film)
    client.open()
    client.play(range(film.frames))
    client.play_anyhow(order[:half])
    wait_until(lambda: snapshots(box.states).keys() >= {0, *film.cuts})
    client.send(order[half])
    client.connect(box.restart())
    assert client.open(first=order[half], earliest=0).resumed
    client.play_anyhow(order[half:])
    assert client.colours == expected
