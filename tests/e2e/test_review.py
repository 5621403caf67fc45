"""`--review`: the list of frames where a person should help, from `kinema`'s own confidence over a real server."""

import contextlib
import csv
import json
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import make
import numpy as np
import pytest

from kinemacolor.render import review
from kinemacolor.render.guides import parse_hint

CHILD = Path(__file__).with_name("render_child.py")
CUTS = (0, 5, 12)
FRAMES = 18
COLUMNS = [
    "frame", "time", "shot_first", "shot_last", "confidence", "x", "y", "region_confidence", "unsure_share", "need",
    "suggestion",
]  # fmt: skip


def picture(number):
    """Blocks of another scene after each cut, in motion."""
    blocks = np.random.default_rng(sum(cut <= number for cut in CUTS)).integers(30, 220, (6, 8)).astype(np.uint8)
    luma = np.roll(np.kron(blocks, np.ones((8, 8), np.uint8)), abs(number % 10 - 5), axis=1)
    return luma, *(np.full((24, 32), 128, np.uint8) for _ in range(2))


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return make.film(tmp_path_factory.mktemp("film") / "in.mkv", pictures=picture, frames=FRAMES).path


@pytest.fixture(scope="module")
def kinema(launch):
    """Address of a server."""
    with tempfile.TemporaryDirectory(prefix="kc", dir="/tmp") as folder:
        yield launch(Path(folder), "--model", "kinema").address


@pytest.fixture
def unsure(monkeypatch):
    """Everything that is not certain is unsure, so that any film has a list."""
    monkeypatch.setattr(review, "UNSURE", 1.0)
    monkeypatch.setattr(review, "_UNSURE_SUM", 255 * 5)


@pytest.fixture
def command(run, film, kinema):
    """Runs a command on the film; returns the values of the event `done`."""

    def run_it(word, *options, source=film):
        done = run(word, source, *options, "--server", kinema, "--progress", "json")
        assert done.code == 0, done.err
        return [json.loads(line) for line in done.out.splitlines()]

    return run_it


def rows_of(path):
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        assert reader.fieldnames == COLUMNS
        return rows


def stored(folder):
    """(planes, whether they say how sure they are) of every stored frame."""
    (path,) = folder.glob("*.chroma")
    with contextlib.closing(sqlite3.connect(path)) as database:
        return [(planes, planes[4] == 2) for (planes,) in database.execute("SELECT planes FROM colour ORDER BY number")]


def test_a_list_has_a_place_of_every_shot_the_neediest_first(tmp_path, command, unsure):
    out, listed = tmp_path / "out.mkv", tmp_path / "list.csv"
    done = command("render", out, "-c", "ffv1", "--review", listed)[-1]
    rows = rows_of(listed)
    assert (done["review"], done["review_places"], done["review_unknown_frames"]) == (str(listed), len(rows), 0)
    assert {(int(row["shot_first"]), int(row["shot_last"])) for row in rows} == {(0, 4), (5, 11), (12, 17)}
    assert [float(row["need"]) for row in rows] == sorted((float(row["need"]) for row in rows), reverse=True)
    for row in rows:
        assert int(row["shot_first"]) <= int(row["frame"]) <= int(row["shot_last"])
        assert row["time"] == f"00:00:{int(row['frame']) / 25:06.3f}"
        for name in ("confidence", "x", "y", "region_confidence", "unsure_share"):
            assert 0 < float(row[name]) <= 1
        assert float(row["region_confidence"]) <= float(row["confidence"]) + 0.01
        assert row["suggestion"] in ("hint", "reference")


def test_the_documentation_shows_such_a_list():
    lines = (Path(__file__).parents[2] / "docs" / "guides.md").read_text().splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.strip() == ",".join(COLUMNS))
    row = dict(zip(COLUMNS, lines[at + 1].strip().split(","), strict=True))
    said = f"--hint {row['frame']}:{row['x']},{row['y']}=#"
    assert said in "".join(lines[at + 2 : at + 5])
    assert parse_hint(f"{said[7:]}102030").frame == 131


def test_a_film_that_is_sure_has_a_list_with_nothing_in_it(tmp_path, command, monkeypatch):
    monkeypatch.setattr(review, "_UNSURE_SUM", 1)
    done = command("analyse", "--store", tmp_path / "store", "--review", tmp_path / "list.csv")[-1]
    assert (done["review_places"], rows_of(tmp_path / "list.csv")) == (0, [])


