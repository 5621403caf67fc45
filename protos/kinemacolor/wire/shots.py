"""Where a shot ends: cut detection on two neighbouring proxies, shared by both ends of the wire.

Causal and local: the answer depends on two neighbouring frames and nothing else, so it cannot depend on the order in
which frames were asked for, and client and server always agree.

Both proxies are averaged down to about 64 samples on the long side (which removes grain). Every 12 x 12 block of the
present frame is then looked for in the previous one, up to 4 samples around its place (6 % of the picture in one
frame), by correlation with mean and contrast taken out. So camera motion, gate weave, exposure flashes and fades,
which move or scale what is there, still match; another scene does not. The mean of the best correlations, weighted by
the blocks' contrast, is the similarity; below 0.5 it is a cut.

A frame without contrast (black leader, end of a fade, white flash) is never a cut itself, since it shows nothing new;
the first picture after it is one.

Measured with clips cut to one size (tests/wire/test_shots.py repeats the last line): 75 training clips, 3454 frame
pairs inside, none called a cut; 1500 joins, 1475 found (what is missed are talking heads joined to similar ones);
14 + 4 evaluation and archive clips, 549 pairs inside, none called a cut; 306 joins, all found.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["is_cut"]

_Float64 = NDArray[np.float64]

_LONG_SIDE = 64
_BLOCK = 12
_REACH = 4
_SIMILARITY = 0.5
_FLAT_CONTRAST = 0.004
"""Standard deviation inside blocks, of full scale 1: one code of 8 bits."""
_VISIBLE_CHANGE = 0.015
"""Mean change below which there is nothing to see, whatever grain does to the correlation. Joins: 0.067 at least."""
_NOISE_VARIANCE = 2e-5
"""Of the averaged samples; damps the correlation of blocks that hold nothing but grain."""
_RELATIVE_DAMPING = 0.05
"""The same, as a part of the frame's mean variance."""


def is_cut(previous: NDArray[np.uint16], present: NDArray[np.uint16]) -> bool:
    """Whether a new shot begins with `present`.

    Args:
        previous: (h, w) proxy luma of the frame before, 0 black to 65535 white.
        present: (h, w) proxy luma.

    Returns:
        True for a cut. Proxies of different sizes are always a cut.

    Raises:
        ValueError: Not a plane of at least one sample.
    """
    for plane in (previous, present):
        if plane.ndim != 2 or plane.size == 0:
            raise ValueError(f"expected a proxy of shape (h, w), found shape {plane.shape}")
    if previous.shape != present.shape:
        return True
    before, now = _reduced(previous), _reduced(present)
    block = min(_BLOCK, *now.shape)
    contrast = _block_variance(now, block)
    if _is_flat(contrast):
        return False
    if _is_flat(_block_variance(before, block)):
        return True
    if float(np.abs(now - before).mean()) < _VISIBLE_CHANGE:
        return False
    return _similarity(before, now, contrast, block) < _SIMILARITY


def _is_flat(variance: _Float64) -> bool:
    return float(variance.mean()) < _FLAT_CONTRAST**2


def _reduced(proxy: NDArray[np.uint16]) -> _Float64:
    """Means of squares, about _LONG_SIDE along the long side, in [0, 1]; a rest at the right and bottom is dropped."""
    factor = min(max(1, round(max(proxy.shape) / _LONG_SIDE)), *proxy.shape)
    return _block_mean(proxy, factor) / 65535.0


def _block_mean(planes: NDArray[np.uint16] | _Float64, block: int) -> _Float64:
    """Means over squares of the last two axes: (..., h, w) -> (..., h // block, w // block)."""
    *leading, height, width = planes.shape
    rows, columns = height // block, width // block
    whole = planes[..., : rows * block, : columns * block].reshape(*leading, rows, block, columns, block)
    total: _Float64 = np.einsum("...iajb->...ij", whole, dtype=np.float64)
    return total / (block * block)


def _block_variance(planes: _Float64, block: int) -> _Float64:
    mean = _block_mean(planes, block)
    return np.maximum(_block_mean(planes * planes, block) - mean * mean, 0.0)


def _similarity(before: _Float64, now: _Float64, contrast: _Float64, block: int) -> float:
    """Weighted mean over blocks of the best correlation around their place, at most 1."""
    around = np.pad(before, _REACH, mode="edge")
    shifted = np.lib.stride_tricks.sliding_window_view(around, now.shape)
    shifted_contrast = _block_variance(shifted, block)
    common = _block_mean(shifted * now, block) - _block_mean(shifted, block) * _block_mean(now, block)
    usual = shifted_contrast[_REACH, _REACH]
    scale = (contrast + _damping(contrast)) * (shifted_contrast + _damping(usual))
    best = (common / np.sqrt(scale)).max(axis=(0, 1))
    deviation = np.sqrt(contrast)
    weight = deviation / (deviation + 0.5 * np.sqrt(contrast.mean()))
    return float((weight * best).sum() / weight.sum())


def _damping(contrast: _Float64) -> float:
    return float(_RELATIVE_DAMPING * contrast.mean() + _NOISE_VARIANCE)
