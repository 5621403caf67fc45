"""What may become of a clip: it ends, is cancelled, evicted, taken over, forgotten, and gone on with."""

from random import Random

import grpc
from film import Client, Film

from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc

FILMS = tuple(Film(frames=40, cuts=(cut, 20)) for cut in (1, 2, 3))
"""Each shows other pictures, from its first cut on."""
Stub = pb_grpc.ColorizeServiceStub


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
    first, client.answers = len(client.colours), 0
    client.connect(stub)
    if not client.open(first, earliest=0).resumed:
        client.connect(stub)
        client.fields = {"restart": True}
        client.open(client.film.shot_start(first))
        client.pre_roll(range(client.film.shot_start(first), first))
    client.play(range(first, client.film.frames))


WAYS = (end, cancel, cancel_and_go_on, evict, restart_as_another)
