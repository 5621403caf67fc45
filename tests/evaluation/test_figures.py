"""Figures against values worked out by hand."""

import math

import numpy as np
import pytest
import torch
from clip_material import moving_pictures

from kinemacolor.evaluation.films import grey_codes, read_film, write_grey_film
from kinemacolor.evaluation.measure import Figures, Truth, mean_figures, measure_ab
from kinemacolor.evaluation.metrics import ab_warp_error, colour_steps, jumps, measure_motion, psnr_ab, rgb_warp_error
from kinemacolor.evaluation.pictures import Clip
from kinemacolor.evaluation.rows import SMOOTHING, carry, colorize, constant, resize_lightness, smooth
from kinemacolor.models.flow import Motion
from kinemacolor.models.registry import load_model


def test_psnr_of_ab_by_hand() -> None:
    true, found = np.zeros((4, 5, 2)), np.zeros((4, 5, 2))
    assert psnr_ab(true, found) == math.inf
    found[..., 0] = 10.0  # mean square over both planes: 50
    assert psnr_ab(true, found) == pytest.approx(10 * math.log10(255**2 / 50))


def test_warp_errors_of_a_still_by_hand() -> None:
    luma = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 32, 32), dtype=np.uint8), 3, axis=0)
    motion = measure_motion(luma)
    assert len(motion) == 2
    assert all(pair.seen.all() for pair in motion)
    ab = np.zeros((3, 32, 32, 2))
    ab[1] = 12.8  # a tenth of the scale, there and back
    assert ab_warp_error(ab, motion) == pytest.approx(0.01, rel=1e-3)
    rgb = np.zeros((3, 32, 32, 3), dtype=np.uint8)
    rgb[1] = 51  # a fifth of full scale
    assert rgb_warp_error(rgb, motion) == pytest.approx(0.04, rel=1e-3)


def still(count: int, seen: np.ndarray | None = None) -> tuple[Motion, ...]:
    """No motion at all, in pictures of 32 x 32."""
    visible = np.ones((32, 32), dtype=bool) if seen is None else seen
    return (Motion(np.zeros((32, 32, 2), dtype=np.float32), visible),) * count


def test_colours_of_regions_that_move_are_jumps_and_noise_is_none() -> None:
    ab = np.zeros((4, 32, 32, 2))
    ab[1:, :16, :, 1] = 5.0  # half of the picture changes once by 5
    assert colour_steps(ab, still(3)).tolist() == pytest.approx([2.5, 0.0, 0.0])
    assert jumps(colour_steps(ab, still(3))) == pytest.approx(1 / 3)
    noise = ab + np.random.default_rng(0).normal(0.0, 2.0, ab.shape)  # a pixel differs by 3.5 from frame to frame
    assert jumps(colour_steps(noise, still(3))) == pytest.approx(1 / 3)
    assert jumps(colour_steps(ab[:1], ())) == 0.0


def test_hidden_pixels_and_cuts_are_no_jumps() -> None:
    ab = np.zeros((2, 32, 32, 2))
    ab[1, :16] = 40.0
    seen = np.ones((32, 32), dtype=bool)
    seen[:16] = False
    assert colour_steps(ab, still(1, seen)).tolist() == [0.0]
    seen[:] = False
    seen[30:] = True  # 6 % outlive it
    steps = colour_steps(ab, still(1, seen))
    assert np.isnan(steps).all()
    assert jumps(steps) == 0.0


def test_a_picture_that_is_too_small_has_no_motion() -> None:
    assert measure_motion(np.zeros((3, 8, 40), dtype=np.uint8)) == ()
    assert ab_warp_error(np.ones((3, 8, 40, 2)), ()) == 0.0


def test_the_truth_is_perfect_and_grey_is_grey() -> None:
    truth = Truth(Clip("blobs", moving_pictures()))
    perfect = measure_ab(truth, truth.lab[:, 1:])
    assert perfect.psnr_db == perfect.psnr_ab_db == math.inf
    assert perfect.ciede2000 == perfect.colourfulness_error == 0.0
    grey = measure_ab(truth, torch.zeros_like(truth.lab[:, 1:]))
    assert grey.colourfulness == pytest.approx(0.0, abs=0.5)  # codes are rounded
    assert grey.colourfulness_error == pytest.approx(perfect.colourfulness, abs=0.5)
    assert grey.warp_error_e3 == 0.0
    assert grey.ciede2000 > 1.0
    assert grey.psnr_ab_db < 40.0


def test_every_clip_has_the_same_weight() -> None:
    low, high = Figures(*[1.0] * 9), Figures(*[3.0] * 9)
    assert mean_figures([low, high]) == Figures(*[2.0] * 9)


def test_smoothing_by_hand() -> None:
    ab = torch.zeros(3, 2, 1, 1)
    ab[1:] = 9.0
    assert smooth(ab)[:, 0, 0, 0].tolist() == pytest.approx([0.0, 2.0, 2.0 * SMOOTHING + 2.0])


def test_carrying_by_hand() -> None:
    ab = torch.zeros(2, 2, 32, 32)
    ab[0, :, :, 4], ab[1] = 9.0, 18.0
    seen = np.ones((32, 32), dtype=bool)
    seen[0] = False
    back = np.zeros((32, 32, 2), dtype=np.float32)
    back[..., 0] = -1.0  # everything has moved to the right by a pixel
    found = carry(ab, [Motion(back, seen)])
    torch.testing.assert_close(found[0], ab[0])
    assert found[1, :, 0].unique().tolist() == [18.0]  # hidden before
    assert found[1, :, 1:, 5].unique().tolist() == pytest.approx([SMOOTHING * 9.0 + 4.0])
    assert found[1, :, 1:, 4].unique().tolist() == pytest.approx([4.0])
    assert carry(ab, ()) is ab


def test_a_tint_is_everywhere() -> None:
    ab = constant(2, 3, 4, (1.5, -2.0))
    assert ab.shape == (2, 2, 3, 4)
    assert (ab[:, 0] == 1.5).all()
    assert (ab[:, 1] == -2.0).all()


def test_the_frame_network_is_the_same_with_and_without_memory() -> None:
    colours = colorize(load_model("tiny"), Clip("blobs", moving_pictures()).lightness)
    assert colours.alone.shape == colours.whole.shape == (4, 2, 36, 49)
    assert torch.isfinite(colours.whole).all()


def test_resizing_keeps_the_shape_and_the_level() -> None:
    small = resize_lightness(torch.full((2, 1, 64, 128), 40.0), 32)
    assert small.shape == (2, 1, 32, 64)
    assert small.mean() == pytest.approx(40.0, abs=1e-3)


def test_a_grey_film_comes_back_as_it_was_written(tmp_path) -> None:
    codes = np.random.default_rng(1).integers(16, 236, (3, 34, 48), dtype=np.uint8)
    write_grey_film(tmp_path / "grey.mkv", codes)
    film = read_film(tmp_path / "grey.mkv")
    np.testing.assert_array_equal(film.luma, codes)
    full = np.round((codes - 16.0) * 255.0 / 219.0)
    np.testing.assert_allclose(film.rgb, np.repeat(full[..., None], 3, axis=-1), atol=1)


def test_codes_of_black_and_white() -> None:
    assert grey_codes(np.array([0, 255], dtype=np.uint8)).tolist() == [16, 235]
