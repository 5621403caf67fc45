import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinemacolor.media.errors import SourceError
from kinemacolor.media.frame_order import Counting, Lookup, Outstanding


@st.composite
def reordered(draw: st.DrawFn) -> list[int]:
    """Times in decode order: each picture at most three places before its turn."""
    count = draw(st.integers(2, 30))
    keys = [(n + draw(st.integers(0, 3)), n) for n in range(1, count)]
    return [0, *(10 * n for _, n in sorted(keys))]


def through_a_decoder(times: list[int], lost: int | None) -> tuple[list[int], bool]:
    """Feed packets, take pictures out in order of time four packets later; returns what came before the alarm."""
    outstanding = Outstanding(1000, active=True)
    inside: list[int] = []
    came: list[int] = []
    for step in [*times, *[None] * 4]:
        if step is not None:
            outstanding.sent(step)
            if step != lost:
                inside.append(step)
        if inside and (step is None or len(inside) > 4):
            picture = min(inside)
            inside.remove(picture)
            if outstanding.skipped(picture):
                return came, True
            came.append(picture)
    return came, outstanding.any_left()


@given(times=reordered())
def test_a_whole_film_misses_nothing(times: list[int]) -> None:
    assert through_a_decoder(times, None) == (sorted(times), False)


@given(times=reordered(), data=st.data())
def test_a_lost_picture_is_missed_before_the_next_one(times: list[int], data: st.DataObject) -> None:
    lost = data.draw(st.sampled_from(times[1:]))
    assert through_a_decoder(times, lost) == ([time for time in sorted(times) if time < lost], True)


def test_what_a_decoder_leaves_out_before_its_first_picture_is_not_missed() -> None:
    outstanding = Outstanding(1000, active=True)
    for pts in (30, 10, 20, 40):
        outstanding.sent(pts)
    assert not outstanding.skipped(30)
    assert not outstanding.skipped(40)
    assert not outstanding.any_left()


@pytest.mark.parametrize("strange", [None, -5000])
def test_where_times_do_not_tell_nothing_is_missed(strange: int | None) -> None:
    outstanding = Outstanding(1000, active=True)
    outstanding.sent(0)
    assert not outstanding.skipped(0)
    outstanding.sent(10)
    outstanding.sent(strange)
    assert not outstanding.active
    assert not outstanding.skipped(20)
    assert not outstanding.any_left()


def test_counting() -> None:
    counting = Counting()
    assert [counting.next(None) for _ in range(3)] == [0, 1, 2]
    assert counting.upcoming == 3


def test_numbers_after_a_seek() -> None:
    lookup = Lookup([0, 40, 100, 107])
    assert lookup.next(100) == 2
    assert lookup.next(107) == 3
    assert lookup.upcoming == 4


@pytest.mark.parametrize(("known", "unexpected"), [([], 41), ([], None), ([0], 100), ([100], 40)])
def test_pictures_that_the_index_does_not_expect(known: list[int], unexpected: int | None) -> None:
    lookup = Lookup([0, 40, 100, 107])
    for pts in known:
        lookup.next(pts)
    with pytest.raises(SourceError, match="index"):
        lookup.next(unexpected)
