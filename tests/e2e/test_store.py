"""`render --store`: colours that are there are not asked for again, and the file is the same byte for byte."""

import contextlib
import hashlib
import json
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import make
import numpy as np
import pytest

from kinemacolor.client import private_server
from kinemacolor.render import server_choice
from kinemacolor.store.dependency import ColourSettings, dependency_hash
from kinemacolor.store.schema import row_sum

CHILD = Path(__file__).with_name("render_child.py")
SIZE = (64, 48)
CUTS = (0, 13, 30)
FRAMES = 43
SEGMENT = 8


def picture(number):
    """Blocks of another scene after each cut, in motion, with some held frames and black between two scenes."""
    if number in (11, 12):
        return tuple(np.full(shape, value, np.uint8) for shape, value in (((48, 64), 16), *[((24, 32), 128)] * 2))
    number = 20 if number in (21, 22) else number
    blocks = np.random.default_rng(sum(cut <= number for cut in CUTS)).integers(30, 220, (6, 8)).astype(np.uint8)
    luma = np.roll(np.kron(blocks, np.ones((8, 8), np.uint8)), abs(number % 10 - 5), axis=1)
    return luma, *(np.full((24, 32), 128, np.uint8) for _ in range(2))


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return make.film(tmp_path_factory.mktemp("film") / "in.mkv", pictures=picture, frames=FRAMES).path


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def colour(tmp_path, film, run, tiny_server, folder):
    """Renders; returns (SHA-256 of the file, values of the event `done`)."""
    count = 0

    def render(*options, source=film, store=folder, server=tiny_server, notes=None):
        nonlocal count
        count += 1
        out = tmp_path / f"out{count}.mkv"
        stored = ("--store", store) if store is not None else ()
        to = ("--server", server) if server is not None else ("--model", "tiny", "--threads", "1")
        done = run("render", source, out, "-c", "ffv1", *stored, *options, *to, "--progress", "json")
        assert done.code == 0, done.err
        events = [json.loads(line) for line in done.out.splitlines()]
        if notes is not None:
            notes += [event["text"] for event in events if event["event"] == "note"]
        return hashlib.sha256(out.read_bytes()).hexdigest(), events[-1]

    return render


@pytest.fixture
def plain(colour):
    """SHA-256 of a render that knows no store."""
    return colour(store=None)[0]


def database(folder):
    (path,) = folder.glob("*.chroma")
    return contextlib.closing(sqlite3.connect(path))


def forget(folder, where, *values):
    with database(folder) as connection, connection:
        connection.execute(f"DELETE FROM colour WHERE {where}", values)


def test_no_store_a_cold_and_a_warm_one_give_the_same_file(colour, plain, folder):
    digest, done = colour()
    assert (digest, done["frames_from_store"], done["shots"]) == (plain, 0, len(CUTS))
    digest, done = colour()
    assert (digest, done["frames_from_store"], done["shots"]) == (plain, FRAMES, len(CUTS))


@pytest.mark.parametrize(
    ("where", "recomputed"),
    [
        ("number >= 20", 10 + 13),
        ("number < 20", 20 + 10),
        ("number = 29", 1),
        ("number % 2", None),
        ("number IN (12, 13, 42)", 1 + 17 + 1),
        ("number BETWEEN 13 AND 29", 17),
        ("number = 0", 13),
    ],
)
def test_a_store_that_has_only_some_frames_gives_the_same_file(colour, plain, folder, where, recomputed):
    """From the first frame of a shot that is missing the server colours that shot to its end."""
    colour()
    forget(folder, where)
    digest, done = colour()
    assert digest == plain
    if recomputed is not None:
        assert done["frames_from_store"] == FRAMES - recomputed
    assert colour()[1]["frames_from_store"] == FRAMES


def test_any_half_of_a_store_gives_the_same_file(colour, plain, folder):
    chosen = random.Random(20261123)
    for _ in range(6):
        numbers = chosen.sample(range(FRAMES), chosen.randrange(1, FRAMES))
        colour()
        forget(folder, f"number IN ({','.join(map(str, numbers))})")
        assert colour()[0] == plain


def test_another_amount_or_encoder_runs_no_network(colour, folder):
    colour()
    calm = colour("--amount", "0.5", store=None)[0]
    digest, done = colour("--amount", "0.5")
    assert (digest, done["frames_from_store"]) == (calm, FRAMES)
    assert colour("--lossless", "--pix-fmt", "yuv444p")[1]["frames_from_store"] == FRAMES


def test_a_part_of_the_film_takes_and_gives_colours(colour, plain):
    part = colour("--frames", "17-35", store=None)[0]
    digest, done = colour("--frames", "17-35")
    assert (digest, done["frames_from_store"]) == (part, 0)
    assert colour("--frames", "17-35")[1]["frames_from_store"] == 19
    digest, done = colour()
    assert (digest, done["frames_from_store"]) == (plain, 6)  # 30 to 35; in the shot of 17 the first was missing
    digest, done = colour("--frames", "17-35")
    assert (digest, done["frames_from_store"]) == (part, 19)


