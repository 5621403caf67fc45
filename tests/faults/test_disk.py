"""Faults 21 and 22: the disk of a film, or of a server's states, is full, read-only or gone for a while."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import make
import pytest
from box import Box
from child import RENDER, wait_stopped
from disk import Disk
from film import Client, Film
from streams import wait_until

from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc

FULL = pytest.mark.fault(21, "disk full")
GONE = pytest.mark.fault(22, "folder read-only or gone")
FRAMES, SEGMENT = 60, 10
OUTPUT = 1
ONE_SHOT = Film(frames=80, cuts=())
SERVER = (sys.executable, "-m", "kinemacolor.server")
Render = Callable[..., "subprocess.Popen[str]"]
Solo = Callable[[Film], dict[int, str]]


# ---- the disk of a film ----


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make.film(tmp_path_factory.mktemp("source") / "in.mkv", frames=FRAMES, width=64, height=48).path


@pytest.fixture(scope="module")
def whole(source: Path, tiny_server: str, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The film of a render that nothing has disturbed."""
    out = tmp_path_factory.mktemp("whole") / "out.mkv"
    process = subprocess.run(command(source, out, tiny_server), check=True, capture_output=True, timeout=100)
    assert b'"done"' in process.stdout
    return out.read_bytes()


def command(source: Path, out: Path, server: str, *options: str, point: str = "none") -> list[str]:
    words = ["render", source, out, "-c", "ffv1", "--server", server, "--progress", "json", *options]
    return [str(word) for word in (sys.executable, RENDER, SEGMENT, point, *words)]


