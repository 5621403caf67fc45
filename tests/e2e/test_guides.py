"""References, hints and variants, as a user gives them: what they change, and that they change nothing else.

`tiny` lays a hint over the cells of 4 x 4 samples whose middles are near, and a reference over the whole picture, in
every frame of the shot.
"""

import contextlib
import hashlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import cv2
import films
import make
import numpy as np
import pytest

CHILD = Path(__file__).with_name("render_child.py")
CUTS = (0, 13, 30)
FRAMES = 43
RED, BLUE = "#c03020", "#2030c0"
HINT = ("--hint", f"20:0.25,0.5={RED},0.1")


def picture(number):
    """Blocks of another scene after each cut, in motion."""
    blocks = np.random.default_rng(sum(cut <= number for cut in CUTS)).integers(60, 190, (6, 8)).astype(np.uint8)
    luma = np.roll(np.kron(blocks, np.ones((8, 8), np.uint8)), abs(number % 10 - 5), axis=1)
    return luma, *(np.full((24, 32), 128, np.uint8) for _ in range(2))


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return make.film(tmp_path_factory.mktemp("film") / "in.mkv", pictures=picture, frames=FRAMES).path


@pytest.fixture
def colour(tmp_path, film, run, tiny_server):
    """Renders; returns the planes of all frames."""
    count = 0

    def render(*options, source=film):
        nonlocal count
        count += 1
        out = tmp_path / f"out{count}.mkv"
        done = run("render", source, out, "-c", "ffv1", "--server", tiny_server, "-q", *options)
        assert done.code == 0, done.err
        return films.planes_of(out)

    return render


@pytest.fixture
def refused(tmp_path, film, run, tiny_server):
    """Renders what must be refused; returns (exit code, its line)."""

    def render(*options):
        done = run("render", film, tmp_path / "no.mkv", "--server", tiny_server, "-q", *options)
        assert not (tmp_path / "no.mkv").exists()
        return done.code, done.message

    return render


@pytest.fixture
def still(tmp_path):
    """A picture file of one colour."""

    def write(name, rgb, size=(90, 48)):
        path = tmp_path / name
        assert cv2.imwrite(str(path), np.full((size[1], size[0], 3), rgb[::-1], np.uint8))
        return path

    return write


def changed(left, right):
    """The numbers of the frames that differ."""
    pairs = enumerate(zip(left, right, strict=True))
    return [n for n, (a, b) in pairs if not all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))]


def redness(planes, rows=slice(None), columns=slice(None)):
    return float(planes[2].astype(float)[rows, columns].mean()) - 128


def shot(number):
    return list(range(FRAMES)[slice(CUTS[number], [*CUTS, FRAMES][number + 1])])


# ---- what they change ----


def test_a_hint_colours_its_spot_in_its_shot_and_nothing_else(colour):
    plain, hinted = colour(), colour(*HINT)
    assert changed(plain, hinted) == shot(1)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(plain, hinted, strict=True)), "luma is the film's"
    for number in (13, 20, 29):
        assert redness(hinted[number], slice(11, 14), slice(7, 10)) > 20
        np.testing.assert_array_equal(plain[number][1][:, 20:], hinted[number][1][:, 20:])
    assert not changed(hinted, colour("--hint", f"20:16px,24px={RED},4.8px")), "the same, said in pixels"


def test_found_cuts_are_those_that_a_list_would_say(tmp_path, colour, run, film):
    assert run("shots", "export", film, "--to", tmp_path / "cuts.csv").code == 0
    assert not changed(colour(*HINT), colour(*HINT, "--shots", tmp_path / "cuts.csv"))
    (tmp_path / "one.csv").write_text("0\n")
    assert len(changed(colour("--shots", tmp_path / "one.csv"), colour(*HINT, "--shots", tmp_path / "one.csv"))) == 43


