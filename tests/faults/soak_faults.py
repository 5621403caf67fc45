"""The faults of the soak: each is provoked once, on a server that has had many before, and proves its own colours.

Faults that end a server happen to a second one, so that the first grows old.
"""

import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

import grpc
from abuse import UNARY, End, ask, garbage, shout, stream
from box import Box
from child import ClipChild
from film import Client, Film
from messages import corpus
from mutate import Mutator
from streams import END, Request, Stream, connect, guide, open_clip
from ways import FILMS, WAYS, Stub, go_on

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.limits import MAX_MESSAGE_BYTES

SERVER_CHILD = Path(__file__).with_name("server_child.py")
PLAIN = Film(frames=40, cuts=())
"""What a client in a process of its own shows."""
Colours = dict[int, str]
INVALID, PHASE = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION


@dataclass
class World:
    """A server that lives for the whole soak, another that does not, and what both are tried with."""

    address: str
    stub: Stub
    channel: grpc.Channel
    box: Box
    mortal: Stub
    """The second server's."""
    random: Random
    solo: Callable[[Film], Colours]
    mutator: Mutator = field(default_factory=lambda: Mutator(corpus(), seed=31))
    numbers: "count[int]" = field(default_factory=count)
    frames: int = 0
    """Whose colours were compared."""

    def client(self, stub: Stub | None = None) -> Client:
        """Of a new clip, some frames into its film."""
        client = Client(stub or self.stub, self.random.choice(FILMS), self.key())
        client.open()
        client.play(range(self.random.randrange(1, 38)))
        return client

    def key(self) -> str:
        return f"soak-{next(self.numbers)}"

    def check(self, film: Film, colours: Colours) -> None:
        """They are those of a film that nothing disturbed."""
        assert colours.items() <= self.solo(film).items()
        self.frames += len(colours)

    def finish(self, client: Client) -> None:
        """All frames that are missing, then the end."""
        client.play(range(len(client.colours), client.film.frames))
        client.end()
        assert len(client.colours) == client.film.frames
        self.check(client.film, client.colours)


def vanish(world: World) -> None:
    """1: a client is killed; another goes on."""
    key = world.key()
    with ClipChild(world.address, key, PLAIN) as child:
        child.read_until(world.random.randrange(5, 30))
        child.process.kill()
        child.read_to_end()
    with ClipChild(world.address, key, PLAIN, first=child.due, earliest=0) as second:
        assert second.read_to_end() == {"end": "OK"}
    assert len(child.colours | second.colours) == PLAIN.frames
    world.check(PLAIN, child.colours | second.colours)


def freeze(world: World) -> None:
    """2: a client is stopped and its clip taken over; when it wakes up it is told."""
    key = world.key()
    with ClipChild(world.address, key, PLAIN) as child:
        child.read_until(world.random.randrange(5, 20))
        child.process.send_signal(signal.SIGSTOP)
        other = Client(world.stub, PLAIN, key)
        other.open(child.due, earliest=0)
        other.play(range(child.due, PLAIN.frames))
        other.end()
        child.process.send_signal(signal.SIGCONT)
        assert child.read_to_end()["end"] in ("ABORTED", "UNAVAILABLE")
    world.check(PLAIN, child.colours | other.colours)


def kill_server(world: World) -> None:
    """3: the second server is killed and started again."""
    client = world.client(world.mortal)
    world.box.kill()
    come_back(world, client)


def kill_while_saving(world: World) -> None:
    """4: the second server dies just before a snapshot has its name."""
    world.box.kill()
    program = (sys.executable, str(SERVER_CHILD), "1")
    client = Client(world.box.start(program=program), PLAIN, world.key())
    client.open()
    try:
        client.play(range(PLAIN.frames))
    except (grpc.RpcError, StopIteration):
        world.box.server.process.wait(60)  # type: ignore[attr-defined]
    come_back(world, client)


def come_back(world: World, client: Client) -> None:
    world.box.kill()
    world.mortal = world.box.start()
    client.come_back(world.mortal, first=len(client.colours))
    world.finish(client)


def stop_server(world: World) -> None:
    """6: the second server sleeps for a moment."""
    client = world.client(world.mortal)
    world.box.server.process.send_signal(signal.SIGSTOP)  # type: ignore[attr-defined]
    awake = threading.Timer(0.5, world.box.server.process.send_signal, [signal.SIGCONT])  # type: ignore[attr-defined]
    awake.start()
    world.finish(client)
    awake.join()


def read_nothing(world: World) -> None:
    """7: a window of answers waits while another client is served."""
    film = world.random.choice(FILMS)
    slow = Client(world.stub, film, world.key())
    window = slow.open().window
    for number in range(window):
        slow.send(number)
    world.finish(world.client())
    for number in range(window):
        slow.take(number)
    world.finish(slow)