@pytest.fixture
def render(source: Path, tiny_server: str) -> Iterator[Render]:
    """Starts a render, on a small disk if one is given."""
    started: list[subprocess.Popen[str]] = []

    def start(out: Path, *options: str, disk: Disk | None = None, point: str = "none") -> "subprocess.Popen[str]":
        words = command(source, out, tiny_server, *options, point=point)
        inside = () if disk is None else disk.inside
        started.append(subprocess.Popen([*inside, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def notes(said: str) -> list[str]:
    events = [json.loads(line) for line in said.splitlines()]
    return [event["text"] for event in events if event["event"] == "note"]


def read_until(words: str, process: "subprocess.Popen[str]") -> None:
    """Return when a render has said them."""
    assert process.stdout is not None
    said = process.stdout.readline()
    while words not in said:
        assert said, "the render ended without them"
        said = process.stdout.readline()


def finish(process: "subprocess.Popen[str]", code: int = 0) -> tuple[str, str]:
    """Stdout, and the last line of stderr, of a render that ended as it should."""
    out, errors = process.communicate(timeout=100)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    return out, errors.splitlines()[-1] if errors else ""


ROOM = pytest.mark.parametrize("room", [0.4, 1.4], ids=["while-it-is-encoded", "while-it-is-joined"])
"""Of what the film takes. Its parts and the film made of them take it twice."""


@FULL
@ROOM
def test_a_render_waits_for_room_and_makes_the_same_film(disk: Disk, render: Render, whole: bytes, room: float) -> None:
    disk.fill(but=int(room * len(whole)))
    process = render(disk.path / "out.mkv", disk=disk)
    read_until("no room left", process)
    assert not (disk.outside / "out.mkv").exists()
    assert process.poll() is None
    disk.make_room()
    rest, _ = finish(process)
    assert not [note for note in notes(rest) if "no room" in note], "it is said once"
    assert [path.name for path in disk.outside.iterdir()] == ["out.mkv"]
    assert (disk.outside / "out.mkv").read_bytes() == whole


@FULL
@ROOM
def test_a_render_that_waits_no_longer_leaves_what_it_can_go_on_with(
    disk: Disk, render: Render, whole: bytes, room: float
) -> None:
    disk.fill(but=int(room * len(whole)))
    _, error = finish(render(disk.path / "out.mkv", "--disk-full-wait", "0", disk=disk), OUTPUT)
    assert "no room left" in error
    assert sorted(path.name for path in disk.outside.iterdir()) == [".out.mkv.parts", "ballast"]
    disk.make_room()
    out, _ = finish(render(disk.path / "out.mkv", "--resume", disk=disk))
    assert json.loads(out.splitlines()[-1])["frames_resumed"] >= SEGMENT
    assert (disk.outside / "out.mkv").read_bytes() == whole


@FULL
def test_a_disk_that_takes_no_more_files_is_full_too(disk: Disk, render: Render, whole: bytes) -> None:
    process = render(disk.path / "out.mkv", disk=disk, point=f"stop:{SEGMENT + 2}")
    wait_stopped(process)
    disk.allow_files(0)
    process.send_signal(signal.SIGCONT)
    read_until("no room left", process)
    disk.allow_files(100)
    finish(process)
    assert [path.name for path in disk.outside.iterdir()] == ["out.mkv"]
    assert (disk.outside / "out.mkv").read_bytes() == whole


@GONE
def test_a_read_only_disk_is_refused_before_the_first_frame(disk: Disk, render: Render) -> None:
    disk.remount("ro")
    out, error = finish(render(disk.path / "out.mkv", disk=disk), OUTPUT)
    assert "out.mkv" in error
    assert "is read-only" in error
    assert not out
    assert not list(disk.outside.iterdir())


@GONE
def test_a_disk_that_becomes_read_only_keeps_the_finished_parts(disk: Disk, render: Render, whole: bytes) -> None:
    """The parts are on a disk of their own: the system makes no disk read-only on which somebody is writing."""
    (disk.outside / ".out.mkv.parts").mkdir()
    disk.mount_below(disk.path / ".out.mkv.parts")
    process = render(disk.path / "out.mkv", disk=disk, point=f"stop:{FRAMES - 1}")
    wait_stopped(process)
    disk.remount("ro")
    process.send_signal(signal.SIGCONT)
    out, error = finish(process, OUTPUT)
    assert "is read-only" in error
    assert any(f"{FRAMES} frames are kept" in note for note in notes(out))
    disk.remount("rw")
    finish(render(disk.path / "out.mkv", "--resume", disk=disk))
    assert (disk.outside / "out.mkv").read_bytes() == whole


@GONE
def test_a_folder_that_is_away_for_a_while_costs_a_resume(tmp_path: Path, render: Render, whole: bytes) -> None:
    out, away = tmp_path / "there" / "out.mkv", tmp_path / "away"
    out.parent.mkdir()
    process = render(out, point=f"stop:{3 * SEGMENT + 2}")
    wait_stopped(process)
    out.parent.rename(away)
    process.send_signal(signal.SIGCONT)
    _, error = finish(process, OUTPUT)
    assert "No such file or directory" in error
    assert not out.parent.exists()
    away.rename(out.parent)
    said, _ = finish(render(out, "--resume"))
    assert json.loads(said.splitlines()[-1])["frames_resumed"] >= 3 * SEGMENT
    assert out.read_bytes() == whole


@GONE
def test_a_folder_that_is_removed_ends_a_render_aloud(tmp_path: Path, render: Render) -> None:
    out = tmp_path / "there" / "out.mkv"
    out.parent.mkdir()
    process = render(out, point="stop:5")
    wait_stopped(process)
    shutil.rmtree(out.parent)
    process.send_signal(signal.SIGCONT)
    _, error = finish(process, OUTPUT)
    assert "No such file or directory" in error
    assert not out.parent.exists()


# ---- the disk of the states ----


class StateBox(Box):
    """A machine whose states are on a small disk."""

    def __init__(self, start: Callable[..., object], folder: Path, disk: Disk) -> None:
        super().__init__(start, folder)
        self.states, self._disk = disk.path / "states", disk

    def start(self, *options: str, **how: Any) -> pb_grpc.ColorizeServiceStub:
        return super().start(*options, program=(*self._disk.inside, *SERVER), **how)


@pytest.fixture
def state_box(start_server: Callable[..., object], short_folder: Path, disk: Disk) -> Iterator[StateBox]:
    box = StateBox(start_server, short_folder, disk)
    yield box
    box.close()


@FULL
def test_a_full_state_disk_stops_the_promises_and_nothing_else(state_box: StateBox, disk: Disk, solo: Solo) -> None:
    stub = state_box.start()
    expected = solo(ONE_SHOT)
    client = Client(stub, ONE_SHOT)
    client.open()
    client.play(range(25))
    client.wait_durable(24, through=23)
    disk.fill(but=0)
    client.play(range(25, 60))
    wait_until(lambda: "snapshots cannot be written" in state_box.log)
    assert client.durable == 23
    disk.make_room()
    client.play(range(60, 73))
    client.wait_durable(72, through=71)
    client.play(range(73, 80))
    assert client.colours == expected
    assert "No space left on device" in state_box.log
    assert state_box.log.count("snapshots cannot be written") == 1
    assert state_box.log.count("snapshots are written again") == 1
    assert "Traceback" not in state_box.log


@FULL
def test_a_server_that_comes_back_on_a_full_disk_goes_on_from_its_snapshots(
    state_box: StateBox, disk: Disk, solo: Solo
) -> None:
    stub = state_box.start()
    expected = solo(ONE_SHOT)
    client = Client(stub, ONE_SHOT)
    epoch = client.open().epoch
    client.play(range(25))
    client.wait_durable(24, through=23)
    disk.fill(but=0)
    client.connect(state_box.restart())
    opened = client.open(first=25, earliest=24)
    assert (opened.resumed, opened.resume_from) == (True, 24)
    assert opened.epoch > epoch
    client.play(range(25, 60))
    disk.make_room()
    client.play(range(60, 80))
    assert client.colours == expected
    assert "Traceback" not in state_box.log


@GONE
def test_a_state_disk_that_is_read_only_for_a_while_costs_the_promises_only(
    start_server: Callable[..., object], short_folder: Path, disk: Disk, solo: Solo
) -> None:
    box = StateBox(start_server, short_folder, disk)
    clips = box.states / "clips"
    (disk.outside / "states" / "clips").mkdir(mode=0o700, parents=True)
    (disk.outside / "states").chmod(0o700)
    disk.mount_below(clips)
    stub = box.start()
    expected = solo(ONE_SHOT)
    client = Client(stub, ONE_SHOT)
    client.open()
    client.play(range(25))
    client.wait_durable(24, through=23)
    disk.remount("ro", clips)
    client.play(range(25, 60))
    wait_until(lambda: "snapshots cannot be written" in box.log)
    assert client.durable == 23
    disk.remount("rw", clips)
    client.play(range(60, 73))
    client.wait_durable(72, through=71)
    client.play(range(73, 80))
    assert client.colours == expected
    assert "Read-only file system" in box.log
    assert box.log.count("snapshots cannot be written") == 1
    assert "Traceback" not in box.log
    box.close()


@GONE
def test_a_state_folder_that_is_removed_is_made_again(box: Box, solo: Solo) -> None:
    stub = box.start()
    expected = solo(ONE_SHOT)
    client = Client(stub, ONE_SHOT)
    client.open()
    client.play(range(25))
    client.wait_durable(24, through=23)
    shutil.rmtree(box.states)
    client.play(range(25, 49))
    client.wait_durable(48, through=47)
    client.connect(box.restart())
    opened = client.open(first=49, earliest=48)
    assert (opened.resumed, opened.resume_from) == (True, 48)
    client.play(range(49, 80))
    assert client.colours == expected
    assert "Traceback" not in box.log


@GONE
def test_a_state_folder_that_cannot_be_written_is_refused_at_the_start(disk: Disk) -> None:
    (disk.outside / "states").mkdir(mode=0o700)
    disk.remount("ro")
    words = [*disk.inside, *SERVER, "--model", "tiny", "--state-dir", str(disk.path / "states")]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 3
    assert "cannot use the state folder" in done.stderr
    assert "Read-only file system" in done.stderr
    assert done.stderr.count("\n") == 1