def test_a_reference_gives_its_colours_to_its_shot(colour, still):
    plain = colour()
    for name in ("a.png", "a.jpg", "a.tiff"):
        coloured = colour("--reference", f"35={still(name, (180, 60, 40))}")
        assert changed(plain, coloured) == shot(2)
        assert all(redness(coloured[number]) > 25 for number in shot(2))


def test_several_shots_have_their_own(colour, still):
    plain = colour()
    words = ("--reference", f"0={still('blue.png', (40, 60, 180))}", *HINT, "--hint", f"22:0.75,0.5={BLUE},0.1")
    coloured = colour(*words)
    assert changed(plain, coloured) == shot(0) + shot(1)
    assert all(redness(coloured[number]) < -5 for number in shot(0))
    assert redness(coloured[15], slice(11, 14), slice(7, 10)) > 20
    assert redness(coloured[15], slice(11, 14), slice(23, 26)) < -5


def test_a_project_file_says_the_same(tmp_path, colour, still):
    still("blue.png", (40, 60, 180))
    (tmp_path / "film.toml").write_text(
        'variant = 3\n[[reference]]\nframe = 0\nimage = "blue.png"\n'
        f'[[hint]]\nframe = 20\nx = 0.25\ny = "24px"\ncolour = "{RED}"\nradius = 0.1\n'
    )
    by_file = colour("--project", tmp_path / "film.toml")
    by_option = colour("--reference", f"0={tmp_path / 'blue.png'}", *HINT, "--variant", "3")
    assert not changed(by_file, by_option)
    assert not changed(colour("--project", tmp_path / "film.toml", "--variant", "1"), colour(*by_words(tmp_path)))


def by_words(folder):
    return ("--reference", f"0={folder / 'blue.png'}", *HINT)


def test_variants_are_other_colours_of_the_same_film(colour):
    plain = colour()
    assert not changed(plain, colour("--variant", "1"))
    others = [colour("--variant", str(number)) for number in (2, 3, 4)]
    assert all(len(changed(plain, other)) == FRAMES for other in others)
    assert len(changed(others[0], others[1])) == FRAMES


@pytest.mark.parametrize(("first", "last"), [(0, 3), (15, 18), (25, 34), (21, 42)])
def test_a_part_equals_the_same_frames_of_the_whole(colour, first, last):
    guides = ("--hint", f"14:0.25,0.5={RED},0.1", "--hint", f"3:0.5,0.5={BLUE},0.2", "--hint", f"41:0.5,0.5={BLUE},0.1")
    whole = colour(*guides)
    starts = [max(cut for cut in CUTS if cut <= number) for number in range(first, last + 1)]
    wanted = [
        word for option, hint in zip(guides[::2], guides[1::2], strict=True)
        for word in (option, hint) if max(cut for cut in CUTS if cut <= int(hint.split(":")[0])) in starts
    ]  # fmt: skip
    part = colour(*wanted, "--frames", f"{first}-{last}")
    assert not changed(part, whole[first : last + 1])


def test_a_sequence_counts_by_its_names(tmp_path, colour):
    for number in range(20):
        make.still(tmp_path / f"s.{number + 1001}.png", "gray", picture(number)[:1], 64, 48)
    source = tmp_path / "s.%04d.png"
    plain = colour(source=source)
    assert changed(plain, colour("--hint", f"1002:0.5,0.5={RED},0.1", source=source)) == shot(0)


def test_fields_count_as_frames_when_they_become_frames(tmp_path, colour):
    source = make.film(tmp_path / "in.mkv", pictures=picture, frames=FRAMES, field_order="tt").path
    plain = colour("--field", "bob", source=source)
    found = changed(plain, colour("--field", "bob", "--hint", f"40:0.25,0.5={RED},0.1", source=source))
    assert found == [field for number in shot(1) for field in (2 * number, 2 * number + 1)]


# ---- what is said ----


