"""The largest chroma at a luma."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinemacolor.colour.encoding import Matrix
from kinemacolor.colour.gamut import gamut_scale, rgb_offsets
from kinemacolor.colour.matrix import rgb_to_ycbcr, ycbcr_to_rgb

unit = st.floats(0, 1)
half = st.floats(-0.5, 0.5)


@given(st.sampled_from(list(Matrix)), unit, half, half)
def test_scaled_chroma_fits_and_is_the_largest_that_does(matrix: Matrix, luma: float, cb: float, cr: float) -> None:
    chroma = np.array([[cb], [cr]])
    factor = gamut_scale(np.array([luma]), chroma, matrix)
    rgb = ycbcr_to_rgb(np.concatenate([[[luma]], chroma * factor]), matrix)
    assert rgb.min() >= -1e-9
    assert rgb.max() <= 1 + 1e-9
    if factor[0] < 1 and np.abs(chroma).max() > 1e-6:
        assert min(rgb.min(), 1 - rgb.max()) == pytest.approx(0, abs=1e-9)


@given(st.sampled_from(list(Matrix)), st.lists(unit, min_size=3, max_size=3))
def test_colours_of_the_cube_are_left_alone(matrix: Matrix, rgb: list[float]) -> None:
    luma, cb, cr = rgb_to_ycbcr(np.array(rgb)[:, None], matrix)
    offsets = rgb_offsets(np.stack([cb, cr]), matrix)
    assert offsets + luma == pytest.approx(np.array(rgb)[:, None], abs=1e-12)
    if np.abs(offsets).max() > 1e-6:
        assert gamut_scale(luma, np.stack([cb, cr]), matrix)[0] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("luma", [-0.1, 0.0, 1.0, 1.07])
def test_nothing_but_neutral_fits_at_and_beyond_black_and_white(luma: float) -> None:
    factor = gamut_scale(np.array([luma]), np.array([[0.1], [-0.2]]), Matrix.BT709)
    assert factor[0] == pytest.approx(0, abs=1e-12)


def test_precision_is_kept() -> None:
    chroma = np.zeros((2, 4), dtype=np.float32)
    assert gamut_scale(np.ones(4, dtype=np.float32), chroma, Matrix.BT709).dtype == np.float32
