from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media import make

from kinemacolor.media.frame_index import index_frames
from kinemacolor.media.frame_times import frame_range_of_times, parse_frame_range, parse_time

VFR = [Fraction(ms, 1000) for ms in (500, 540, 600, 607, 800, 1501)]
"""Starts late, as films with a delayed picture do; times are told from its first frame."""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("75", 75), ("75.5", Fraction(151, 2)), ("0.1", Fraction(1, 10)), ("1:15", 75),
        ("01:02:03.004", 3723 + Fraction(4, 1000)), ("100:00:00", 360_000), ("90:00", 5400),
    ],
)  # fmt: skip
def test_times_are_exact(text: str, seconds: Fraction) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1:60", "1:60:00", "x", "1:2:3:4", "1e3", "nan", "1:", ".5"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="no time"):
        parse_time(text)


def test_ranges_of_frames() -> None:
    assert parse_frame_range("25-34") == (25, 34)
    assert parse_frame_range("1001") == (1001, 1001)
    for text in ("34-25", "a-b", "-5", "5-", "1-2-3", ""):
        with pytest.raises(ValueError, match="range of frames"):
            parse_frame_range(text)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, (0, 5)),
        (Fraction(0), None, (0, 5)),
        (Fraction(40, 1000), None, (1, 5)),
        (Fraction(41, 1000), None, (2, 5)),
        (None, Fraction(40, 1000), (0, 0)),
        (Fraction(100, 1000), Fraction(300, 1000), (2, 3)),
        (Fraction(107, 1000), Fraction(301, 1000), (3, 4)),
        (Fraction(1), Fraction(100), (5, 5)),
    ],
)
def test_a_range_of_times_is_the_frames_that_begin_in_it(
    start: Fraction | None, end: Fraction | None, expected: tuple[int, int]
) -> None:
    assert frame_range_of_times(VFR, start, end) == expected


@pytest.mark.parametrize(("start", "end"), [(Fraction(2), None), (Fraction(1, 100), Fraction(2, 100)), (None, 0)])
def test_a_range_without_a_frame_is_an_error(start: Fraction | None, end: Fraction | None) -> None:
    with pytest.raises(ValueError, match=r"the last frame begins at 1\.001 seconds"):
        frame_range_of_times(VFR, start, end)


def test_a_film_without_frames() -> None:
    with pytest.raises(ValueError, match="no frames"):
        frame_range_of_times([])


@given(
    steps=st.lists(st.integers(1, 3000), min_size=1, max_size=30),
    first=st.integers(-1000, 1000),
    start=st.integers(0, 9000),
    length=st.integers(1, 9000),
)
def test_ranges_agree_with_their_definition(steps: list[int], first: int, start: int, length: int) -> None:
    times = [Fraction(ms, 1000) for ms in accumulate(steps, initial=first)]
    low, high = Fraction(start, 1000), Fraction(start + length, 1000)
    inside = [n for n, time in enumerate(times) if low <= time - times[0] < high]
    if inside:
        assert frame_range_of_times(times, low, high) == (inside[0], inside[-1])
    else:
        with pytest.raises(ValueError, match="no frame begins"):
            frame_range_of_times(times, low, high)


def test_neighbouring_ranges_share_no_frame() -> None:
    first = frame_range_of_times(VFR, None, Fraction(107, 1000))
    second = frame_range_of_times(VFR, Fraction(107, 1000), None)
    assert first[1] + 1 == second[0]


def test_times_of_a_film_with_variable_rate(tmp_path: Path) -> None:
    film = make.film(tmp_path / "a.mkv", pts=[0, 40, 100, 107, 300], time_base=Fraction(1, 1000))
    index = index_frames(film.path)
    assert list(index.times) == film.times
    assert frame_range_of_times(index.times, Fraction("0.05"), Fraction("0.2")) == (2, 3)


def test_times_of_reordered_packets_are_ascending(tmp_path: Path) -> None:
    film = make.film(
        tmp_path / "a.mp4", codec="libx264", codec_options={"bf": "3"}, rate=Fraction(24000, 1001), frames=25
    )
    index = index_frames(film.path)
    assert index.is_exact
    assert [time - index.times[0] for time in index.times] == [n * Fraction(1001, 24000) for n in range(25)]
