"""A server that is killed, hangs or is gone for a while costs time, never a frame: the film has the same bytes."""

import contextlib
import functools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import make
import numpy as np
import pytest
from waiting import wait_until

from kinemacolor.wire.limits import DEFAULT_WINDOW_FRAMES

CHILD = Path(__file__).with_name("render_child.py")
SEGMENT, SNAPSHOT = 16, 24
FRAMES = 90
CUTS = (0, 13, 75)  # so far apart that answers that run ahead of frame 50 do not reach the next
KINDS = {"mkv": ("-c", "ffv1"), "mov": ("-c", "libx264")}
SERVER = 3
NOTICED_SECONDS = 10
MOST = 2 * SNAPSHOT + DEFAULT_WINDOW_FRAMES
"""Computed again after a kill that hits the writing of a snapshot: likely here, where a frame takes a millisecond."""


def scene(number):
    """Blocks of another scene after each cut, in motion."""
    blocks = np.random.default_rng(sum(cut <= number for cut in CUTS)).integers(30, 220, (6, 8)).astype(np.uint8)
    luma = np.roll(np.kron(blocks, np.ones((8, 8), np.uint8)), abs(number % 10 - 5), axis=1)
    return luma, *(np.full((24, 32), 128, np.uint8) for _ in range(2))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make.film(tmp_path_factory.mktemp("source") / "in.mov", codec="libx264", frames=FRAMES, pictures=scene).path


@pytest.fixture(scope="module")
def unbroken(source, tmp_path_factory):
    """The bytes of the whole film in a kind of file, rendered once by a private server."""

    @functools.cache
    def film(kind):
        out = tmp_path_factory.mktemp("unbroken") / f"out.{kind}"
        finish(render(source, out, kind, "none"))
        return out.read_bytes()

    return film


def render(source, out, kind, point, *options):
    words = ["render", source, out, *KINDS[kind], "--model", "tiny", "--progress", "json", *options]
    return start([CHILD, SEGMENT, point, *words])


def render_at(server, source, out, frame, *options):
    """On a server that is there already; returns when the render stands still before a frame."""
    words = ["render", source, out, *KINDS["mkv"], "--server", server.address, "--progress", "json", *options]
    process = start([CHILD, SEGMENT, f"stop:{frame}", *words])
    assert os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT).si_status == signal.SIGSTOP
    return process


