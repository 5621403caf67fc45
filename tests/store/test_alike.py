"""A host's copy of a film, converted to R'G'B': the same pictures but for rounding, and found as such."""

import numpy as np
import pytest
from stored import SETTINGS, Store, ab_of

from kinemacolor.colour.encoding import Matrix, Range
from kinemacolor.picture.proxy import make_proxy, make_proxy_rgb
from kinemacolor.store.clip_file import NewColour
from kinemacolor.store.dependency import Dependency
from kinemacolor.store.folder import StoreFolder
from kinemacolor.store.look import look_of
from kinemacolor.store.lookup import Query, Rule
from kinemacolor.store.packing import pack
from kinemacolor.store.prints import luma_hash, prints_of
from kinemacolor.store.thumb import THUMB_TOLERANCE, are_alike, thumb_of

SIZE = (SETTINGS.width_px * 4, SETTINGS.height_px * 4)
SMALL = (SETTINGS.width_px * 2, SETTINGS.height_px * 2)
FRAMES = 12


def codes(number):
    """8-bit video luma of a frame: smooth shapes that move by a few pixels; frames 4 and 5 are the same picture."""
    number = 4 if number == 5 else number
    width, height = SIZE
    x, y = np.arange(width) + 3 * number, np.arange(height)[:, None]
    waves = np.sin(x / 9) * np.cos(y / 7) + np.sin((x + y) / 23)
    return np.rint(126 + 50 * waves + 2 * np.random.default_rng(number).standard_normal((height, width))).astype(
        np.uint8
    )


def of_film(number):
    return make_proxy(codes(number), 8, Range.LIMITED, SMALL)


def of_host(number, truncates=False):
    """The luma of the R'G'B' that an editor makes of the film."""
    level = (codes(number).astype(float) - 16) / 219 * 255
    rgb = np.clip(np.floor(level) if truncates else np.rint(level), 0, 255).astype(np.uint8)
    return make_proxy_rgb((rgb, rgb, rgb), 8, Matrix.BT709, Range.FULL, SMALL)


def graded(number):
    level = np.clip((codes(number).astype(float) - 16) / 219, 0, 1) ** 0.8 * 255
    rgb = np.rint(level).astype(np.uint8)
    return make_proxy_rgb((rgb, rgb, rgb), 8, Matrix.BT709, Range.FULL, SMALL)


def query(luma, **more):
    return Query(luma=luma_hash(luma), look=look_of(luma), thumb=thumb_of(luma), **more)


@pytest.fixture
def store(tmp_path):
    kept = Store(StoreFolder(tmp_path / "store"))
    history = None
    with kept.open() as opened:
        for number in range(FRAMES):
            prints = prints_of(luma_hash(of_film(number)), history)
            history = prints.history
            opened.put(
                NewColour(
                    dependency=Dependency(SETTINGS, 0),
                    number=number,
                    prints=prints,
                    look=look_of(of_film(number)),
                    thumb=thumb_of(of_film(number)),
                    planes=pack(ab_of(number)),
                )
            )
        opened.note_extent(SETTINGS, 0, FRAMES - 1)
    return kept


@pytest.mark.parametrize("truncates", [False, True])
def test_what_was_only_rounded_is_the_frame(store, truncates):
    with store.open() as opened:
        for number in (0, 3, 7, 11):
            assert luma_hash(of_host(number, truncates)) != luma_hash(of_film(number))
            found = opened.find(SETTINGS, query(of_host(number, truncates)))
            assert (found.number, found.rule, found.provisional) == (number, Rule.ALIKE, False)
            assert np.array_equal(found.colour.ab, ab_of(number))


def test_of_two_frames_that_are_alike_only_the_asker_can_tell(store):
    with store.open() as opened:
        unknown = opened.find(SETTINGS, query(of_host(5)))
        assert (unknown.rule, unknown.provisional) == (Rule.ONE_OF_ALIKE, True)
        for number in (4, 5):
            found = opened.find(SETTINGS, query(of_host(number), number=number + 100, offset=-100))
            assert (found.number, found.rule, found.provisional) == (number, Rule.ALIKE_NUMBER, False)


def test_a_number_at_which_another_picture_lies_says_nothing(store):
    with store.open() as opened:
        found = opened.find(SETTINGS, query(of_host(7), number=3, offset=0))
        assert (found.number, found.rule) == (7, Rule.ALIKE)


def test_the_only_one_counts_only_if_all_frames_are_known(tmp_path, store):
    with store.open() as opened:
        opened.note_extent(SETTINGS, 0, FRAMES)
        found = opened.find(SETTINGS, query(of_host(7)))
        assert (found.number, found.provisional) == (7, True)


def test_a_graded_copy_is_not_the_frame(store):
    with store.open() as opened:
        found = opened.find(SETTINGS, query(graded(7), number=7, offset=0))
        assert (found.rule, found.provisional) == (Rule.LOOK, True)


def test_who_wants_only_the_very_frame_does_not_get_one_that_is_alike(store):
    luma = of_host(7)
    with store.open() as opened:
        found = opened.find(SETTINGS, Query(luma=luma_hash(luma), look=look_of(luma)))
        assert found.provisional


def test_another_picture_is_none_of_them(store):
    stranger = np.random.default_rng(0).integers(0, 65536, SMALL[::-1]).astype(np.uint16)
    with store.open() as opened:
        assert opened.find(SETTINGS, query(stranger, number=7, offset=0)) is None


def test_thumbs_of_any_size():
    for shape in ((1, 1), (17, 31), (18, 32), (19, 1000), (256, 448)):
        luma = np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)
        assert len(thumb_of(luma)) == min(18, shape[0]) * min(32, shape[1])
        assert are_alike(thumb_of(luma), thumb_of(luma))
    assert not are_alike(thumb_of(luma), thumb_of(luma[:, :17]))


def test_the_tolerance_holds_for_every_cell():
    flat = np.full((18, 32), 100 * 257, np.uint16)
    near, far = flat.copy(), flat.copy()
    near[3, 4] += THUMB_TOLERANCE * 257
    far[3, 4] += (THUMB_TOLERANCE + 1) * 257
    assert are_alike(thumb_of(flat), thumb_of(near))
    assert not are_alike(thumb_of(flat), thumb_of(far))
