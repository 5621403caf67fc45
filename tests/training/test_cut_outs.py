"""Things cut out of photos along a segmenter's labels."""

import cv2
import numpy as np
import pytest

from kinemacolor.training.cut_outs import CutOut, find_cut_outs, in_its_place, on_another
from kinemacolor.training.labelled import Labelled

DOG, HORSE, PERSON = 12, 13, 15
SIDE = 64


def photo_of(labels: np.ndarray) -> Labelled:
    """Whatever has a label is white, the rest nearly black."""
    picture = np.where(labels[..., None] > 0, 250, 10).astype(np.uint8).repeat(3, axis=2)
    return Labelled(picture, labels)


def labels_with(kind: int, rows: slice = slice(20, 60), columns: slice = slice(30, 80)) -> np.ndarray:
    labels = np.zeros((90, 120), np.uint8)
    labels[rows, columns] = kind
    return labels


def test_a_dog_is_found_whole_though_the_segmenter_doubts_its_middle() -> None:
    labels = labels_with(DOG)
    labels[35:40, 50:55] = 0
    (found,) = find_cut_outs([photo_of(labels)])
    assert found.thing.sum() == 40 * 50
    assert found.thing[37, 52] == 1


def test_two_dogs_are_two_things() -> None:
    labels = labels_with(DOG)
    labels[65:85, 5:25] = DOG
    assert sorted(int(one.thing.sum()) for one in find_cut_outs([photo_of(labels)])) == [400, 2000]


@pytest.mark.parametrize(
    "labels",
    [
        labels_with(PERSON),
        labels_with(DOG, slice(20, 24), slice(30, 34)),
        labels_with(DOG, slice(0, 90), slice(0, 100)),
        labels_with(DOG, slice(20, 23), slice(2, 118)),
        labels_with(DOG) * (np.indices((90, 120)).sum(axis=0) % 9 < 3),
        np.maximum(labels_with(HORSE, slice(30, 60)), labels_with(PERSON, slice(5, 30), slice(25, 85))),
    ],
    ids=["a person", "a speck", "nearly all", "a thread", "torn", "with a rider"],
)
def test_what_nobody_would_put_one_hint_on_is_left_out(labels: np.ndarray) -> None:
    assert find_cut_outs([photo_of(labels.astype(np.uint8))]) == []


def test_laid_on_another_it_is_whole_and_lies_where_its_mask_says() -> None:
    (dog,) = find_cut_outs([photo_of(labels_with(DOG))])
    corners = set()
    for seed in range(30):
        picture, thing = on_another(dog, SIDE, np.random.default_rng(seed))
        assert picture.shape == (SIDE, SIDE, 3)
        assert set(np.unique(thing)) == {0, 1}
        columns = int(thing.any(axis=0).sum())
        assert 0.2 * SIDE < columns < 0.95 * SIDE
        assert int(thing.any(axis=1).sum()) == pytest.approx(0.8 * columns, abs=2)
        assert picture[thing == 1].mean() > 220
        assert picture[thing == 0].mean() < 30
        corners.add(tuple(int(axis.argmax()) for axis in (thing.any(axis=0), thing.any(axis=1))))
    assert len(corners) > 20


def test_of_a_thing_that_is_thinner_than_a_pixel_something_is_left() -> None:
    bar = np.zeros((480, 640), np.uint8)
    bar[200:210] = 1
    thin = CutOut(np.full((480, 640, 3), 255, np.uint8), bar)
    assert all(on_another(thin, SIDE, np.random.default_rng(seed))[1].any() for seed in range(100))


def test_a_thing_at_the_border_of_its_photo_has_no_seam() -> None:
    """Its photo is white to the border: so is all that the soft edge of a thing may show."""
    labels = labels_with(DOG, slice(50, 90))
    (dog,) = find_cut_outs([Labelled(np.full((90, 120, 3), 255, np.uint8), labels)])
    for seed in range(20):
        picture, thing = on_another(dog, SIDE, np.random.default_rng(seed))
        assert picture[cv2.dilate(thing, np.ones((3, 3), np.uint8)) > 0].min() > 250


def test_a_thing_as_large_as_its_photo_still_fits() -> None:
    whole = CutOut(np.full((300, 40, 3), 255, np.uint8), np.ones((300, 40), np.uint8))
    for seed in range(20):
        assert on_another(whole, SIDE, np.random.default_rng(seed))[1].any()


def test_in_its_place_the_mask_lies_on_it_and_what_is_hardly_seen_is_no_example() -> None:
    (dog,) = find_cut_outs([photo_of(labels_with(DOG, columns=slice(70, 110)))])
    found = [in_its_place(dog, SIDE, np.random.default_rng(seed)) for seed in range(40)]
    seen = [one for one in found if one is not None]
    assert 5 < len(seen) < 40
    for picture, thing in seen:
        assert (thing == (picture[..., 0] > 128)).mean() > 0.95
    (filling,) = find_cut_outs([photo_of(labels_with(DOG, slice(5, 85), slice(25, 105)))])
    assert all(in_its_place(filling, SIDE, np.random.default_rng(seed)) is None for seed in range(5))
