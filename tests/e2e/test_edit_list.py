"""`render --shots`: the shots are those of a list, and cuts are not detected."""

import films
import make
import numpy as np
import pytest

SIZE = (64, 48)
CUT, FRAMES = 12, 24


def picture(number):
    """Blocks of one scene and then of another, in slow motion."""
    blocks = np.random.default_rng(number >= CUT).integers(30, 220, (6, 8)).astype(np.uint8)
    luma = np.roll(np.kron(blocks, np.ones((8, 8), np.uint8)), abs(number % 10 - 5), axis=1)
    neutral = np.full((SIZE[1] // 2, SIZE[0] // 2), 128, np.uint8)
    return luma, neutral, neutral


@pytest.fixture
def film(tmp_path):
    return make.film(tmp_path / "in.mkv", pictures=picture, frames=FRAMES, timecode="10:00:00:00").path


@pytest.fixture
def stills(tmp_path):
    for number in range(FRAMES):
        make.still(tmp_path / f"still.{number + 1001}.png", "gray", picture(number)[:1], *SIZE)
    return tmp_path / "still.%04d.png"


def written(tmp_path, text, name="list.csv"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def colour(render, film, out, *options):
    done = render(film, out, "-c", "ffv1", *options)
    assert done.code == 0, done.err
    return films.planes_of(out)


def same(left, right):
    return all(
        np.array_equal(a, b) for old, new in zip(left, right, strict=True) for a, b in zip(old, new, strict=True)
    )


@pytest.mark.parametrize("name", ["shots.edl", "shots.csv"])
@pytest.mark.parametrize("timecode", ["10:00:00:00", None])
def test_the_detected_shots_as_a_list_give_the_same_file(tmp_path, run, render, name, timecode):
    film = make.film(tmp_path / "in.mkv", pictures=picture, frames=FRAMES, timecode=timecode).path
    shots = tmp_path / name
    assert run("shots", "export", film, "--to", shots).code == 0
    assert run("shots", "show", shots, "--film", film).out.splitlines()[0].startswith("0-11")
    assert render(film, tmp_path / "detected.mkv").code == 0
    assert render(film, tmp_path / "listed.mkv", "--shots", shots).code == 0
    assert (tmp_path / "detected.mkv").read_bytes() == (tmp_path / "listed.mkv").read_bytes()


@pytest.mark.parametrize("name", ["shots.edl", "shots.csv"])
def test_the_same_for_a_sequence_that_does_not_begin_with_0(tmp_path, stills, run, render, name):
    shots = tmp_path / name
    assert run("shots", "export", stills, "--to", shots, "--rate", "30").code == 0
    for out, options in (("detected.mkv", ()), ("listed.mkv", ("--shots", shots))):
        assert render(stills, tmp_path / out, "--rate", "30", *options).code == 0
    assert (tmp_path / "detected.mkv").read_bytes() == (tmp_path / "listed.mkv").read_bytes()


def test_cuts_are_not_detected_and_listed_ones_reset_the_memory(tmp_path, film, run, render, tiny_server):
    detected = colour(render, film, tmp_path / "detected.mkv")
    one = colour(render, film, tmp_path / "one.mkv", "--shots", written(tmp_path, "0\n", "one.csv"))
    assert same(one[:CUT], detected[:CUT])
    assert not same(one[CUT:], detected[CUT:])
    three = colour(render, film, tmp_path / "three.mkv", "--shots", written(tmp_path, f"0\n5\n{CUT}\n", "three.csv"))
    assert same(three[:5] + three[CUT:], detected[:5] + detected[CUT:])
    assert not same(three[5:CUT], detected[5:CUT])
    done = run("render", film, tmp_path / "said.mkv", "--shots", tmp_path / "three.csv", "--server", tiny_server)
    assert f"3 shots by {tmp_path}/three.csv; cuts are not detected" in done.err
    assert "24 frames, 3 shots" in done.err


@pytest.mark.parametrize(("first", "last"), [(0, 3), (8, 14), (6, 6), (20, 23)])
def test_a_part_equals_the_same_frames_of_the_whole(tmp_path, film, render, first, last):
    shots = ("--shots", written(tmp_path, "0\n5\n18\n"))
    whole = colour(render, film, tmp_path / "whole.mkv", *shots)
    part = colour(render, film, tmp_path / "part.mkv", *shots, "--frames", f"{first}-{last}")
    assert same(part, whole[first : last + 1])


def test_an_edl_is_placed_by_the_timecode_of_the_film_or_the_user(tmp_path, film, render):
    source = "01:00:00:00 01:00:01:00"
    edl = written(tmp_path, f"001 AX V C {source} 10:00:00:05 10:00:00:18\n", "list.edl")
    listed = colour(render, film, tmp_path / "listed.mkv", "--shots", edl)
    by_frame = colour(render, film, tmp_path / "frames.mkv", "--shots", written(tmp_path, "0\n5\n18\n"))
    assert same(listed, by_frame)
    moved = colour(render, film, tmp_path / "moved.mkv", "--shots", edl, "--shots-start", "09:59:59:23")
    by_frame = colour(render, film, tmp_path / "frames7.mkv", "--shots", written(tmp_path, "0\n7\n20\n"))
    assert same(moved, by_frame)


def test_frames_of_the_list_are_those_of_the_file_when_fields_become_frames(tmp_path, render):
    film = make.film(tmp_path / "in.mkv", pictures=picture, frames=FRAMES, field_order="tt").path
    bob = ("--field", "bob")
    at_six = colour(render, film, tmp_path / "six.mkv", *bob, "--shots", written(tmp_path, "0\n6\n", "six.csv"))
    one = colour(render, film, tmp_path / "one.mkv", *bob, "--shots", written(tmp_path, "0\n", "one.csv"))
    assert len(one) == 2 * FRAMES
    assert same(at_six[:12], one[:12])
    assert not same(at_six[12:13], one[12:13])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.csv", "0\n24\n", "line 2: the shot at 24 begins at frame 24, outside the film, whose frames are 0-23"),
        ("l.csv", "0\n12\n7\n", "line 3: 7 does not come after 12 of line 2"),
        ("l.csv", "0\nseven\n", "line 2: expected a frame number, found 'seven'"),
        ("l.edl", "001 AX V C 00:00:00:00 00:00:01:00 09:00:00:00 09:00:00:10\n", "--shots-start says what timecode"),
        ("l.edl", "001 AX V C 00:00:00:00\n", "line 1: expected an event"),
        ("l.txt", "0\n", "expected a list of shots, NAME.edl or NAME.csv"),
    ],
)
def test_a_list_that_does_not_fit_is_refused_in_one_line(tmp_path, film, render, name, text, message):
    done = render(film, tmp_path / "out.mkv", "--shots", written(tmp_path, text, name))
    assert done.code == 4
    assert message in done.message
    assert done.message.startswith(f"kinemacolor: {tmp_path / name}: ")
    assert not (tmp_path / "out.mkv").exists()


def test_a_list_that_is_not_there_is_refused(tmp_path, film, render):
    done = render(film, tmp_path / "out.mkv", "--shots", tmp_path / "none.csv")
    assert (done.code, "none.csv: cannot be read: No such file" in done.message) == (4, True)


def test_a_start_timecode_is_for_an_edl(tmp_path, film, render):
    shots = written(tmp_path, "0\n")
    done = render(film, tmp_path / "out.mkv", "--shots", shots, "--shots-start", "01:00:00:00")
    assert (done.code, "is for an EDL" in done.message) == (4, True)
    done = render(film, tmp_path / "out.mkv", "--shots-start", "01:00:00:00")
    assert (done.code, "--shots" in done.message) == (2, True)
