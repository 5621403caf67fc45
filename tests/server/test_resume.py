"""Clips that outlive their server: real processes, real signals, and the colours of an unbroken run."""

import random
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from box import Box
from film import Client, Film, refusals, snapshots, unbroken
from streams import open_clip, wait_until
from stuck_writer import TAKEN_BYTES

from kinemacolor.v1 import colorize_pb2 as pb

FILM = Film(frames=60, cuts=(10,))
ONE_SHOT = Film(frames=80, cuts=())
STUCK_WRITER = Path(__file__).with_name("stuck_writer.py")
EDIT_LIST = {"shot_source": pb.SHOT_SOURCE_EDIT_LIST, "edit_list": pb.EditList(shot_starts=[0, 10])}


@pytest.mark.fault(3, "server killed")
@pytest.mark.parametrize("model", ["tiny", "kinema"])
def test_a_killed_server_costs_only_the_frames_since_the_last_snapshot(box: Box, model: str) -> None:
    stub = box.start()
    expected = unbroken(stub, FILM, "unbroken", model=model)
    client = Client(stub, FILM, model=model)
    epoch = client.open().epoch
    client.play(range(41))
    client.wait_durable(40, through=33)
    client.connect(box.restart())
    opened = client.open(first=41, earliest=34)
    assert (opened.resumed, opened.resume_from) == (True, 34)
    assert client.sent == list(range(34, 41))
    assert opened.epoch > epoch
    client.play(range(41, 60))
    assert client.colours == expected
    assert refusals(box.log) == []


def test_a_clip_that_has_just_been_read_from_a_snapshot_is_listed(box: Box) -> None:
    client = Client(box.start(), ONE_SHOT)
    client.open()
    client.play(range(26))
    client.wait_durable(25, through=23)
    stub = box.restart()
    client.connect(stub)
    client.stream.opened(open_clip(client.key, first_frame=24))
    [clip] = stub.ListClips(pb.ListClipsRequest()).clips
    assert (clip.next_frame, clip.state_tier) == (24, pb.STATE_TIER_DISK)


def test_a_client_without_the_frames_in_between_is_told_that_nothing_goes_on(box: Box) -> None:
    client = Client(box.start(), FILM)
    client.open()
    client.play(range(41))
    client.wait_durable(40, through=33)
    client.connect(box.restart())
    opened = client.open(first=41)
    assert (opened.resumed, opened.resume_from) == (False, 41)


