"""Where a person should help: made confidence planes to a list."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinemacolor.render.review import UNSURE, ConfidenceLog, Frames, review

HEIGHT, WIDTH = 64, 96
SURE, OBJECT = 210, 60


def plane(level=SURE, *things):
    """(H, W) of one level, with things (x, y, side, level) by their centre and side in fractions."""
    made = np.full((HEIGHT, WIDTH), level, np.uint8)
    for x, y, side, confidence in things:
        top, left = round((y - side / 2) * HEIGHT), round((x - side / 2) * WIDTH)
        made[max(0, top) : round((y + side / 2) * HEIGHT), max(0, left) : round((x + side / 2) * WIDTH)] = confidence
    return made


def logged(planes, *, first=0, starts=(0,)):
    log = ConfidenceLog(first)
    for number, made in enumerate(planes, start=first):
        log.add(number, max(start for start in starts if start <= number), (number - first) / 25, made)
    return log


def places(planes, *, first=0, starts=(0,)):
    return review(logged(planes, first=first, starts=starts), first + len(planes) - 1).places


def inside(place, thing):
    x, y, side, _ = thing
    return abs(place.x - x) <= side / 2 and abs(place.y - y) <= side / 2


def test_a_film_that_is_sure_has_an_empty_list():
    level = math.ceil(UNSURE * 255)
    found = review(logged([plane(level)] * 100), 99)
    assert (found.places, found.left_out, found.unknown) == ((), 0, ())


def test_a_new_unsure_thing_is_listed_with_its_place():
    thing = (0.8, 0.3, 0.1, OBJECT)
    (found,) = places([plane(SURE, *([thing] if 40 <= n < 60 else [])) for n in range(100)])
    assert 40 <= found.frame < 60
    assert found.shot == Frames(0, 99)
    assert found.seconds == pytest.approx(found.frame / 25)
    assert inside(found, thing)
    assert found.region_confidence < UNSURE < found.confidence
    assert found.suggestion == "hint"


@pytest.mark.parametrize("x", [0.06, 0.3, 0.5, 0.71, 0.94])
@pytest.mark.parametrize("y", [0.06, 0.44, 0.94])
@pytest.mark.parametrize("side", [0.1, 0.3])
def test_the_place_lies_in_the_thing(x, y, side):
    thing = (x, y, side, 20)
    (found,) = places([plane(SURE, thing)] * 5)
    assert inside(found, thing)


def test_a_thing_in_an_unsure_shot_is_listed_beside_what_was_unsure_before():
    """The sky is unsure all the time; a dress comes in and goes."""
    sky, dress = (0.2, 0.2, 0.3, 110), (0.7, 0.7, 0.2, 60)
    found = places([plane(SURE, sky, *([dress] if 60 <= n < 90 else [])) for n in range(150)])
    assert inside(found[0], dress)
    assert len(found) == 1  # the sky can be seen on the same frame
    one_each = places([plane(SURE, *([sky] if n < 70 else []), *([dress] if n >= 80 else [])) for n in range(150)])
    assert len(one_each) == 2
    assert {inside(place, sky) for place in one_each} == {True, False}
    assert {inside(place, dress) for place in one_each} == {True, False}
    assert abs(one_each[0].frame - one_each[1].frame) >= 12


def test_what_stays_or_moves_a_little_is_listed_once():
    assert len(places([plane(90)] * 500)) == 1
    assert len(places([plane(SURE, (0.4 + 0.05 * math.sin(n / 9), 0.5, 0.2, OBJECT)) for n in range(300)])) == 1


def test_what_flickers_is_nothing_and_a_cut_is_not_smoothed_over():
    assert not places([plane(OBJECT if n % 10 == 5 else SURE) for n in range(100)])
    (found,) = places([plane(SURE if n < 50 else OBJECT) for n in range(53)], starts=(0, 50))
    assert (found.shot, found.suggestion) == (Frames(50, 52), "reference")
    assert found.confidence == pytest.approx(OBJECT / 255)


def test_the_neediest_comes_first():
    levels = [(80, SURE), (30, SURE), (120, SURE), (SURE, SURE)]
    planes = [plane(level) for level, _ in levels for _ in range(20)]
    found = places(planes, starts=(0, 20, 40, 60))
    assert [place.shot.first for place in found] == [20, 0, 40]
    assert [place.need for place in found] == sorted((place.need for place in found), reverse=True)


def test_a_shot_and_a_list_are_bounded():
    random = np.random.default_rng(3)
    things = [(x, y, 0.1, OBJECT) for x, y in random.uniform(0.1, 0.9, (100, 2))]
    wild = [plane(SURE, things[n // 20 % 100]) for n in range(2000)]
    found = places(wild)
    assert 2 <= len(found) <= 5
    assert all(abs(a.frame - b.frame) >= 12 for a, b in itertools.combinations(found, 2))
    many = logged([plane(60 + n % 40) for n in range(300)], starts=tuple(range(300)))
    short, long = review(many, 299, 10), review(many, 299, 300)
    assert (len(short.places), short.left_out, long.left_out) == (10, 290, 0)
    assert short.places == long.places[:10]
    assert len(review(many, 299).places) == 200


def test_frames_of_which_nothing_is_known_are_said():
    log = ConfidenceLog(1001)
    for number in range(1101, 1200):
        log.add(number, 1050, 0.0, None if 1150 <= number < 1160 else plane())
    assert review(log, 1199).unknown == (Frames(1001, 1100), Frames(1150, 1159))
    assert review(log, 5000).unknown == (Frames(1001, 1100), Frames(1150, 1159), Frames(1200, 5000))
    assert review(ConfidenceLog(7), 9).unknown == (Frames(7, 9),)


def test_a_frame_that_comes_again_takes_the_place_of_what_was_said():
    log = logged([plane(OBJECT)] * 100)
    for number in range(100):
        log.add(number, 0, 0.0, plane())
    assert review(log, 99) == review(logged([plane()] * 100), 99)


def test_passes_that_meet_in_a_shot_know_it_as_one():
    whole = [plane(SURE - n) for n in range(200)]
    parts = ConfidenceLog(0)
    for number in (*range(120, 200), *range(120)):
        parts.add(number, 0, number / 25, whole[number])
    assert review(parts, 199) == review(logged(whole), 199)
    assert review(parts, 199).places


def test_two_hours_take_some_megabytes():
    frames, log = 2 * 60 * 60 * 24, ConfidenceLog(0)
    tracemalloc.start()
    log.add(frames - 1, 0, 0.0, plane())
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 20 << 20 < size < 30 << 20


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(1, 70), st.integers(1, 70), st.integers(1, 30), st.integers(0, 2**32 - 1), st.sampled_from([1, 7, 100])
)
def test_any_planes_give_a_good_list(height, width, frames, seed, shot_frames):
    random = np.random.default_rng(seed)
    log = ConfidenceLog(0)
    for number in range(frames):
        level = random.integers(1, 256)
        log.add(number, number - number % shot_frames, 0.0, random.integers(0, level, (height, width)).astype(np.uint8))
    found = review(log, frames - 1)
    for place in found.places:
        assert 0 < place.x < 1
        assert 0 < place.y < 1
        assert 0 <= place.region_confidence < UNSURE + 0.01
        assert 0 < place.need <= 1
        assert 0 < place.unsure_share <= 1
        assert place.shot.first <= place.frame <= place.shot.last
    assert len({place.frame for place in found.places}) == len(found.places)
    assert found.unknown == ()
