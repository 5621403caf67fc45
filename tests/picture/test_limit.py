"""The gamut limit on quantised, subsampled chroma."""

import numpy as np
import pytest

from kinemacolor.colour.encoding import Matrix, Range
from kinemacolor.colour.matrix import code_scale, code_to_chroma, code_to_luma, ycbcr_to_rgb
from kinemacolor.picture.limit import GamutLimiter, shared_extremes

SUBSAMPLINGS = [(0, 0), (1, 0), (1, 1), (2, 0)]


def random_planes(
    bits: int, size: tuple[int, int], log2_w: int, log2_h: int, spread: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(bits)
    dtype = np.uint8 if bits == 8 else np.uint16
    top = (1 << bits) - 1
    width, height = size
    chroma_shape = (-(-height >> log2_h), -(-width >> log2_w))
    luma = random.integers(0, top, (height, width), endpoint=True).astype(dtype)
    # Neighbours resemble each other, as in pictures; otherwise every sample would be limited.
    luma[1::2] = luma[0::2][: luma[1::2].shape[0]]
    luma[:, 1::2] = luma[:, 0::2][:, : luma[:, 1::2].shape[1]]
    chroma = random.normal((top + 1) / 2, spread * top, (2, *chroma_shape))
    cb, cr = np.clip(np.rint(chroma), 0, top).astype(dtype)
    return luma, cb, cr


def overshoot(
    luma: np.ndarray, cb: np.ndarray, cr: np.ndarray, matrix: Matrix, range_: Range, bits: int, log2_w: int, log2_h: int
) -> np.ndarray:
    """How far R'G'B' of every pixel leaves [0, 1], chroma repeated over its block; Y' beyond black or white clipped."""
    scale = code_scale(bits, range_)
    height, width = luma.shape
    wide = [np.repeat(np.repeat(p, 1 << log2_h, 0), 1 << log2_w, 1)[:height, :width] for p in (cb, cr)]
    y = np.clip(code_to_luma(luma, scale).astype(np.float64), 0, 1)
    rgb = ycbcr_to_rgb(np.stack([y, *(code_to_chroma(p, scale).astype(np.float64) for p in wide)]), matrix)
    return np.maximum(-rgb.min(axis=0), rgb.max(axis=0) - 1)


@pytest.mark.parametrize(("log2_w", "log2_h"), SUBSAMPLINGS)
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("range_", list(Range))
@pytest.mark.parametrize("matrix", [Matrix.BT709, Matrix.SMPTE170M, Matrix.BT2020_NCL])
def test_every_pixel_that_shares_a_sample_fits(
    matrix: Matrix, range_: Range, bits: int, log2_w: int, log2_h: int
) -> None:
    luma, cb, cr = random_planes(bits, (61, 35), log2_w, log2_h, 0.1)
    before = cb.copy(), cr.copy()
    limiter = GamutLimiter(matrix, code_scale(bits, range_), log2_w, log2_h)
    count = limiter.apply(luma, cb, cr)
    assert overshoot(luma, cb, cr, matrix, range_, bits, log2_w, log2_h).max() < 1e-6
    changed = (cb != before[0]) | (cr != before[1])
    assert count == np.count_nonzero(changed)
    assert 0 < count < changed.size


@pytest.mark.parametrize("bits", [8, 10, 16])
def test_what_fits_is_left_alone_and_what_does_not_keeps_nearly_all_it_can(bits: int) -> None:
    scale = code_scale(bits, Range.LIMITED)
    luma, cb, cr = random_planes(bits, (64, 48), 1, 1, 0.1)
    before = np.stack([cb, cr]).astype(np.float64) - scale.chroma_mid
    fitted_before = (
        overshoot(luma, cb, cr, Matrix.BT709, Range.LIMITED, bits, 1, 1).reshape(24, 2, 32, 2).max((1, 3)) <= 0
    )
    black_or_white = (luma < scale.luma_black) | (luma > scale.luma_white)
    outside = black_or_white.reshape(24, 2, 32, 2).any((1, 3))
    GamutLimiter(Matrix.BT709, scale, 1, 1).apply(luma, cb, cr)
    after = np.stack([cb, cr]).astype(np.float64) - scale.chroma_mid
    untouched = (after == before).all(axis=0)
    assert untouched[fitted_before & ~outside].all()
    assert (after[:, outside] == 0).all()
    # Four codes further out along the same ray does not fit any more: saturation is lost to the gamut, not to caution.
    length = np.abs(after).max(axis=0)
    moved = ~untouched & ~outside & (length > 3)
    further = after * (1 + 4 / np.maximum(length, 1))
    codes = np.rint(further + scale.chroma_mid).astype(cb.dtype)
    excess = (
        overshoot(luma, codes[0], codes[1], Matrix.BT709, Range.LIMITED, bits, 1, 1).reshape(24, 2, 32, 2).max((1, 3))
    )
    assert (excess[moved] > 0).all()
    # And the hue stays: the direction is the old one within the rounding of codes.
    cross = before[0] * after[1] - before[1] * after[0]
    assert np.abs(cross / np.maximum(np.hypot(*before), 1))[~outside].max() <= 1.0


def test_limited_range_beyond_black_and_white_is_neutral() -> None:
    scale = code_scale(8, Range.LIMITED)
    luma = np.array([[0, 15, 16, 120, 235, 236, 255]], dtype=np.uint8)
    cb = np.full((1, 7), 140, dtype=np.uint8)
    cr = np.full((1, 7), 120, dtype=np.uint8)
    assert GamutLimiter(Matrix.BT709, scale, 0, 0).apply(luma, cb, cr) == 6
    assert cb.tolist() == [[128, 128, 128, 140, 128, 128, 128]]
    assert cr.tolist() == [[128, 128, 128, 120, 128, 128, 128]]


def test_neutral_chroma_is_never_counted() -> None:
    luma = np.arange(256, dtype=np.uint8).reshape(16, 16)
    cb, cr = np.full((8, 8), 128, dtype=np.uint8), np.full((8, 8), 128, dtype=np.uint8)
    assert GamutLimiter(Matrix.BT709, code_scale(8, Range.LIMITED), 1, 1).apply(luma, cb, cr) == 0


@pytest.mark.parametrize(("step_x", "step_y"), [(1, 1), (2, 1), (2, 2), (4, 1), (1, 2)])
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (8, 8), (2, 9)])
def test_shared_extremes(step_x: int, step_y: int, shape: tuple[int, int]) -> None:
    luma = np.random.default_rng(1).integers(0, 1023, shape).astype(np.uint16)
    lowest, highest = shared_extremes(luma, step_x, step_y)
    for row in range(lowest.shape[0]):
        for column in range(lowest.shape[1]):
            block = luma[row * step_y : (row + 1) * step_y, column * step_x : (column + 1) * step_x]
            assert (lowest[row, column], highest[row, column]) == (block.min(), block.max())
