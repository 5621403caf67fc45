"""Which frame a picture is. Whatever is done to the clip: final answers are right ones."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinemacolor.store.lookup import ClipIndex, Picture, Query, Rule, locate
from kinemacolor.store.prints import LumaHash

BLACK = 0


def luma(label):
    return LumaHash(int(label).to_bytes(16, "little"))


def index_of(labels, first=0, extent=True, missing=()):
    pictures = [Picture(first + at, luma(label), None) for at, label in enumerate(labels) if at not in missing]
    return ClipIndex(pictures, (first, first + len(labels) - 1) if extent else None)


def ask(index, shown, at, reach=0, **more):
    """A query for position `at` of the labels that a host shows."""
    near = range(max(0, at - reach), min(len(shown), at + reach + 1))
    around = {place - at: luma(shown[place]) for place in near if place != at}
    return locate(index, Query(luma=luma(shown[at]), number=at, around=around, **more))


def test_a_frame_at_its_own_number_is_final_even_if_others_look_the_same():
    index = index_of([5, 5, 5, 7])
    found = locate(index, Query(luma=luma(5), number=11, offset=-10))
    assert (found.number, found.rule) == (1, Rule.NUMBER)
    assert found.rule.is_final


def test_a_number_that_nobody_vouches_for_is_none():
    found = locate(index_of([5, 5, 5, 7]), Query(luma=luma(5), number=1))
    assert (found.number, found.rule) == (1, Rule.SAME_LUMA)
    assert not found.rule.is_final


def test_a_luma_that_occurs_once_is_final_wherever_it_is_shown():
    found = locate(index_of([5, 6, 7], first=1001), Query(luma=luma(6), number=3))
    assert (found.number, found.rule) == (1002, Rule.UNIQUE_LUMA)


@pytest.mark.parametrize("known", [{"extent": False}, {"missing": (3,)}])
def test_once_counts_only_if_all_frames_of_the_clip_are_known(known):
    found = locate(index_of([5, 6, 7, 8], **known), Query(luma=luma(6)))
    assert (found.number, found.rule) == (1, Rule.SAME_LUMA)


def test_a_luma_that_the_clip_does_not_have_is_not_found():
    assert locate(index_of([5, 6]), Query(luma=luma(9), number=0, offset=0)) is None


def test_held_frames_are_told_apart_by_what_changes_on_both_sides():
    labels = [1, 2, 5, 5, 5, 3, 4]
    for at, reach in itertools.product((2, 3, 4), (3, 4)):
        assert ask(index_of(labels), labels, at, reach).rule is Rule.NEIGHBOURS
        assert ask(index_of(labels), labels, at, reach).number == at
    assert ask(index_of(labels), labels, 2, 1).rule is Rule.SAME_LUMA, "one side only"
    assert ask(index_of(labels), labels, 3, 1).rule is Rule.SAME_LUMA, "neither side"


def test_black_in_two_shots_is_told_apart_by_what_it_lies_between():
    labels = [1, 2, BLACK, 3, 4, BLACK, 5, 6]
    for at in (2, 5):
        assert ask(index_of(labels), labels, at, 1) == ask(index_of(labels), labels, at, 2)
        assert (ask(index_of(labels), labels, at, 1).number, ask(index_of(labels), labels, at, 1).rule.is_final) == (
            at,
            True,
        )


def test_black_at_the_end_has_nothing_behind_it_and_stays_provisional():
    labels = [1, 2, BLACK, BLACK]
    assert ask(index_of(labels), labels, 3, 3).rule is Rule.SAME_LUMA


def test_pulldown_is_resolved_where_every_luma_occurs_twice_or_thrice():
    labels = [1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 6, 6]
    for at in range(3, 13):
        assert (ask(index_of(labels), labels, at, 4).number, ask(index_of(labels), labels, at, 4).rule) == (
            at,
            Rule.NEIGHBOURS,
        )


def test_a_slowed_clip_does_not_pass_for_the_clip():
    """Each frame twice: seen from before, the third held frame is shown where the fifth would be."""
    labels = [1, 2, 5, 5, 5, 3, 4]
    shown = [label for label in labels for _ in range(2)]
    for at in range(len(shown)):
        found = ask(index_of(labels), shown, at, 8)
        assert found.number == at // 2 or not found.rule.is_final
        assert found.rule is (Rule.SAME_LUMA if shown[at] == 5 else Rule.UNIQUE_LUMA)


def test_the_nearest_of_equals_is_shown():
    index = index_of([5, 1, 5, 2, 5])
    assert locate(index, Query(luma=luma(5), number=7, offset=-4)).number == 2
    assert locate(index, Query(luma=luma(5), number=9)).number == 4
    assert locate(index, Query(luma=luma(5))).number == 0


# ---- any clip, any host ----

runs = st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=12)


@st.composite
def clips(draw):
    """Lumas of a clip: every picture may be held for some frames, and between them there may be black."""
    labels = []
    for label, (length, is_black) in enumerate(draw(runs), start=1):
        labels += [BLACK if is_black else label] * length
    return labels


@st.composite
def hosts(draw, labels):
    """What a host shows of it: media numbers in the order in which they appear."""
    count = len(labels)
    first = draw(st.integers(0, count - 1))
    trimmed = range(first, draw(st.integers(first, count - 1)) + 1)
    kind = draw(st.sampled_from(["trim", "slow", "fast", "repeats", "drops"]))
    factor = draw(st.integers(2, 5))
    if kind == "slow":
        return [number for number in trimmed for _ in range(factor)]
    if kind == "fast":
        return list(trimmed[::factor])
    if kind == "repeats":
        return [number for number in trimmed for _ in range(1 + (number % factor == 0))]
    if kind == "drops":
        return [number for number in trimmed if number % factor]
    return list(trimmed)


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(st.data())
def test_a_final_answer_is_never_another_frame(data):
    labels = data.draw(clips())
    index = index_of(labels, missing=data.draw(st.sets(st.integers(0, len(labels)), max_size=2)))
    numbers = data.draw(hosts(labels))
    shown = [labels[number] for number in numbers]
    reach = data.draw(st.integers(0, 8))
    for at, number in enumerate(numbers):
        found = ask(index, shown, at, reach)
        if found is not None and found.rule.is_final:
            assert found.number == number, (labels, numbers, at)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_in_a_trimmed_clip_any_repetition_is_told_apart_or_provisional(data):
    """Few pictures, so that every pattern comes again: neighbours that lie as in the clip never mislead."""
    labels = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=30))
    first = data.draw(st.integers(0, len(labels) - 1))
    shown = labels[first : data.draw(st.integers(first, len(labels))) + 1]
    for at in range(len(shown)):
        found = ask(index_of(labels), shown, at, data.draw(st.integers(0, 6)))
        assert found.number == first + at or not found.rule.is_final


@settings(max_examples=200, deadline=None, derandomize=True)
@given(clips(), st.integers(-40, 40))
def test_with_a_known_offset_every_frame_is_final(labels, offset):
    index = index_of(labels, extent=False)
    for number, label in enumerate(labels):
        found = locate(index, Query(luma=luma(label), number=number - offset, offset=offset))
        assert (found.number, found.rule) == (number, Rule.NUMBER)


def test_a_film_of_two_hours_answers_at_once():
    labels = np.arange(1, 172_801)
    labels[1000:3000] = BLACK
    index = index_of(labels)
    assert ask(index, labels, 999, 4).rule is Rule.UNIQUE_LUMA
    assert ask(index, labels, 2000, 4).rule is Rule.SAME_LUMA
