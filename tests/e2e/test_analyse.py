"""`kinemacolor analyse`: afterwards the store has every colour of the film, and they are those of a render."""

import contextlib
import json
import signal
import sqlite3

import make
import numpy as np
import pytest

CUTS = (0, 13, 30)
FRAMES = 43


def picture(number):
    """Blocks of another scene after each cut, in motion."""
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
def analyse(run, film, folder, tiny_server):
    """Analyses; returns the events."""

    def command(*options, source=film):
        done = run("analyse", source, "--store", folder, "--server", tiny_server, "--progress", "json", *options)
        assert done.code == 0, done.err
        return [json.loads(line) for line in done.out.splitlines()]

    return command


def stored(folder):
    (path,) = folder.glob("*.chroma")
    with contextlib.closing(sqlite3.connect(path)) as database:
        return [number for (number,) in database.execute("SELECT number FROM colour ORDER BY number")]


def forget(folder, where):
    (path,) = folder.glob("*.chroma")
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(f"DELETE FROM colour WHERE {where}")


def test_a_render_needs_no_colour_after_it_and_has_the_same_bytes(tmp_path, analyse, run, film, folder, tiny_server):
    done = analyse()[-1]
    assert (done["event"], done["frames"], done["frames_from_store"]) == ("done", FRAMES, 0)
    films = []
    for name, options in (("plain.mkv", ()), ("stored.mkv", ("--store", folder))):
        out = tmp_path / name
        rendered = run("render", film, out, "-c", "ffv1", "--server", tiny_server, "--progress", "json", *options)
        films.append((out.read_bytes(), json.loads(rendered.out.splitlines()[-1])["frames_from_store"]))
    assert films[0][0] == films[1][0]
    assert [count for _, count in films] == [0, FRAMES]


def test_what_is_there_is_not_coloured_again(analyse, folder):
    analyse()
    forget(folder, "number BETWEEN 15 AND 20")
    # From the first missing frame the shot goes to the server to its end.
    assert analyse()[-1]["frames_from_store"] == FRAMES - (CUTS[2] - 15)
    assert analyse()[-1]["frames_from_store"] == FRAMES


def test_another_list_of_shots_colours_only_what_it_changes(tmp_path, analyse):
    analyse()
    cuts = tmp_path / "cuts.csv"
    cuts.write_text("first\n0\n13\n35\n")
    # What comes before a cut that has moved has the past that it had.
    assert analyse("--shots", cuts)[-1]["frames_from_store"] == CUTS[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_one_that_is_stopped_goes_on_where_it_was(tmp_path, start, analyse, folder, start_server, number):
    """The server is stopped first, so that the analysis cannot end by itself."""
    long = make.film(tmp_path / "long.mkv", pictures=picture, frames=1200).path
    server = start_server()
    process = start("analyse", long, "--store", folder, "--server", server.address, "--progress", "json")
    for line in process.stdout:
        if json.loads(line).get("frames_done", 0) > 48:
            break
    server.process.send_signal(signal.SIGSTOP)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    server.process.send_signal(signal.SIGCONT)
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert "Traceback" not in err
    known = stored(folder)
    assert known == list(range(len(known)))
    assert len(known) >= 24
    assert analyse(source=long)[-1]["frames_from_store"] >= min(len(known), 13)
    assert stored(folder) == list(range(1200))


def test_a_film_that_breaks_off_keeps_what_was_coloured(tmp_path, run, film, folder, tiny_server):
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(film.read_bytes()[: film.stat().st_size * 2 // 3])
    done = run("analyse", broken, "--store", folder, "--server", tiny_server)
    assert done.code == 4
    assert "broken.mkv" in done.message
    assert stored(folder)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["missing.mkv"], 4, "missing.mkv"),
        (["{film}", "--server", "unix:/nowhere/x.sock", "--patience", "0"], 3, "/nowhere/x.sock"),
        (["{film}", "--model", "nosuch"], 2, "no model named 'nosuch'"),
        (["{film}", "--server", "unix:/x", "--threads", "2"], 2, "--device and --threads"),
        (["{film}", "--shots", "nosuch.csv"], 4, "nosuch.csv"),
        ([], 2, "IN"),
    ],
)
def test_what_cannot_be_is_one_line_and_a_code(run, film, folder, tiny_server, words, code, message):
    words = [word.format(film=film) for word in words]
    if "nosuch" in words:
        words += ["--server", tiny_server]
    done = run("analyse", *words, "--store", folder)
    assert (done.code, message in done.message) == (code, True), done.err
