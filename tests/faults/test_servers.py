"""Faults 4 to 6: servers that die while they save, are replaced by others, or sleep and come back as a zombie."""

import contextlib
import hashlib
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from box import Box
from box import start as start_and_wait
from film import Client, Film, refusals, snapshots
from streams import HEIGHT, WIDTH, connect, open_clip, wait_until

from kinemacolor.client.address import ServerAddress
from kinemacolor.client.connection import ColorizeClient
from kinemacolor.client.connection import connect as connect_client
from kinemacolor.client.errors import ClientError
from kinemacolor.client.lasting_stream import LastingStream, Recovery
from kinemacolor.client.reconnect import ReconnectPolicy
from kinemacolor.client.requests import OpenRequest
from kinemacolor.client.stream import ClipStream
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.frame import Geometry

FILM = Film(frames=80, cuts=())
CHILD = Path(__file__).with_name("server_child.py")
ANOTHER_SECONDS = 20
TAKEN = 3
Note = Callable[[str, object], None]
Solo = Callable[[Film], dict[int, str]]
TORN = pytest.mark.fault(4, "kill while a snapshot is written")
DIES = pytest.mark.fault(5, "worker dies")
ZOMBIE = pytest.mark.fault(6, "zombie worker")


@TORN
@pytest.mark.parametrize("whole", [1, 3], ids=["the first state", "the third state"])
def test_a_kill_between_the_bytes_of_a_snapshot_and_its_name_leaves_the_one_before(
    box: Box, whole: int, solo: Solo
) -> None:
    """The first snapshot, of frame 0, has no state: it says that a shot begins there."""
    expected = solo(FILM)
    client = Client(box.start(program=(sys.executable, str(CHILD), str(whole))), FILM)
    client.open()
    for last in range(0, 24 * whole, 24):
        client.play(range(len(client.colours), last + 1))
        wait_until(lambda last=last: last in snapshots(box.states))
    with contextlib.suppress(grpc.RpcError):
        client.play(range(len(client.colours), 24 * whole))
    assert box.server.process.wait(60) == -signal.SIGKILL
    assert list(box.states.rglob("*.partial"))
    stub = box.start()
    assert not list(box.states.rglob("*.partial"))
    client.come_back(stub, first=len(client.colours))
    assert client.sent[:1] == [24 * (whole - 1)]
    client.play(range(len(client.colours), FILM.frames))
    assert client.colours == expected
    assert refusals(box.log) == []


@DIES
def test_another_server_goes_on_with_the_clip_of_one_that_died(
    box: Box, start_server: Callable[..., Any], record_property: Note, solo: Solo
) -> None:
    stub = box.start()
    expected = solo(FILM)
    client = Client(stub, FILM)
    client.open()
    client.play(range(41))
    for number in range(41, 49):
        client.send(number)
    box.kill()
    died = time.monotonic()
    another = start_server("--state-dir", str(box.states))
    assert another.address != box.address
    with connect(another.address) as there:
        client.come_back(there, first=41)
        again = len(client.sent)
        client.colour(41)
        seconds = time.monotonic() - died
        client.play(range(42, FILM.frames))
        client.end()
    assert client.colours == expected
    assert again < 24 + 24
    assert seconds < ANOTHER_SECONDS
    record_property("figure", f"first answer of the other server after {seconds:.1f} s, {again} frames computed again")


@ZOMBIE
def test_a_server_that_sleeps_keeps_its_folder_to_itself(box: Box, solo: Solo) -> None:
    stub = box.start()
    expected = solo(FILM)
    client = Client(stub, FILM)
    client.open()
    client.play(range(41))
    box.server.process.send_signal(signal.SIGSTOP)
    status, said = start_and_wait("--model", "tiny", "--listen", "127.0.0.1:0", "--state-dir", str(box.states))
    assert (status, said.count("\n")) == (TAKEN, 1), said
    assert "another server uses the state folder" in said
    box.server.process.send_signal(signal.SIGCONT)
    client.play(range(41, FILM.frames))
    assert client.colours == expected


@ZOMBIE
def test_frames_of_an_old_epoch_are_never_answered(box: Box, solo: Solo) -> None:
    """The server sleeps with a window of frames to do, and wakes up to find that their stream has been replaced."""
    stub = box.start()
    expected = solo(FILM)
    old = Client(stub, FILM)
    epoch = old.open().epoch
    old.play(range(33))
    box.server.process.send_signal(signal.SIGSTOP)
    for number in range(33, 41):
        old.send(number)
    new = Client(stub, FILM)
    new.stream.send(open_clip("film", first_frame=33, earliest_frame=0))
    box.server.process.send_signal(signal.SIGCONT)
    opened = new.stream.take("clip_opened")
    assert isinstance(opened, pb.ClipOpened)
    assert opened.epoch > epoch
    new.pre_roll(range(opened.resume_from, 33))
    new.play(range(33, FILM.frames))
    assert old.stream.refusal() == (grpc.StatusCode.ABORTED, "SUPERSEDED")
    assert old.colours | new.colours == expected


# ---- our own client ----


@pytest.fixture
def two_servers(start_server: Callable[..., Any]) -> tuple[Any, Any]:
    """Without snapshots, so that the client keeps every frame of the shot."""
    return start_server("--snapshot-bytes", "0"), start_server("--snapshot-bytes", "0")


@ZOMBIE
def test_a_client_that_went_elsewhere_takes_nothing_from_the_zombie(
    two_servers: tuple[Any, Any], record_property: Note, solo: Solo
) -> None:
    """Stopped with frames in flight; the client gives it up, goes to the other one, and then the first wakes up."""
    zombie, another = two_servers
    moments: list[float] = []
    clients: list[ColorizeClient] = []

    def open_clip(request: OpenRequest, broken_by: ClientError | None) -> ClipStream:
        address = zombie.address if broken_by is None else another.address
        clients.append(connect_client(ServerAddress.parse(address)))
        stream = clients[-1].open_clip(request)
        if broken_by is not None:
            zombie.process.send_signal(signal.SIGCONT)
        return stream

    def fall_asleep() -> None:
        zombie.process.send_signal(signal.SIGSTOP)
        moments.append(time.monotonic())

    def note(recovery: Recovery) -> None:
        moments.append(time.monotonic())
        assert recovery.frames_again > 0

    request = OpenRequest(clip_key="film", geometry=Geometry(WIDTH, HEIGHT), transfer=13, model="tiny")
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [client.close() for client in clients])
        lasting = LastingStream(open_clip, request, policy=ReconnectPolicy(), on_recovery=note)
        stream = stack.enter_context(lasting)
        sender = threading.Thread(target=feed, args=(stream, fall_asleep))
        sender.start()
        colours = {planes.frame_number: hashlib.sha256(planes.ab.tobytes()).hexdigest() for planes in stream}
        sender.join(60)
    assert colours == solo(FILM)
    asleep, recovered = moments
    record_property(
        "figure", f"our client went on with another server {recovered - asleep:.1f} s after the first froze"
    )


def feed(stream: LastingStream, fall_asleep: Callable[[], None]) -> None:
    for number in range(FILM.frames):
        if number == FILM.frames // 2:
            fall_asleep()
        stream.send(number, np.frombuffer(FILM.luma(number), "<u2").reshape(HEIGHT, WIDTH))
    stream.send_end()