@pytest.mark.fault(3, "server killed")
@pytest.mark.parametrize("kills", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_a_render_survives_kills_with_frames_in_flight(box: Box, kills: int) -> None:
    """Kept are only the frames that the last answer did not promise away: no kill may ask for another one."""
    film = Film(frames=70 * kills, cuts=(20, 21, 80))
    stub = box.start()
    expected = unbroken(stub, film, "unbroken")
    deaths = sorted(random.Random(1908).sample(range(20, film.frames - 8), kills))
    client = Client(stub, film)
    client.open()
    for death in [*deaths, None]:
        done = len(client.colours)
        client.play(range(done, film.frames if death is None else death))
        if death is not None:
            for number in range(death, death + 8):
                client.send(number)
            client.take(death)
            client.come_back(box.restart(), first=death + 1)
    client.end()
    assert client.colours == expected


def test_a_server_that_is_told_to_stop_saves_the_last_state(box: Box) -> None:
    stub = box.start()
    expected = unbroken(stub, FILM, "unbroken")
    client = Client(stub, FILM)
    client.open()
    client.play(range(30))
    client.stream.call.cancel()
    box.stop(signal.SIGTERM)
    client.connect(box.start())
    opened = client.open(first=30)
    assert (opened.resumed, opened.resume_from) == (True, 30)
    client.play(range(30, 60))
    assert client.colours == expected


def flip_last_bit(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.fault(4, "kill while a snapshot is written")
@pytest.mark.parametrize(("damage", "why"), [(flip_last_bit, "checksum"), (truncate, "no whole safetensors file")])
def test_a_damaged_snapshot_is_refused_once_and_the_one_before_is_used(
    box: Box, damage: Callable[[bytes], bytes], why: str
) -> None:
    stub = box.start()
    expected = unbroken(stub, ONE_SHOT, "unbroken")
    client = Client(stub, ONE_SHOT)
    client.open()
    client.play(range(25))
    client.wait_durable(24, through=23)
    client.play(range(25, 51))
    client.wait_durable(50, through=47)
    box.kill()
    damaged = snapshots(box.states)[48]
    damaged.write_bytes(damage(damaged.read_bytes()))
    client.connect(box.start())
    opened = client.open(first=51, earliest=0)
    assert (opened.resumed, opened.resume_from) == (True, 24)
    client.play(range(51, 80))
    assert client.colours == expected
    [line] = refusals(box.log)
    assert why in line
    assert "Traceback" not in box.log


@pytest.mark.fault(4, "kill while a snapshot is written")
def test_a_kill_in_the_middle_of_writing_a_snapshot_leaves_the_one_before(box: Box) -> None:
    stub = box.start(program=(sys.executable, str(STUCK_WRITER), "48"))
    client = Client(stub, ONE_SHOT)
    client.open()
    client.play(range(25))
    client.wait_durable(24, through=23)
    client.play(range(25, 48))
    wait_until(lambda: [path.stat().st_size for path in box.states.rglob("*.partial")] == [TAKEN_BYTES])
    client.play(range(48, 55))
    assert client.durable == 23, "nothing is promised before it is durable"
    box.kill()
    stub = box.start()
    client.connect(stub)
    assert list(box.states.rglob("*.partial")) == []
    opened = client.open(first=55, earliest=0)
    assert (opened.resumed, opened.resume_from) == (True, 24)
    client.play(range(55, 80))
    assert client.colours == unbroken(stub, ONE_SHOT, "unbroken")


@pytest.mark.fault(21, "disk full")
def test_a_full_disk_stops_the_promises_and_nothing_else(box: Box) -> None:
    stub = box.start()
    expected = unbroken(stub, ONE_SHOT, "unbroken")
    client = Client(stub, ONE_SHOT)
    resource.prlimit(box.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    client.open()
    client.play(range(50))
    wait_until(lambda: "snapshots cannot be written" in box.log)
    client.play(range(50, 60))
    assert client.durable is None
    resource.prlimit(box.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    client.play(range(60, 73))
    client.wait_durable(72, through=71)
    client.play(range(73, 80))
    assert client.colours == expected
    assert box.log.count("snapshots cannot be written") == 1
    assert box.log.count("snapshots are written again") == 1
    assert "Traceback" not in box.log


@pytest.mark.fault(22, "folder read-only or gone")
def test_a_state_folder_that_is_taken_away_costs_the_promises_only(box: Box) -> None:
    stub = box.start()
    expected = unbroken(stub, ONE_SHOT, "unbroken")
    client = Client(stub, ONE_SHOT)
    client.open()
    client.play(range(25))
    client.wait_durable(24, through=23)
    shutil.rmtree(box.states / "clips")
    (box.states / "clips").write_text("no folder")
    client.play(range(25, 50))
    wait_until(lambda: "snapshots cannot be written" in box.log)
    (box.states / "clips").unlink()
    client.play(range(50, 73))
    client.wait_durable(72, through=71)
    client.play(range(73, 80))
    assert client.colours == expected
    assert box.log.count("snapshots cannot be written") == 1


def test_many_clips_take_turns_in_few_places(box: Box) -> None:
    """Those that wait for their turn are on disk, and come back as if they had stayed."""
    stub = box.start("--max-clips", "2")
    film = Film(frames=20, cuts=(7,))
    expected = unbroken(stub, film, "unbroken")
    clients = [Client(stub, film, f"clip{number}") for number in range(5)]
    for first in range(0, film.frames, 4):
        for client in clients:
            client.connect(stub)
            opened = client.open(first)
            assert (opened.resumed, opened.resume_from) == (first > 0, first)
            client.play(range(first, first + 4))
            client.stream.call.cancel()
            wait_until(lambda: not any(clip.attached for clip in stub.ListClips(pb.ListClipsRequest()).clips))
    assert all(client.colours == expected for client in clients)


def test_an_idle_clip_leaves_the_memory_and_comes_back(box: Box) -> None:
    stub = box.start("--resume-ttl", "0.1")
    expected = unbroken(stub, FILM, "unbroken")
    client = Client(stub, FILM)
    client.open()
    client.play(range(33))
    client.stream.call.cancel()
    wait_until(lambda: not stub.ListClips(pb.ListClipsRequest()).clips)
    client.connect(stub)
    opened = client.open(first=33)
    assert (opened.resumed, opened.resume_from) == (True, 33)
    client.play(range(33, 60))
    assert client.colours == expected


@pytest.mark.parametrize("how", ["end", "evict", "restart"])
def test_what_is_dropped_is_dropped_on_disk_too(box: Box, how: str) -> None:
    stub = box.start()
    client = Client(stub, FILM)
    client.open()
    client.play(range(41))
    client.wait_durable(40, through=33)
    assert snapshots(box.states)
    if how == "end":
        client.end()
    elif how == "evict":
        stub.EvictClip(pb.EvictClipRequest(clip_key="film"))
    else:
        Client(stub, FILM, restart=True).open(first=41)
    assert not snapshots(box.states)
    client.connect(box.restart())
    assert not client.open(first=41, earliest=0).resumed


@pytest.mark.parametrize(
    "other",
    [{"transfer": pb.TRANSFER_LINEAR}, {"model": "kinema"}, EDIT_LIST, {"key": "another"}],
    ids=lambda fields: next(iter(fields)),
)
def test_a_snapshot_of_other_settings_is_never_used(box: Box, other: dict[str, object]) -> None:
    client = Client(box.start(), FILM)
    client.open()
    client.play(range(41))
    client.wait_durable(40, through=33)
    again = Client(box.restart(), FILM, **other)  # type: ignore[arg-type]
    assert not again.open(first=41, earliest=0).resumed


def test_seeks_replay_at_most_from_the_snapshot_before(box: Box) -> None:
    stub = box.start()
    film = Film(frames=100, cuts=(13,))
    expected = unbroken(stub, film, "unbroken")
    client = Client(stub, film)
    client.open()
    for after in (37, 61, 85):
        client.play(range(len(client.colours), after + 1))
        client.wait_durable(after, through=after - 1)
    client.play(range(86, 100))
    for number, first in [(60, 37), (30, 13), (9, 0), (84, 61), (37, 37), (99, 85)]:
        client.seek(number)
        assert client.sent == list(range(first, number))
        client.colour(number)
    client.connect(box.restart())
    assert client.open(first=99, earliest=0).resume_from == 85
    for number, first in [(60, 37), (30, 13), (9, 0), (84, 61)]:
        client.seek(number)
        assert client.sent == list(range(first, number))
        client.colour(number)
    assert client.colours == expected


def test_without_room_for_them_there_are_no_snapshots_and_no_promises(box: Box) -> None:
    stub = box.start("--snapshot-bytes", "0")
    assert not stub.GetServerInfo(pb.GetServerInfoRequest()).has_snapshots
    client = Client(stub, FILM)
    client.open()
    client.play(range(60))
    assert client.durable is None
    client.connect(box.restart("--snapshot-bytes", "0"))
    assert not client.open(first=60, earliest=0).resumed


def test_a_stream_that_the_crash_ended_says_so(box: Box) -> None:
    client = Client(box.start(), FILM)
    client.open()
    client.play(range(5))
    box.kill()
    assert client.stream.refusal()[0] is grpc.StatusCode.UNAVAILABLE
