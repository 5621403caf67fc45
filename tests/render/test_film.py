from fractions import Fraction

import make
import numpy as np
import pytest

from kinemacolor.media.errors import UnsupportedSourceError
from kinemacolor.picture.proxy import make_proxy
from kinemacolor.render import film as module
from kinemacolor.render.errors import UsageError
from kinemacolor.render.film import Film, ShotSearch
from kinemacolor.render.options import FrameRange, RenderOptions, TimeRange

SIZE = (64, 48)
CUTS = (7, 11, 40)


def scene(number):
    """Blocks of another scene after each cut, in slow motion."""
    shot = sum(cut <= number for cut in CUTS)
    blocks = np.random.default_rng(shot).integers(30, 220, (6, 8)).astype(np.uint8)
    return (np.roll(np.kron(blocks, np.ones((8, 8), np.uint8)), abs(number % 8 - 4), axis=1),)


@pytest.fixture(params=["ffv1", "libx264"])
def film(tmp_path, request):
    options = {"g": "12"} if request.param == "libx264" else {}
    path = tmp_path / "in.mkv"
    make.film(
        path, frames=60, width=SIZE[0], height=SIZE[1], pixel_format="gray", codec=request.param,
        codec_options=options, pictures=scene,
    )  # fmt: skip
    return Film(RenderOptions(source=path, output=tmp_path / "out.mkv"))


def search(film):
    form, encoding = film.info.pixel_format, film.info.encoding
    return ShotSearch(film, lambda frame: make_proxy(frame.planes[0], form.bits, encoding.range, SIZE))


@pytest.mark.parametrize("stretch", [1, 5, 250])
@pytest.mark.parametrize(("number", "start"), [(0, 0), (6, 0), (7, 7), (10, 7), (11, 11), (39, 11), (40, 40), (59, 40)])
def test_the_beginning_of_a_shot_is_found_in_stretches(film, monkeypatch, stretch, number, start):
    monkeypatch.setattr(module, "_SEARCH_FRAMES", stretch)
    assert search(film).start_of(number) == start


def test_a_film_that_cannot_seek_is_searched_from_its_beginning(film, monkeypatch):
    monkeypatch.setattr(Film, "can_seek", property(lambda self: False))
    assert search(film).start_of(39) == 11


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (FrameRange(3, 9), (3, 9)),
        (TimeRange(None, Fraction(1, 5)), (0, 4)),
        (TimeRange(Fraction(2), None), (50, 59)),
        (TimeRange(Fraction(1), Fraction(26, 25)), (25, 25)),
    ],
)
def test_ranges_become_frames(film, wanted, expected):
    selected = film.select(wanted)
    assert (selected.first, selected.last) == expected


@pytest.mark.parametrize("wanted", [FrameRange(50, 60), TimeRange(Fraction(10), None)])
def test_ranges_outside_are_refused(film, wanted):
    with pytest.raises(UsageError):
        film.select(wanted)


def test_a_piece_knows_its_times(film):
    piece = film.piece(FrameRange(25, 34))
    assert (piece.start_seconds, piece.end_seconds) == (Fraction(1), Fraction(7, 5))
    assert film.piece(FrameRange(25, 59)).end_seconds is None
    assert piece.info(film.info).frame_count == 10


def test_an_interlaced_film_counts_fields(tmp_path):
    path = make.film(tmp_path / "in.mkv", frames=5, field_order="tt").path
    options = RenderOptions(source=path, output=tmp_path / "out.mkv", bob=True)
    film = Film(options)
    assert film.select(FrameRange(0, 9)) == FrameRange(0, 9)
    piece = film.piece(FrameRange(3, 5))
    assert (piece.start_seconds, piece.end_seconds) == (Fraction(3, 50), Fraction(6, 50))
    with pytest.raises(UnsupportedSourceError, match="--field bob"):
        Film(RenderOptions(source=path, output=tmp_path / "out.mkv"))


def test_a_sequence_counts_by_its_names(tmp_path):
    for number in range(1001, 1011):
        make.still(tmp_path / f"s.{number}.png", "gray", make.picture("gray", 20, 16, number), 20, 16)
    film = Film(RenderOptions(source=tmp_path / "s.%04d.png", output=tmp_path / "out.mkv"))
    assert film.first_number == 1001
    assert film.select(FrameRange(1003, 1005)) == FrameRange(1003, 1005)
    assert film.piece(FrameRange(1003, 1005)).start_seconds == 2 * film.info.time_base
    with pytest.raises(UsageError, match="1001-1010"):
        film.select(FrameRange(0, 3))