def test_the_search_for_cuts_is_said_and_can_be_watched(tmp_path, film, run, tiny_server):
    out = tmp_path / "out.mkv"
    done = run("render", film, out, *HINT, "--server", tiny_server, "--progress", "json")
    events = [json.loads(line) for line in done.out.splitlines()]
    notes = [event["text"] for event in events if event["event"] == "note"]
    assert notes[1:3] == ["references and hints change whole shots: the cuts are found first", "found 3 shots"]
    assert next(event["frames_done"] for event in events if event["event"] == "searching") == 1
    assert (events[-1]["event"], events[-1]["shots"]) == ("done", 3)


def test_hints_of_a_file_for_other_shots_than_those_wanted_are_left_out(tmp_path, film, run, tiny_server, colour):
    hints = (f'[[hint]]\nframe = {number}\nx = 0.5\ny = 0.5\ncolour = "{RED}"\n' for number in (3, 20, 41))
    (tmp_path / "film.toml").write_text("".join(hints))
    words = ("--project", tmp_path / "film.toml", "--frames", "15-18")
    done = run("render", film, tmp_path / "out.mkv", "-c", "ffv1", "--server", tiny_server, *words)
    assert "references and hints for 2 frames are left out: they are of other shots" in done.err
    whole = colour("--project", tmp_path / "film.toml")
    assert not changed(films.planes_of(tmp_path / "out.mkv"), whole[15:19])


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--hint", "20:0.5,0.5"], 2, "argument --hint: expected FRAME:X,Y=#rrggbb[,RADIUS]"),
        (["--hint", f"43:0.5,0.5={RED}"], 2, f"--hint 43:0.5,0.5={RED}: the film has the frames 0-42, found 43"),
        (["--hint", f"3:65px,0.5={RED}"], 2, "lies outside the picture, which is 64x48"),
        (["--hint", f"3:0.5,0.5={RED}", "--frames", "15-20"], 2, "frame 3 is in none of the shots of the frames 15-20"),
        (
            ["--hint", f"3:0.5,0.5={RED}", "--hint", "3:32.4px,24.4px=#0000ff"],
            2,
            f"--hint 3:32.4px,24.4px=#0000ff: there is another colour at this place of frame 3: --hint 3:0.5,0.5={RED}",
        ),
        (["--reference", "3"], 2, "argument --reference: expected FRAME=PICTURE"),
        (["--reference", "3=/none.png"], 4, "/none.png: cannot be read: no such file"),
        (["--reference", "99=/none.png"], 2, "the film has the frames 0-42, found 99"),
        (["--variant", "5"], 2, "tiny has 4 variants, found variant 5"),
        (["--variant", "0"], 2, "argument --variant: variants are 1 to 64, found 0"),
        (["--project", "/none.toml"], 4, "/none.toml: cannot be read: No such file"),
        (["--model", "lai"], 2, "no model named 'lai'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(refused, words, code, message):
    found, said = refused(*words)
    assert (found, message in said) == (code, True), said


def test_a_frame_of_a_file_that_the_film_does_not_have_names_the_file(tmp_path, refused):
    path = tmp_path / "film.toml"
    path.write_text(f'[[hint]]\nframe = 43\nx = 0.5\ny = 0.5\ncolour = "{RED}"\n')
    assert refused("--project", path) == (4, f"kinemacolor: {path}: hint 1: the film has the frames 0-42, found 43")


def test_a_picture_that_a_file_names_is_refused_in_the_files_words(tmp_path, refused):
    path = tmp_path / "film.toml"
    path.write_text('[[reference]]\nframe = 1\nimage = "no.png"\n')
    found = f"{path}: reference 1: image: {tmp_path / 'no.png'}: cannot be read: no such file or directory"
    assert refused("--project", path) == (4, f"kinemacolor: {found}")


def test_an_option_takes_the_place_of_a_files_hint(tmp_path, colour, refused):
    path = tmp_path / "film.toml"
    hint = '[[hint]]\nframe = 3\nx = 0.5\ny = 0.5\ncolour = "{}"\n'
    path.write_text(hint.format("#0000ff"))
    words = ("--hint", f"3:0.5,0.5={RED}")
    assert not changed(colour("--project", path, *words), colour(*words))
    both = f"--hint 3:0.5,0.5=#00ff00: there is another colour at this place of frame 3: --hint 3:0.5,0.5={RED}"
    assert refused("--project", path, *words, "--hint", "3:0.5,0.5=#00ff00") == (2, f"kinemacolor: {both}")
    path.write_text(hint.format(RED))  # the file's is the first option's colour, which saves neither
    assert refused("--project", path, *words, "--hint", "3:0.5,0.5=#00ff00") == (2, f"kinemacolor: {both}")
    path.write_text(hint.format("#0000ff") + hint.format(RED))
    found = f"kinemacolor: {path}: hint 2: there is another colour at this place of frame 3: {path}: hint 1"
    assert refused("--project", path) == (4, found)


def test_too_many_hints_are_said(tmp_path, run, tiny_server):
    film = make.film(tmp_path / "short.mkv", frames=5).path
    words = [word for number in range(5) for part in range(205) for word in ("--hint", f"{number}:0.5,0.5={RED}")]
    done = run("render", film, tmp_path / "no.mkv", "--server", tiny_server, "-q", *words)
    message = "there may be at most 1024 hints in all, found 1025; --frames renders a film in parts"
    assert (done.code, message in done.message) == (2, True), done.message


def test_too_many_frames_are_said(tmp_path, run, tiny_server):
    film = make.film(tmp_path / "long.mkv", frames=70).path
    words = [word for number in range(65) for word in ("--hint", f"{number}:0.5,0.5={RED}")]
    done = run("render", film, tmp_path / "no.mkv", "--server", tiny_server, "-q", *words)
    assert (done.code, "for at most 64 frames, found 65; --frames renders a film in parts" in done.message) == (2, True)


def test_a_dry_run_reads_them_and_touches_nothing(tmp_path, run, film, still):
    done = run("render", film, tmp_path / "no.mkv", *HINT, "--dry-run")
    assert (done.code, "references and hints for 1 frame" in done.out) == (0, True)
    still("a.png", (1, 2, 3)).write_bytes(b"x")
    assert run("render", film, tmp_path / "no.mkv", "--reference", f"0={tmp_path / 'a.png'}", "--dry-run").code == 4


# ---- with --resume ----


def child(film, out, server, point, *options):
    words = ["render", film, out, "-c", "ffv1", "--server", server, "--progress", "json", *options]
    command = [sys.executable, CHILD, 8, point, *words]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=100)


