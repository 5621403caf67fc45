"""A list held against a film: where its shots lie, and what does not fit."""

from fractions import Fraction

import pytest

from kinemacolor.media.shots import Counting, FilmExtent, ListedShot, ShotList, film_start, in_film
from kinemacolor.wire.limits import MAX_SHOT_STARTS

FILM = FilmExtent(first=0, last=99, frame_rate=Fraction(25), timecode="10:00:00:00")
TEN_HOURS = 10 * 3600 * 25


def listed(*spans, counting=Counting.FRAMES, drop_frame=False):
    shots = tuple(
        ListedShot(line=line, label=str(first), first=first, last=last)
        for line, (first, last) in enumerate(spans, start=1)
    )
    return ShotList(shots=shots, counting=counting, drop_frame=drop_frame)


def placed(shots, extent=FILM, start=None):
    return [(shot.first, shot.last) for shot in in_film(shots, extent, start)]


def test_shots_last_until_the_next():
    assert placed(listed((0, None), (40, None))) == [(0, 39), (40, 99)]


def test_what_no_shot_owns_is_a_shot_of_its_own():
    assert placed(listed((10, 19), (30, 39))) == [(0, 9), (10, 19), (20, 29), (30, 39), (40, 99)]


def test_a_sequence_keeps_the_numbers_of_its_names():
    sequence = FilmExtent(first=1001, last=1100, frame_rate=Fraction(24), timecode=None)
    assert placed(listed((1001, None), (1050, None)), sequence) == [(1001, 1049), (1050, 1100)]
    assert placed(listed((0, 48), (49, 99), counting=Counting.FROM_FIRST), sequence) == [(1001, 1049), (1050, 1100)]


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(0, None), (100, None)], "line 2: the shot at 100 begins at frame 100, outside the film, .* are 0-99"),
        ([(0, 100)], "line 1: the shot at 0 ends at frame 100, outside the film"),
        ([(0, None), (50, None), (40, None)], "line 3: 40 does not come after 50 of line 2"),
        ([(0, None), (0, None)], "line 2: 0 does not come after 0 of line 1"),
        ([(0, 20), (20, 30)], "line 2: 20 lies inside the shot of line 1"),
        ([(30, 20)], "line 1: the shot at 30 ends before it begins"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_line(spans, message):
    with pytest.raises(ValueError, match=message):
        placed(listed(*spans))


def test_more_shots_than_a_clip_may_have_are_refused():
    extent = FilmExtent(first=0, last=MAX_SHOT_STARTS, frame_rate=Fraction(25), timecode=None)
    with pytest.raises(ValueError, match=f"at most {MAX_SHOT_STARTS} shots, found {MAX_SHOT_STARTS + 1}"):
        placed(listed(*((number, None) for number in range(MAX_SHOT_STARTS + 1))), extent)


def test_timecode_is_placed_by_the_film_by_the_user_or_at_the_first_shot():
    edl = listed((TEN_HOURS + 25, TEN_HOURS + 49), counting=Counting.TIMECODE)
    assert film_start(edl, FILM, None) == TEN_HOURS
    assert film_start(edl, FILM, "10:00:00:20") == TEN_HOURS + 20
    without = FilmExtent(first=0, last=99, frame_rate=Fraction(25), timecode=None)
    assert film_start(edl, without, None) == TEN_HOURS + 25
    assert placed(edl, FILM, TEN_HOURS) == [(0, 24), (25, 49), (50, 99)]


def test_drop_frame_and_non_drop_frame_are_not_mixed_up():
    film = FilmExtent(first=0, last=99, frame_rate=Fraction(30000, 1001), timecode="01:00:00;00")
    edl = listed((107892, None), counting=Counting.TIMECODE)
    with pytest.raises(ValueError, match="counts in non-drop frame, but the film's timecode 01:00:00;00 is drop frame"):
        film_start(edl, film, None)
    assert film_start(edl, film, "01:00:00:00") == 108000
    drop = listed((107892, None), counting=Counting.TIMECODE, drop_frame=True)
    assert film_start(drop, film, None) == film_start(drop, film, "01:00:00:00") == 107892