def test_another_quality_or_transfer_asks_again(colour):
    colour()
    for options in (("--quality", "draft"), ("--transfer", "srgb")):
        expected = colour(*options, store=None)[0]
        if options[0] == "--transfer":  # a picture this small has one size for every quality
            assert colour(*options)[1]["frames_from_store"] == 0
        digest, done = colour(*options)
        assert (digest, done["frames_from_store"]) == (expected, FRAMES)


def test_another_list_of_shots_recomputes_only_the_shots_it_changes(tmp_path, colour):
    colour()
    (tmp_path / "same.csv").write_text("0\n13\n30\n")
    (tmp_path / "moved.csv").write_text("0\n13\n20\n30\n")
    same, moved = (("--shots", tmp_path / name) for name in ("same.csv", "moved.csv"))
    assert colour(*same)[1]["frames_from_store"] == FRAMES
    expected = colour(*moved, store=None)[0]
    digest, done = colour(*moved)
    assert (digest, done["frames_from_store"]) == (expected, FRAMES - 10)  # 13 to 19 are the same, 20 to 29 are not
    assert colour()[1]["frames_from_store"] == FRAMES
    assert colour(*moved)[1]["frames_from_store"] == FRAMES


def test_a_film_under_another_name_is_the_same_film(tmp_path, film, colour):
    colour()
    moved = tmp_path / "moved.mkv"
    moved.hardlink_to(film)
    assert colour(source=moved)[1]["frames_from_store"] == FRAMES


def test_a_changed_film_is_another_one(tmp_path, colour):
    def film(changed):
        def lumas(number):
            luma, *chroma = picture(number)
            return (luma + np.uint8(number == changed), *chroma)

        return make.film(tmp_path / f"changed{changed}.mkv", pictures=lumas, frames=FRAMES).path

    for changed in (None, 15):
        source = film(changed)
        expected = colour(source=source, store=None)[0]
        digest, done = colour(source=source)
        assert (digest, done["frames_from_store"]) == (expected, 0)


def test_a_picture_sequence(tmp_path, colour):
    for number in range(12):
        make.still(tmp_path / f"s.{number + 1001}.png", "gray", picture(number)[:1], *SIZE)
    source = tmp_path / "s.%04d.png"
    expected = colour("--rate", "24", source=source, store=None)[0]
    for stored in (0, 12):
        digest, done = colour("--rate", "24", source=source)
        assert (digest, done["frames_from_store"]) == (expected, stored)


# ---- the server ----


@pytest.fixture
def started(monkeypatch):
    """How many private servers were started."""
    count = []
    start = private_server.private_server

    def counted(*arguments):
        count.append(arguments)
        return start(*arguments)

    monkeypatch.setattr(server_choice, "private_server", counted)
    return count


def test_no_server_is_started_if_everything_is_there(colour, plain, folder, started):
    assert colour(server=None)[0] == plain
    assert len(started) == 1
    for options in ((), ("--frames", "3-20"), ("--amount", "1.5")):
        assert colour(*options, server=None)[1]["frames_from_store"] == (18 if "--frames" in options else FRAMES)
    assert len(started) == 1
    forget(folder, "number = 31")
    digest, done = colour(server=None)
    assert (digest, done["frames_from_store"]) == (plain, 31)
    assert len(started) == 2


def test_other_settings_of_the_private_server_are_asked(colour, started, monkeypatch):
    colour(server=None)
    monkeypatch.setenv("OMP_DYNAMIC", "FALSE")
    colour(server=None)
    assert len(started) == 2
    colour(server=None)
    assert len(started) == 2


def test_a_remembered_server_that_was_another_fails_aloud_once(tmp_path, film, run, colour, plain, folder):
    """Its name did not change with it, and a frame is missing: the film must not mix the colours of two servers."""
    colour(server=None)
    with database(folder) as connection, connection:
        query = "SELECT print, model, weights_sha256, licence, terms FROM server"
        name, model, weights, *terms = connection.execute(query).fetchone()
        total = row_sum(name, model, weights, "old", *terms)
        connection.execute("UPDATE server SET device_class = 'old', sum = ?", (total,))
        settings = ColourSettings(
            model=model, weights_sha256=weights, device_class="old", transfer=6, width_px=SIZE[0], height_px=SIZE[1]
        )
        rename(connection, settings)
        # Its number is there, so that the server is not asked in advance, but not its colour.
        connection.execute("UPDATE colour SET luma = zeroblob(16) WHERE number = 25")
        connection.execute("UPDATE colour SET sum = zeroblob(16) WHERE number = 25")
    words = ("--store", folder, "--model", "tiny", "--threads", "1", "-c", "ffv1")
    done = run("render", film, tmp_path / "x.mkv", *words)
    assert (done.code, "the stored colours are of another" in done.err) == (3, True)
    assert not (tmp_path / "x.mkv").exists()
    assert colour(server=None)[0] == plain


