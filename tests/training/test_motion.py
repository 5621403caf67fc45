"""Made and measured motion: following it leads to where things were."""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from kinemacolor.training.cut_outs import CutOut
from kinemacolor.training.motion import MotionSettings, MovingPicture, film_clip, film_photos

SETTINGS = MotionSettings(frames=5, side_px=96)
_ANGLES = np.linspace(0.0, 2.0 * np.pi, 8, endpoint=False)


def _photo(seed: int, height: int = 140, width: int = 180) -> NDArray[np.uint8]:
    """Smooth blobs, so that a resampled picture equals itself."""
    noise = np.random.default_rng(seed).uniform(0, 255, (5, 6, 3)).astype(np.float32)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255), dtype=np.uint8)


def _error(shot: MovingPicture) -> tuple[float, float]:
    """Mean difference of cells to where they came from, and to the same place of the previous frame, 8-bit codes."""
    cells = F.avg_pool2d(shot.rgb * 255.0, 4)
    moved = F.grid_sample(cells[:-1], shot.origin, mode="bilinear", padding_mode="border", align_corners=False)
    weight = shot.seen / shot.seen.sum() / 3.0
    return (float(((plane - cells[1:]).abs() * weight).sum()) for plane in (moved, cells[:-1]))  # type: ignore[return-value]


def test_a_made_shot_knows_where_everything_was() -> None:
    for seed in range(6):
        shot = film_photos([_photo(seed), _photo(seed + 100)], SETTINGS, np.random.default_rng(seed))
        assert shot.rgb.shape == (5, 3, 96, 96)
        assert shot.origin.shape == (4, 24, 24, 2)
        assert 0.3 < float(shot.seen.mean()) <= 1.0
        followed, still = _error(shot)
        assert followed < max(1.0, 0.35 * still)


def test_an_object_hides_what_it_passes() -> None:
    settings = MotionSettings(frames=5, side_px=96, objects=1.0, object_px=12.0)
    shots = [film_photos([_photo(s), _photo(s + 50)], settings, np.random.default_rng(s)) for s in range(4)]
    assert min(float(shot.seen.mean()) for shot in shots) < 0.98


def test_an_object_is_known_in_every_frame_and_moves_as_it_is_said_to() -> None:
    settings = MotionSettings(frames=5, side_px=96, objects=1.0, object_px=6.0)
    for seed in range(4):
        shot = film_photos([_photo(seed), _photo(seed + 50)], settings, np.random.default_rng(seed))
        assert shot.thing is not None
        assert shot.thing.shape == (5, 1, 24, 24)
        assert 0.0 < float(shot.thing.mean()) < 0.6
        moved = F.grid_sample(shot.thing[:-1], shot.origin, mode="bilinear", padding_mode="border", align_corners=False)
        assert float(((moved - shot.thing[1:]).abs() * shot.seen).max()) < 0.6
        assert float(((moved - shot.thing[1:]).abs() * shot.seen).sum() / shot.seen.sum()) < 0.02


def test_an_object_may_be_a_thing_that_is_cut_out() -> None:
    """A white star on grey: nothing of its photo comes along."""
    outline = np.array([(90 + r * np.cos(a), 70 + r * np.sin(a)) for a, r in zip(_ANGLES, 4 * (50, 20), strict=True)])
    thing = cv2.fillPoly(np.zeros((140, 180), np.uint8), [outline.astype(np.int32)], (1,))
    star = CutOut(np.where(thing[..., None] > 0, 255, 128).astype(np.uint8).repeat(3, axis=2), thing)
    settings = MotionSettings(frames=5, side_px=96, objects=1.0, object_px=6.0, cut_outs=1.0)
    black = np.zeros((140, 180, 3), np.uint8)
    for seed in range(4):
        shot = film_photos([black, _photo(1)], settings, np.random.default_rng(seed), [star])
        assert shot.thing is not None
        assert 0.02 < float(shot.thing.mean()) < 0.5
        shown = F.avg_pool2d(shot.rgb[:, :1], 4)
        torch.testing.assert_close(shown, shot.thing, atol=0.12, rtol=0)
        moved = F.grid_sample(shot.thing[:-1], shot.origin, mode="bilinear", padding_mode="border", align_corners=False)
        assert float(((moved - shot.thing[1:]).abs() * shot.seen).sum() / shot.seen.sum()) < 0.03


def test_a_thing_is_seen_wherever_it_stands_in_its_photo() -> None:
    thing = np.zeros((140, 180), np.uint8)
    thing[100:138, 2:40] = 1
    corner = CutOut(_photo(3), thing)
    settings = MotionSettings(frames=5, side_px=96, objects=1.0, cut_outs=1.0)
    for seed in range(20):
        shot = film_photos([_photo(1), _photo(2)], settings, np.random.default_rng(seed), [corner])
        assert shot.thing is not None
        assert float(shot.thing[2].mean()) > 0.02


def test_without_an_object_there_is_none() -> None:
    settings = MotionSettings(frames=3, side_px=96, objects=0.0)
    assert film_photos([_photo(0), _photo(1)], settings, np.random.default_rng(0)).thing is None


def test_a_piece_of_a_clip_comes_with_its_flow() -> None:
    wide = _photo(3, 128, 260)
    clip = np.stack([wide[:, 4 * t : 4 * t + 128] for t in range(12)])
    settings = MotionSettings(frames=6, side_px=96, strides=(1, 1))
    followed, still = _error(film_clip(clip, settings, np.random.default_rng(0)))
    assert followed < 0.35 * still


def test_a_short_clip_is_played_to_and_fro_and_the_same_draw_gives_the_same_shot() -> None:
    clip = np.stack([_photo(seed, 96, 96) for seed in range(3)])
    first, second = (film_clip(clip, MotionSettings(frames=9, side_px=96), np.random.default_rng(1)) for _ in range(2))
    assert first.rgb.shape[0] == 9
    assert torch.equal(first.rgb, second.rgb)
