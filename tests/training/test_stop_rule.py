import math

import pytest

from kinemacolor.training.stop_rule import StopRule, best_look, inflection

RULE = StopRule(patience=3, margin=0.01)


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ([], None),
        ([9, 8, 7, 6, 5, 4], None),  # better and better
        ([9, 7, 5, 6, 7], None),  # worse, but not for long enough
        ([9, 7, 5, 6, 7, 6], 2),  # the point has been passed
        ([9, 7, 5, 6, 7, 4.9, 6, 6], None),  # a late find starts the count anew
        ([5, 6, 6, 6], 0),  # nothing was gained at all
        ([5, 4.99, 4.98, 4.97], 0),  # gains below the margin are noise
    ],
)
def test_the_run_stops_some_looks_behind_the_best(figures: list[float], expected: int | None) -> None:
    assert inflection(figures, RULE) == expected


def test_the_best_look_is_by_margin() -> None:
    assert best_look([5, 4.99, 4.0, 3.99], RULE) == 2


def test_a_look_that_is_no_number_is_never_the_best() -> None:
    assert best_look([math.nan, 5.0, 4.0, math.nan, 3.0], StopRule()) == 4
    assert inflection([math.nan, 5.0, *6 * [9.0]], StopRule(patience=6)) == 1


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 look, found 0"):
        StopRule(patience=0)
    with pytest.raises(ValueError, match="found 1"):
        StopRule(margin=1.0)