def start(words):
    command = [sys.executable, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    """The `done` event of a render that went well, and its notes."""
    out, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    events = [json.loads(line) for line in out.splitlines()]
    (done,) = (event for event in events if event["event"] == "done")
    return done, [event["text"] for event in events if event["event"] == "note"]


@pytest.mark.fault(3, "server killed")
@pytest.mark.parametrize(("kind", "frames"), [("mkv", "7,40"), ("mov", "60")])
def test_a_private_server_that_is_killed_is_started_again(tmp_path, source, unbroken, kind, frames, record_property):
    out = tmp_path / f"out.{kind}"
    done, notes = finish(render(source, out, kind, f"server:{frames}"))
    assert out.read_bytes() == unbroken(kind)
    assert done["breaks"] == len(frames.split(","))
    assert done["frames_recomputed"] <= done["breaks"] * MOST
    assert any("the server is back" in note for note in notes)
    record_property("figure", f"{kind}: {done['breaks']} kills, {done['frames_recomputed']} frames computed again")


@pytest.mark.fault(3, "server killed")
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mkv", "mov"])
def test_a_server_that_is_killed_anywhere_costs_a_few_frames(tmp_path, source, unbroken, kind, record_property):
    """20 frames chosen by a seed. A kill while a snapshot is being written costs another 24."""
    costs = []
    for frame in sorted(random.Random(20261126).sample(range(FRAMES), 20)):
        out = tmp_path / f"{frame}.{kind}"
        done, _ = finish(render(source, out, kind, f"server:{frame}"))
        costs.append(done["frames_recomputed"])
        assert costs[-1] <= MOST
        assert out.read_bytes() == unbroken(kind)
    record_property("figure", f"{kind}: 20 kills, frames computed again: {' '.join(map(str, costs))}")


@pytest.mark.fault(3, "server killed")
def test_a_server_that_comes_back_at_the_same_address_goes_on(tmp_path, source, start_server, unbroken):
    state = ("--state-dir", str(tmp_path / "state"))
    server = start_server(*state)
    out = tmp_path / "out.mkv"
    process = render_at(server, source, out, 40)
    server.stop(signal.SIGKILL)
    process.send_signal(signal.SIGCONT)
    said = process.stdout.readline()
    while "trying again" not in said:
        said = process.stdout.readline()
    start_server(*state, listen=server.address)
    done, _ = finish(process)
    assert (done["breaks"], done["frames"]) == (1, FRAMES)
    assert 0 < done["frames_recomputed"] <= MOST
    assert out.read_bytes() == unbroken("mkv")


def test_a_server_that_comes_back_without_its_states_goes_on_at_a_finished_part(
    tmp_path, source, start_server, unbroken
):
    server = start_server("--state-dir", str(tmp_path / "state"))
    out = tmp_path / "out.mkv"
    process = render_at(server, source, out, 50)
    server.stop(signal.SIGKILL)
    start_server("--state-dir", str(tmp_path / "other"), listen=server.address)
    process.send_signal(signal.SIGCONT)
    _, notes = finish(process)
    assert any("going on after the last finished part" in note for note in notes)
    assert out.read_bytes() == unbroken("mkv")


@pytest.mark.fault(2, "client frozen")
def test_a_render_that_was_frozen_goes_on_with_the_same_bytes(
    tmp_path, source, start_server, unbroken, record_property
):
    server = start_server("--state-dir", str(tmp_path / "state"))
    out = tmp_path / "out.mkv"
    process = render_at(server, source, out, 40)
    stopped = time.monotonic()
    wait_until(lambda: "stream lost" in server.log)
    noticed = time.monotonic() - stopped
    process.send_signal(signal.SIGCONT)
    done, _ = finish(process)
    assert (done["breaks"], done["frames"]) == (1, FRAMES)
    assert done["frames_recomputed"] <= MOST
    assert out.read_bytes() == unbroken("mkv")
    assert noticed < NOTICED_SECONDS
    again = done["frames_recomputed"]
    record_property("figure", f"render: noticed after {noticed:.1f} s, {again} frames computed again")


def test_one_without_snapshots_is_sent_the_shot_again(tmp_path, source, start_server, unbroken):
    server, frame = start_server("--snapshot-bytes", "0"), 50
    out = tmp_path / "out.mkv"
    process = render_at(server, source, out, frame)
    server.stop(signal.SIGKILL)
    start_server("--snapshot-bytes", "0", listen=server.address)
    process.send_signal(signal.SIGCONT)
    done, _ = finish(process)
    assert done["frames_recomputed"] >= frame - CUTS[1]
    assert out.read_bytes() == unbroken("mkv")


# ---- with a store: see also test_store.py ----


@pytest.fixture
def stored(tmp_path):
    """Options of a render with a store."""
    return "--store", tmp_path / "store"


def forget(stored, where):
    (path,) = stored[1].glob("*.chroma")
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(f"DELETE FROM colour WHERE {where}")


def test_a_killed_server_leaves_the_store_and_the_film_as_they_would_be(tmp_path, source, unbroken, stored):
    for out, point, all_stored in (
        (tmp_path / "cold.mkv", "server:7,40", False),
        (tmp_path / "warm.mkv", "none", True),
    ):
        done, notes = finish(render(source, out, "mkv", point, *stored))
        assert out.read_bytes() == unbroken("mkv")
        assert (done["breaks"], done["frames_from_store"]) == ((0, FRAMES) if all_stored else (2, 0))
        assert any("the server is back" in note for note in notes) is not all_stored


def test_a_server_that_dies_while_the_store_answers_is_started_again(tmp_path, source, unbroken, stored):
    """The first shot is missing, so that a server runs; at frame 18 no stream is open; frame 60 needs one again."""
    finish(render(source, tmp_path / "first.mkv", "mkv", "none", *stored))
    forget(stored, f"number < {CUTS[1]} OR number >= {CUTS[2]}")
    out = tmp_path / "out.mkv"
    done, notes = finish(render(source, out, "mkv", "server:18", *stored))
    assert (done["breaks"], done["frames_recomputed"], done["frames_from_store"]) == (1, 0, CUTS[2] - CUTS[1])
    assert any("the server is back" in note for note in notes)
    assert out.read_bytes() == unbroken("mkv")


def test_a_server_without_its_states_and_a_store(tmp_path, source, start_server, unbroken, stored):
    server = start_server("--state-dir", str(tmp_path / "state"))
    out = tmp_path / "out.mkv"
    process = render_at(server, source, out, 50, *stored)
    server.stop(signal.SIGKILL)
    start_server("--state-dir", str(tmp_path / "other"), listen=server.address)
    process.send_signal(signal.SIGCONT)
    done, notes = finish(process)
    assert any("going on after the last finished part" in note for note in notes)
    assert out.read_bytes() == unbroken("mkv")
    assert done["frames_from_store"] <= FRAMES - 3 * SEGMENT, "no frame of a finished part counts as asked for again"
    again = tmp_path / "again.mkv"
    words = ["render", source, again, *KINDS["mkv"], "--server", server.address, "--progress", "json", *stored]
    assert finish(start([CHILD, SEGMENT, "none", *words]))[0]["frames_from_store"] == FRAMES
    assert again.read_bytes() == unbroken("mkv")


def test_patience_ends_between_two_streams_too(tmp_path, source, start_server, stored):
    server = start_server("--state-dir", str(tmp_path / "state"))
    words = ["render", source, tmp_path / "first.mkv", *KINDS["mkv"], "--server", server.address, *stored, "-q"]
    first = start([CHILD, SEGMENT, "none", *words])
    first.communicate(timeout=100)
    assert first.returncode == 0
    forget(stored, f"number < {CUTS[1]} OR number >= {CUTS[2]}")
    process = render_at(server, source, tmp_path / "out.mkv", 18, "--patience", "1", *stored)
    server.stop(signal.SIGKILL)
    process.send_signal(signal.SIGCONT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == SERVER
    assert "no server answers" in errors.splitlines()[-1]
    assert not (tmp_path / "out.mkv").exists()


def test_patience_ends(tmp_path, source, start_server):
    server = start_server("--state-dir", str(tmp_path / "state"))
    out = tmp_path / "out.mkv"
    process = render_at(server, source, out, 50, "--patience", "1")
    server.stop(signal.SIGKILL)
    process.send_signal(signal.SIGCONT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == SERVER
    assert "no server answers" in errors.splitlines()[-1]
    assert not out.exists()
    kept = [path for path in tmp_path.iterdir() if path.name.endswith(".parts")]
    assert kept, "finished segments are kept for --resume"