def rename(connection, settings):
    """Make all stored colours those of other settings."""
    for number, start in connection.execute("SELECT id, shot_start FROM dependency").fetchall():
        name = dependency_hash(settings.hash, start)
        values = (name, settings.hash, number)
        connection.execute("UPDATE dependency SET hash = ?, settings = ? WHERE id = ?", values)
        rows = connection.execute(
            "SELECT number, luma, history, planes FROM colour WHERE dependency = ?", (number,)
        ).fetchall()
        for row in rows:
            connection.execute(
                "UPDATE colour SET sum = ? WHERE dependency = ? AND number = ?", (row_sum(name, *row), number, row[0])
            )


def test_a_server_that_is_named_is_asked_who_it_is(colour, start_server):
    first, second = start_server(), start_server("--threads", "2")
    colour(server=first.address)
    assert colour(server=first.address)[1]["frames_from_store"] == FRAMES
    assert colour(server=second.address)[1]["frames_from_store"] == 0


def test_a_named_server_that_is_not_there_is_missed_even_if_all_is_stored(
    tmp_path, film, run, colour, folder, start_server
):
    server = start_server()
    colour(server=server.address)
    server.stop(signal.SIGKILL)
    done = run("render", film, tmp_path / "x.mkv", "--store", folder, "--server", server.address)
    assert done.code == 3
    assert not (tmp_path / "x.mkv").exists()


# ---- damage ----


def test_a_damaged_store_is_said_once_and_the_file_is_the_same(colour, plain, folder):
    colour()
    with database(folder) as connection, connection:
        connection.execute("UPDATE colour SET planes = zeroblob(9) WHERE number IN (5, 7, 33)")
    notes = []
    assert colour(notes=notes)[0] == plain
    assert [note for note in notes if "damaged" in note] == notes[-1:]
    notes.clear()
    assert colour(notes=notes)[1]["frames_from_store"] == FRAMES
    assert not any("damaged" in note for note in notes)


def test_a_store_cut_in_half_is_moved_aside(colour, plain, folder):
    colour()
    (path,) = folder.glob("*.chroma")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    notes = []
    assert colour(notes=notes)[0] == plain
    assert len([note for note in notes if "moved to" in note]) == 1
    assert colour()[1]["frames_from_store"] == FRAMES


def test_a_store_that_cannot_be_used_is_said_once(tmp_path, colour, plain):
    (tmp_path / "file").touch()
    notes = []
    assert colour(store=tmp_path / "file" / "below", notes=notes)[0] == plain
    assert len([note for note in notes if "the store is not used" in note]) == 1


def test_a_full_store_is_said_once(colour, plain):
    notes = []
    assert colour("--store-size", "100k", notes=notes)[0] == plain
    assert len([note for note in notes if "is full" in note]) == 1


# ---- with --resume ----


def child(film, out, server, point, *options):
    words = ["render", film, out, "-c", "ffv1", "--server", server, "--progress", "json", *options]
    command = [sys.executable, CHILD, SEGMENT, point, *words]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=100)


@pytest.fixture
def unbroken(tmp_path, film, tiny_server):
    out = tmp_path / "unbroken.mkv"
    assert child(film, out, tiny_server, "none").returncode == 0
    return out.read_bytes()


@pytest.mark.parametrize("frame", [3, 20, 37])
def test_a_killed_render_goes_on_with_what_the_store_has(tmp_path, film, tiny_server, folder, unbroken, frame):
    out = tmp_path / "out.mkv"
    assert child(film, out, tiny_server, f"frame:{frame}", "--store", folder).returncode == -signal.SIGKILL
    resumed = child(film, out, tiny_server, "none", "--store", folder, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert out.read_bytes() == unbroken
    done = json.loads(resumed.stdout.splitlines()[-1])
    assert done["frames_resumed"] == frame // SEGMENT * SEGMENT
    assert done["frames"] == FRAMES


def test_a_store_may_come_or_go_between_kill_and_resume(tmp_path, film, tiny_server, folder, unbroken):
    full = tmp_path / "full.mkv"
    assert child(film, full, tiny_server, "none", "--store", folder).returncode == 0
    for before, after in (((), ("--store", folder)), (("--store", folder), ())):
        out = tmp_path / f"out{len(before)}.mkv"
        assert child(film, out, tiny_server, "frame:20", *before).returncode == -signal.SIGKILL
        assert child(film, out, tiny_server, "none", *after, "--resume").returncode == 0
        assert out.read_bytes() == unbroken


def test_two_renders_of_one_film_at_once(tmp_path, film, tiny_server, folder, plain, start):
    outs = [tmp_path / f"at-once-{number}.mkv" for number in range(2)]
    renders = [
        start("render", film, out, "-c", "ffv1", "--store", folder, "--server", tiny_server, "-q") for out in outs
    ]
    for render, out in zip(renders, outs, strict=True):
        _, err = render.communicate(timeout=60)
        assert (render.returncode, err) == (0, "")
        assert hashlib.sha256(out.read_bytes()).hexdigest() == plain


def test_store_size_needs_a_store(run, film, tmp_path):
    done = run("render", film, tmp_path / "x.mkv", "--store-size", "1G")
    assert (done.code, "--store-size is for --store" in done.message) == (2, True)
