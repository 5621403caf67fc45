"""References and hints as people say them: words to values, and where a hint lies in the film's own picture."""

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import make
import numpy as np
import pytest

from kinemacolor.media.errors import ProjectFileError
from kinemacolor.media.probe import probe
from kinemacolor.render.errors import UsageError
from kinemacolor.render.guides import (
    GuideOptions,
    HintOption,
    Measure,
    Origin,
    ReferenceOption,
    ShownPicture,
    Turn,
    hints_by_frame,
    parse_hint,
    parse_reference,
    references_by_frame,
)

FILE = Origin("film.toml: hint 2", True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120:0.4,0.6=#a05030", (120, Measure(0.4, False), Measure(0.6, False), (160, 80, 48), Measure(0.01, False))),
        ("0:0,1=#FFffFF,0", (0, Measure(0.0, False), Measure(1.0, False), (255, 255, 255), Measure(0.0, False))),
        ("7:320px,.5=#000000,12.5px", (7, Measure(320.0, True), Measure(0.5, False), (0, 0, 0), Measure(12.5, True))),
    ],
)
def test_hints(text, expected):
    hint = parse_hint(text)
    assert (hint.frame, hint.x, hint.y, hint.colour, hint.radius) == expected
    assert hint.origin == Origin(f"--hint {text}", False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("120:0.4,0.6", "expected FRAME:X,Y=#rrggbb[,RADIUS] such as"),
        ("0.4,0.6=#a05030", "expected FRAME:X,Y=#rrggbb"),
        ("x:0.4,0.6=#a05030", "expected a frame number, found 'x'"),
        ("-1:0.4,0.6=#a05030", "expected a frame number, found '-1'"),
        (f"{2**63}:0.4,0.6=#a05030", "expected a frame number"),
        ("1:320,0.6=#a05030", "a fraction is 0 to 1, found 320; pixels end with px"),
        ("1:-0.1,0.6=#a05030", "expected a fraction such as 0.25 or pixels such as 320px, found '-0.1'"),
        ("1:nan,0.6=#a05030", "found 'nan'"),
        ("1:0.5,1e999=#a05030", "found '1e999'"),
        ("1:0.4,0.6=red", "expected a colour such as #a05030, found 'red'"),
        ("1:0.4,0.6=#a0503", "found '#a0503'"),
        ("1:0.4,0.6=#a05030,0.6", "a fraction is 0 to 0.5, found 0.6"),
        ("1:0.4,0.6=#a05030,", "found ''"),
    ],
)
def test_what_is_no_hint_is_said_in_one_line(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_hint(text)


def test_references():
    reference = parse_reference("12=a=b.png")
    assert (reference.frame, reference.image) == (12, Path("a=b.png"))
    for text in ("12", "12=", "=a.png", "a.png"):
        with pytest.raises(ValueError, match="expected"):
            parse_reference(text)


def hint(frame=0, x="0.25", y="0.5", colour="#a05030", radius="0.1", origin=None):
    said = parse_hint(f"{frame}:{x},{y}={colour},{radius}")
    return replace(said, origin=origin) if origin is not None else said


# ---- of one film ----


def test_options_are_added_to_a_file_and_a_reference_takes_the_place_of_one():
    file = GuideOptions((reference(3, "file.png"), reference(5, "file.png")), (hint(7, origin=FILE),))
    both = file.with_more(GuideOptions((reference(5, "option.png"),), (hint(7),)))
    assert [(said.frame, str(said.image)) for said in both.references] == [(3, "file.png"), (5, "option.png")]
    assert [said.origin.is_file for said in both.hints] == [True, False]


def reference(frame, name="a.png", origin=None):
    return ReferenceOption(origin=origin or Origin(f"--reference {frame}={name}", False), frame=frame, image=Path(name))


def test_a_frame_has_one_reference_or_hints():
    with pytest.raises(UsageError, match=r"--reference 5=b.png: frame 5 has a reference already"):
        references_by_frame([reference(5), reference(5, "b.png")])
    known = references_by_frame([reference(5)])
    with pytest.raises(ProjectFileError, match=r"film.toml: hint 2: frame 5 has a reference; give one of them another"):
        hints_by_frame([hint(4), hint(5, origin=FILE)], known)
    assert [len(said) for said in hints_by_frame([hint(4), hint(9), hint(4)], known).values()] == [2, 1]
    assert len(hints_by_frame([hint(4)] * 256, known)[4]) == 256
    with pytest.raises(UsageError, match="frame 4 has more than 256 hints"):
        hints_by_frame([hint(4)] * 257, known)


# ---- in the picture ----

PLAIN = ShownPicture(640.0, 480.0, Turn())


def test_fractions_and_pixels_of_the_picture():
    point = PLAIN.point(hint(x="160px", y="120px", radius="48px"))
    assert (point.x, point.y, point.radius) == (0.25, 0.25, 0.1)
    point = PLAIN.point(hint(x="640px", y="1", radius="240px"))
    assert (point.x, point.y, point.radius) == (1.0, 1.0, 0.5)


@pytest.mark.parametrize("changes", [{"x": "641px"}, {"y": "481px"}, {"radius": "241px"}])
def test_what_lies_outside_is_refused(changes):
    with pytest.raises(UsageError, match=r"--hint 0:.*: lies outside the picture, which is 640x480"):
        PLAIN.point(hint(**changes))
    with pytest.raises(ProjectFileError, match=r"film.toml: hint 2: "):
        PLAIN.point(hint(**changes, origin=FILE))


@pytest.mark.parametrize(
    ("colour", "ab"),
    [("#808080", (0.0, 0.0)), ("#ff0000", (80.09, 67.20)), ("#00ff00", (-86.18, 83.18)), ("#0000ff", (79.19, -107.86))],
)
def test_a_colour_is_srgb(colour, ab):
    point = PLAIN.point(hint(colour=colour))
    assert (point.a, point.b) == pytest.approx(ab, abs=0.02)


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_a_point_of_the_shown_picture_is_found_in_the_films_own(quarters, is_mirrored):
    turn = Turn(quarters, is_mirrored)
    own = np.arange(6 * 4).reshape(6, 4)
    shown = np.rot90(own[:, ::-1] if is_mirrored else own, quarters)
    np.testing.assert_array_equal(turn.picture_in_film(shown), own)
    height, width = shown.shape
    for row in range(height):
        for column in range(width):
            x, y = turn.point_in_film((column + 0.5) / width, (row + 0.5) / height)
            assert own[int(y * 6), int(x * 4)] == shown[row, column]
            assert turn.point_shown(x, y) == pytest.approx(((column + 0.5) / width, (row + 0.5) / height))


@pytest.mark.parametrize("hflip", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_how_a_film_says_that_it_is_turned(tmp_path, rotation, hflip):
    """A display matrix of FFmpeg's own making: where it shows the film's right and lower edge."""
    path = make.film(tmp_path / "in.mp4", codec="libx264", frames=2, rotation=rotation, hflip=hflip).path
    info = probe(path)
    shown = ShownPicture.of(info)
    assert (shown.width_px, shown.height_px) == ((48, 64) if rotation % 180 else (64, 48))
    matrix = info.display_matrix or (1, 0, 0, 0, 1)
    for x, y in ((0.5, 0.0), (0.0, 0.5), (0.5, 0.5)):
        at = np.array([x * matrix[0] + y * matrix[3], x * matrix[1] + y * matrix[4]])
        right, down = 0.5 + at / max(1, *map(abs, matrix[:5]))
        assert shown.turn.point_in_film(right, down) == pytest.approx((0.5 + x, 0.5 + y))


def test_pixels_are_square(tmp_path):
    film = make.film(tmp_path / "in.mp4", codec="libx264", frames=2, sample_aspect_ratio=Fraction(3, 2)).path
    shown = ShownPicture.of(probe(film))
    assert (shown.width_px, shown.height_px) == (96.0, 48.0)
    said = HintOption(origin=FILE, frame=0, x=Measure(48, True), y=Measure(12, True), colour=(1, 2, 3))
    assert (shown.point(said).x, shown.point(said).y) == (0.5, 0.25)