def test_a_hint_where_the_list_says_makes_that_place_sure(tmp_path, command, unsure):
    before, after = tmp_path / "before.csv", tmp_path / "after.csv"
    command("analyse", "--store", tmp_path / "store", "--review", before)
    first = rows_of(before)[0]
    hint = ("--hint", f"{first['frame']}:{first['x']},{first['y']}=#a05030,0.1")
    command("analyse", "--store", tmp_path / "store", "--review", after, *hint)
    (same,) = (row for row in rows_of(after) if row["shot_first"] == first["shot_first"])
    assert float(same["confidence"]) > float(first["confidence"])
    others = [[row for row in rows_of(path) if row["shot_first"] != first["shot_first"]] for path in (before, after)]
    assert others[0] == others[1]


def test_the_film_and_its_colours_are_those_without_a_list(tmp_path, command, kinema):
    outs = [tmp_path / "plain.mkv", tmp_path / "listed.mkv", tmp_path / "again.mkv"]
    folders = [tmp_path / "plain", tmp_path / "listed", tmp_path / "plain"]
    lists = [(), ("--review", tmp_path / "list.csv"), ("--review", tmp_path / "again.csv")]
    for out, folder, options in zip(outs, folders, lists, strict=True):
        events = command("render", out, "-c", "ffv1", "--store", folder, *options)
    # The third one found colours that do not say how sure they are.
    assert events[-1]["frames_from_store"] == 0
    (note,) = (event["text"] for event in events if event["event"] == "note" and "stored colours" in event["text"])
    assert "coloured again" in note
    assert outs[0].read_bytes() == outs[1].read_bytes() == outs[2].read_bytes()
    assert (tmp_path / "list.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()
    assert stored(folders[0]) == stored(folders[1])
    assert all(says for _, says in stored(folders[0]))
    done = command("render", tmp_path / "stored.mkv", "-c", "ffv1", "--store", folders[0])[-1]
    assert done["frames_from_store"] == FRAMES
    assert (tmp_path / "stored.mkv").read_bytes() == outs[0].read_bytes()


def test_what_is_stored_says_how_sure_it_is_the_next_time(tmp_path, command, unsure):
    lists = [tmp_path / "first.csv", tmp_path / "second.csv", tmp_path / "render.csv"]
    store = ("--store", tmp_path / "store")
    assert command("analyse", *store, "--review", lists[0])[-1]["frames_from_store"] == 0
    assert command("analyse", *store, "--review", lists[1])[-1]["frames_from_store"] == FRAMES
    command("render", tmp_path / "out.mkv", *store, "--review", lists[2])
    assert rows_of(lists[0])
    assert lists[0].read_bytes() == lists[1].read_bytes() == lists[2].read_bytes()


def test_a_part_knows_its_shots_and_the_films_times(tmp_path, command, unsure):
    listed = tmp_path / "list.csv"
    command("render", tmp_path / "out.mkv", "--frames", "8-14", "--review", listed)
    rows = rows_of(listed)
    assert {(row["shot_first"], row["shot_last"]) for row in rows} == {("8", "11"), ("12", "14")}
    assert all(row["time"] == f"00:00:{int(row['frame']) / 25:06.3f}" for row in rows)


def test_timecode_if_the_film_has_it(tmp_path, command, unsure):
    source = make.film(
        tmp_path / "in.mov", codec="libx264", pictures=picture, frames=FRAMES, timecode="10:00:00:20"
    ).path
    listed = tmp_path / "list.csv"
    command("analyse", "--store", tmp_path / "store", "--review", listed, source=source)
    for row in rows_of(listed):
        seconds, frames = divmod(20 + int(row["frame"]), 25)
        assert row["time"] == f"10:00:{seconds:02d}:{frames:02d}"


def test_the_place_is_that_of_the_picture_as_it_is_shown(tmp_path, command, unsure):
    """The same pictures, upright and turned by half."""
    places = []
    for rotation in (0, 180):
        source = make.film(
            tmp_path / f"in{rotation}.mp4", codec="libx264", pictures=picture, frames=4, rotation=rotation
        ).path
        listed = tmp_path / f"list{rotation}.csv"
        command("analyse", "--store", tmp_path / "store", "--review", listed, source=source)
        places += [(float(row["x"]), float(row["y"])) for row in rows_of(listed)]
    upright, turned = places
    assert turned == pytest.approx((1 - upright[0], 1 - upright[1]), abs=1e-3)


def test_a_resumed_render_says_what_it_does_not_know(tmp_path, film, kinema):
    out, listed = tmp_path / "out.mkv", tmp_path / "list.csv"
    words = ["render", film, out, "-c", "ffv1", "--server", kinema, "--review", listed, "--progress", "json"]

    def child(point, *options):
        command = [str(word) for word in (sys.executable, CHILD, 4, point, *words, *options)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)

    assert child("frame:10").returncode != 0
    assert not listed.exists()
    resumed = child("none", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    done = json.loads(resumed.stdout.splitlines()[-1])
    assert (done["frames_resumed"], done["review_unknown_frames"]) == (8, 8)
    last = rows_of(listed)[-1]
    assert (last["shot_first"], last["shot_last"], last["suggestion"]) == ("0", "7", "unknown")
    assert [row for row in rows_of(listed) if row["suggestion"] == "unknown"] == [last]


def test_nothing_is_overwritten_unasked_nor_left_half(tmp_path, run, film, kinema):
    listed, shots = tmp_path / "list.csv", tmp_path / "shots.csv"
    listed.write_text("mine")
    shots.write_text("first\n0\n")
    out, store = tmp_path / "out.mkv", tmp_path / "store"
    words = ("--server", kinema, "-q", "--review")
    for command in (("render", film, out, "--dry-run"), ("render", film, out), ("analyse", film, "--store", store)):
        refused = run(*command, *words, listed)
        assert (refused.code, "exists; -y replaces it" in refused.message) == (1, True)
        refused = run(*command, *words, tmp_path / "list.txt")
        assert (refused.code, "NAME.csv" in refused.message) == (1, True)
        refused = run(*command, *words, shots, "--shots", shots, "-y")
        assert (refused.code, "same file" in refused.message) == (2, True)
    assert (listed.read_text(), shots.read_text()) == ("mine", "first\n0\n")
    assert not out.exists()
    refused = run("analyse", film, "--store", store, "-y")
    assert (refused.code, "--review" in refused.message) == (2, True)
    assert run("render", film, out, *words, listed, "-y").code == 0
    assert run("analyse", film, "--store", store, *words, listed, "-y").code == 0
    assert "mine" not in listed.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list.csv", "out.mkv", "shots.csv", "store"]


def test_a_film_that_breaks_off_has_a_list_of_what_was_kept(tmp_path, run, film, kinema, unsure):
    broken, listed = tmp_path / "broken.mkv", tmp_path / "list.csv"
    broken.write_bytes(film.read_bytes()[: film.stat().st_size * 2 // 3])
    words = ("render", broken, tmp_path / "out.mkv", "--server", kinema, "--review", listed)
    assert run(*words).code == 4
    assert not listed.exists()
    assert run(*words, "--keep-going", "-y").code == 4
    assert (tmp_path / "out.partial.mkv").exists()
    assert rows_of(listed)


@pytest.mark.parametrize("how", ["render", "analyse", "stored"])
def test_a_model_that_is_never_unsure_is_refused_in_one_line(tmp_path, run, film, tiny_server, how):
    store, listed, out = tmp_path / "store", tmp_path / "list.csv", tmp_path / "out.mkv"
    words = ("render", film, out) if how == "render" else ("analyse", film, "--store", store)
    if how == "stored":
        assert run(*words, "--server", tiny_server, "-q").code == 0
    done = run(*words, "--server", tiny_server, "-q", "--review", listed)
    assert done.code == 2
    assert "tiny does not say how sure it is (--review)" in done.message
    assert not listed.exists()
    assert not out.exists()


def test_also_where_no_server_would_be_started(tmp_path, run, film):
    words = ("analyse", film, "--store", tmp_path / "store", "--model", "tiny", "--threads", "1")
    assert run(*words, "-q").code == 0
    done = run(*words, "--review", tmp_path / "list.csv")
    assert done.code == 2
    assert "tiny does not say how sure it is" in done.err