def test_a_killed_render_goes_on_with_the_same_guides_only(tmp_path, film, tiny_server):
    whole, out = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    assert child(film, whole, tiny_server, "none", *HINT).returncode == 0
    child(film, out, tiny_server, "frame:22", *HINT)
    others = (
        ((), "the references and hints was"),
        (("--hint", f"20:0.25,0.5={BLUE},0.1"), "the references and hints was"),
        ((*HINT, "--variant", "2"), "the variant was 1 and is 2"),
    )
    for other, message in others:
        refused = child(film, out, tiny_server, "none", *other, "--resume")
        assert (refused.returncode, message in refused.stderr) == (2, True), refused.stderr
    resumed = child(film, out, tiny_server, "none", *HINT, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout.splitlines()[-1])["frames_resumed"] == 16
    assert out.read_bytes() == whole.read_bytes()


def test_a_private_server_that_is_killed_gets_them_again(tmp_path, film):
    outs = [tmp_path / "unbroken.mkv", tmp_path / "broken.mkv"]
    for out, point in zip(outs, ("none", "server:16"), strict=True):
        words = ["render", film, out, "-c", "ffv1", "--model", "tiny", "--threads", "1", *HINT, "--variant", "2"]
        command = [sys.executable, CHILD, 8, point, *words, "--progress", "json"]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=200)
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["breaks"] == 1
    assert outs[0].read_bytes() == outs[1].read_bytes()


