"""Labels beside points: none upon another, none upon a point, all inside."""

from itertools import combinations

import pytest

from kinemacolor.comparison.label_places import Box, places_of

WITHIN = Box(0, 0, 800, 300)
SIZE = (150.0, 14.0)


def test_a_label_alone_stands_beside_its_point_right_above() -> None:
    for x, y in ((100, 100), (100 / 3, 100 / 7), (0.1, 0.2)):
        (place,) = places_of([(x, y)], [(SIZE[0] / 3, SIZE[1] / 7)], WITHIN)
        assert (place.left, place.bottom) == (x + 8, y + 4)


@pytest.mark.parametrize(
    "points",
    [
        [(100, 100), (160, 101), (220, 99)],
        [(400 + 3 * step, 150) for step in range(6)],
        [(780, 290), (775, 285), (5, 5)],
    ],
)
def test_labels_of_neighbours_are_set_apart_and_stay_inside(points: list[tuple[float, float]]) -> None:
    places = places_of(points, [SIZE] * len(points), WITHIN)
    assert all(one.shared_with(other) == 0 for one, other in combinations(places, 2))
    assert all(place.shared_with(WITHIN) == pytest.approx(SIZE[0] * SIZE[1]) for place in places)
    for place in places:
        assert all(place.shared_with(Box(x - 5, y - 5, 10, 10)) == 0 for x, y in points)


def test_without_room_they_are_placed_all_the_same() -> None:
    assert len(places_of([(5, 5)] * 9, [SIZE] * 9, Box(0, 0, 100, 20))) == 9