def mistakes(client: Client) -> dict[str, tuple[list[Request], tuple[grpc.StatusCode, str]]]:
    """8 to 12, after the client's frames so far."""
    due, film = len(client.colours), client.film

    def frame(number: int, luma: bytes) -> Request:
        return Request(frame=pb.Frame(frame_number=number, luma=luma))

    flood = [frame(due + more, film.luma(due + more)) for more in range(160)]
    return {
        "flood": (flood, (grpc.StatusCode.RESOURCE_EXHAUSTED, "WINDOW_EXCEEDED")),
        "another picture": ([frame(due - 1, bytes(len(film.luma(0))))], (PHASE, "OUT_OF_ORDER")),
        "a gap": ([frame(due + 1, film.luma(due + 1))], (PHASE, "OUT_OF_ORDER")),
        "another size": ([frame(due, 2 * film.luma(due))], (INVALID, "PLANE_SIZE")),
        "opened twice": ([open_clip(client.key)], (PHASE, "ALREADY_OPEN")),
        "nothing": ([Request()], (INVALID, "MALFORMED")),
        "frame -1": ([frame(-1, film.luma(0))], (INVALID, "BAD_FIELD")),
        "no end": ([], (PHASE, "OUT_OF_ORDER")),
    }


def make_mistake(world: World) -> None:
    """8 to 12, 16, 17: a mistake ends the stream, and the clip can go on."""
    client = world.client()
    requests, expected = world.random.choice(list(mistakes(client).values()))
    client.stream.send(*requests)
    if not requests:
        client.stream.half_close()
    assert client.stream.refusal() == expected
    go_on(client, world.stub)
    client.end()
    assert len(client.colours) == client.film.frames
    world.check(client.film, client.colours)


def begin_wrongly(world: World) -> None:
    """11, 13, 17: nothing is opened."""
    guided = open_clip(world.key(), guide_count=1, shot_source=pb.SHOT_SOURCE_EDIT_LIST)
    nan = guide(0, hints=[pb.Hint(x=float("nan"))])
    cases: tuple[tuple[list[Request], tuple[grpc.StatusCode, str]], ...] = (
        ([END], (PHASE, "FIRST_MESSAGE")),
        ([guided, nan], (INVALID, "BAD_FIELD")),
        ([open_clip("../../etc/passwd")], (INVALID, "BAD_FIELD")),
        ([open_clip(world.key(), geometry=pb.PlaneGeometry(width_px=2**31 - 1, height_px=4))], (INVALID, "GEOMETRY")),
    )
    requests, expected = world.random.choice(cases)
    made = Stream(world.stub)
    made.send(*requests)
    assert made.refusal() == expected


def part_ways(world: World) -> None:
    """14: a clip ends in some way, another beside it."""
    clients = [world.client(), world.client()]
    for client in clients:
        world.random.choice(WAYS)(client, world.stub, world.random)
        world.check(client.film, client.colours)
        client.stream.call.cancel()


def send_too_much(world: World) -> None:
    """15."""
    end = stream(world.channel, [open_clip(world.key()).SerializeToString(), bytes(MAX_MESSAGE_BYTES + 1)])
    assert end.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert ask(world.channel, "ListModels", b"").code is grpc.StatusCode.OK


def send_damage(world: World) -> None:
    """16, 17: messages."""
    for _ in range(10):
        data = world.mutator.next()
        good = open_clip(world.key()).SerializeToString()
        for end in (stream(world.channel, [good, data]), ask(world.channel, world.random.choice(UNARY), data)):
            check_words(end)


def check_words(end: End) -> None:
    assert end.code in (INVALID, PHASE, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.OK), end
    assert "Error" not in end.details


def send_garbage(world: World) -> None:
    """16: no messages at all."""
    shout(world.address, garbage(world.random))


WEIGHTS: dict[Callable[[World], None], int] = {
    vanish: 2,
    freeze: 2,
    kill_server: 1,
    kill_while_saving: 1,
    stop_server: 4,
    read_nothing: 20,
    make_mistake: 60,
    begin_wrongly: 20,
    part_ways: 60,
    send_too_much: 10,
    send_damage: 20,
    send_garbage: 20,
}


class Neighbour:
    """A client that does nothing wrong, all the time, in a thread."""

    def __init__(self, world: World) -> None:
        self._world, self._over = world, threading.Event()
        self.films = 0
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="neighbour")
        self._thread.start()

    def _run(self) -> None:
        try:
            with connect(self._world.address) as stub:
                while not self._over.is_set():
                    self._play(stub)
        except BaseException as error:  # noqa: BLE001 - told in `stop`
            self.error = error

    def _play(self, stub: Stub) -> None:
        film = FILMS[self.films % len(FILMS)]
        client = Client(stub, film, "neighbour")
        client.open()
        client.play(range(film.frames))
        client.end()
        assert client.colours == self._world.solo(film)
        self.films += 1

    def stop(self) -> None:
        """Raise what went wrong, if anything did."""
        self._over.set()
        self._thread.join()
        if self.error is not None:
            raise self.error