# ---- with a store ----


@pytest.fixture
def stored(tmp_path, film, run, tiny_server):
    """Renders with a store, or as `server` says; returns (SHA-256 of the file, how many frames came from the store)."""
    count = 0

    def render(*options, store=tmp_path / "store", server=("--server", tiny_server)):
        nonlocal count
        count += 1
        out = tmp_path / f"stored{count}.mkv"
        words = ("--store", store) if store is not None else ()
        done = run("render", film, out, "-c", "ffv1", "--progress", "json", *words, *options, *server)
        assert done.code == 0, done.err
        return hashlib.sha256(out.read_bytes()).hexdigest(), json.loads(done.out.splitlines()[-1])["frames_from_store"]

    return render


def test_a_hint_recomputes_its_shot_and_no_other(stored):
    plain, hinted = stored(store=None)[0], stored(*HINT, store=None)[0]
    assert stored() == (plain, 0)
    assert stored(*HINT) == (hinted, FRAMES - len(shot(1)))
    assert stored(*HINT) == (hinted, FRAMES)
    assert stored() == (plain, FRAMES)
    other = ("--hint", f"20:0.75,0.5={BLUE},0.1")
    blue = stored(*HINT, *other, store=None)[0]
    assert stored(*HINT, *other) == (blue, FRAMES - len(shot(1)))
    assert stored(*other, *HINT) == (blue, FRAMES), "the same hints, in another order"
    assert stored(*HINT) == (hinted, FRAMES)


def test_a_guided_colour_is_no_answer_where_none_was_asked_for(stored):
    plain = stored(store=None)[0]
    stored(*HINT)
    assert stored() == (plain, FRAMES - len(shot(1)))


def test_a_variant_has_colours_of_its_own(stored):
    plain, second = stored(store=None)[0], stored("--variant", "2", store=None)[0]
    assert stored() == (plain, 0)
    assert stored("--variant", "2") == (second, 0)
    assert stored("--variant", "2") == (second, FRAMES)
    assert stored("--variant", "1") == (plain, FRAMES)


def test_a_frame_that_is_missing_in_a_guided_shot_is_coloured_with_its_guides(tmp_path, stored):
    hinted = stored(*HINT)[0]
    (path,) = (tmp_path / "store").glob("*.chroma")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM colour WHERE number = 21")
    assert stored(*HINT) == (hinted, FRAMES - (30 - 21))


def test_no_server_is_started_if_everything_is_there(stored, monkeypatch):
    own = {"server": ("--model", "tiny", "--threads", "1")}
    hinted = stored(*HINT, **own)[0]
    monkeypatch.setattr("kinemacolor.render.server_choice.private_server", lambda *_: pytest.fail("a server"))
    assert stored(*HINT, **own) == (hinted, FRAMES)


def test_analyse_takes_them_too(tmp_path, film, run, tiny_server, stored):
    words = ("--store", tmp_path / "store", "--server", tiny_server, "--progress", "json")
    done = run("analyse", film, *words, *HINT, "--variant", "4")
    assert json.loads(done.out.splitlines()[-1])["frames"] == FRAMES
    hinted = stored(*HINT, "--variant", "4", store=None)[0]
    assert stored(*HINT, "--variant", "4") == (hinted, FRAMES)
    again = run("analyse", film, *words, *HINT, "--variant", "4")
    assert json.loads(again.out.splitlines()[-1])["frames_from_store"] == FRAMES
    refused = run("analyse", film, "--store", tmp_path / "store", "--server", tiny_server, "--hint", f"43:0,0={RED}")
    assert (refused.code, "the film has the frames 0-42" in refused.message) == (2, True)
