"""Metrics of colourised pictures and clips. Pure functions on numpy arrays; pictures are (H, W, 3)."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.models.flow import Motion, follow, measure_motion

__all__ = [
    "Motion",
    "ab_warp_error",
    "cdc",
    "ciede2000",
    "colour_steps",
    "colourfulness",
    "jumps",
    "measure_motion",
    "psnr",
    "psnr_ab",
    "rgb_warp_error",
    "warp_error",
]

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]

_POW7 = 25.0**7
_CDC_DISTANCES = (1, 2, 4)
_CDC_BINS = 256
_AB_SCALE = 128.0  # a* and b* to about [-1, 1], so that the error is a number of the size other papers print
_CUT_SEEN = 0.2
"""A pair of frames of which less can be followed is a cut. 18 clips for measuring: 0.44 at least inside of them (a
crowd that runs), 0.08 at most where two of them are joined."""
_JUMP_AB = 2.0
"""CIELAB units, mean over the regions of a picture; true colours of the 14 clips for measuring move by 0.6 at most."""
_REGIONS = 8
_REGION_SEEN = 0.1  # of its pixels: a region of which less is followed says nothing
_AB_PEAK = 255.0  # a* and b* lie in -128 to 127, as 8-bit CIELAB codes them


def psnr(true: Bytes, found: Bytes) -> float:
    """Peak signal to noise ratio of 8-bit RGB in dB; infinite for equal pictures."""
    error = float(np.mean((true.astype(np.float64) - found.astype(np.float64)) ** 2))
    return float("inf") if error == 0.0 else float(10.0 * np.log10(255.0**2 / error))


def colourfulness(rgb: Bytes) -> float:
    """Hasler and Suesstrunk 2003, equation 3, with signed opponent channels, on 8-bit RGB."""
    red, green, blue = (rgb[..., channel].astype(np.float64) for channel in range(3))
    rg, yb = red - green, 0.5 * (red + green) - blue
    spread, mean = np.hypot(rg.std(), yb.std()), np.hypot(rg.mean(), yb.mean())
    return float(spread + 0.3 * mean)


def ciede2000(true: Array, found: Array) -> Array:
    """Colour difference of CIELAB pictures (Sharma, Wu, Dalal 2005, equations 2 to 22, all weights 1).

    Args:
        true: (..., 3) L*, a*, b*.
        found: The same shape.

    Returns:
        (...) differences, at least 0.
    """
    chroma = 0.5 * (np.hypot(true[..., 1], true[..., 2]) + np.hypot(found[..., 1], found[..., 2]))
    stretch = 1.0 + 0.5 * (1.0 - np.sqrt(chroma**7 / (chroma**7 + _POW7)))
    c1, h1 = _polar(true, stretch)
    c2, h2 = _polar(found, stretch)
    hue_step, hue = _hues(c1, h1, c2, h2)
    d_chroma, d_hue = c2 - c1, 2.0 * np.sqrt(c1 * c2) * np.sin(np.radians(hue_step) / 2.0)
    d_light, light, c = found[..., 0] - true[..., 0], 0.5 * (true[..., 0] + found[..., 0]), 0.5 * (c1 + c2)
    s_light = 1.0 + 0.015 * (light - 50.0) ** 2 / np.sqrt(20.0 + (light - 50.0) ** 2)
    s_chroma, s_hue = 1.0 + 0.045 * c, 1.0 + 0.015 * c * _hue_weight(hue)
    turn = np.sin(np.radians(60.0 * np.exp(-(((hue - 275.0) / 25.0) ** 2))))
    rotation = -2.0 * np.sqrt(c**7 / (c**7 + _POW7)) * turn
    x, y, z = d_light / s_light, d_chroma / s_chroma, d_hue / s_hue
    return np.asarray(np.sqrt(np.maximum(x * x + y * y + z * z + rotation * y * z, 0.0)))


def psnr_ab(true: Array, found: Array) -> float:
    """PSNR of a*b* in dB: mean square over both planes (..., 2) against a peak of 255; infinite for equal planes."""
    error = float(np.mean((true - found) ** 2))
    return float("inf") if error == 0.0 else float(10.0 * np.log10(_AB_PEAK**2 / error))


def ab_warp_error(ab: Array, motion: Sequence[Motion]) -> float:
    """How much chroma changes along the motion of a clip: mean square of a*b* / 128, after Lai et al. 2018.

    Args:
        ab: (T, H, W, 2) CIELAB a*, b*.
        motion: Of the same clip, from `measure_motion`.

    Returns:
        Mean over the pairs of neighbouring frames; 0 where there is no motion to follow.
    """
    return _mean_error(ab, motion, _AB_SCALE)


def rgb_warp_error(rgb: Bytes, motion: Sequence[Motion]) -> float:
    """The same of (T, H, W, 3) 8-bit RGB, in units of full scale."""
    return _mean_error(rgb, motion, 255.0)


def colour_steps(ab: Array, motion: Sequence[Motion]) -> Array:
    """How far colours move from frame to frame, seen along the motion of a clip.

    Args:
        ab: (T, H, W, 2) CIELAB a*, b*.
        motion: Of the same clip, from `measure_motion`.

    Returns:
        Of each pair of neighbouring frames how far the mean a*b* of a region moves, over the pixels that are seen in
        both, mean over the 8 x 8 regions of the picture: noise of single pixels, which true colours are full of, is
        averaged away before distances are taken. NaN across a cut, which hardly a pixel outlives.
    """
    pairs = zip(motion, ab[:-1], ab[1:], strict=True) if motion else ()
    return np.array([_colour_step(*pair) for pair in pairs])


def jumps(steps: Array) -> float:
    """Share of the pairs of `colour_steps`, those across cuts left out, whose colours jump; 0 if there are none."""
    inside = steps[np.isfinite(steps)]
    return float((inside > _JUMP_AB).mean()) if inside.size else 0.0


def warp_error(ab: Array, luma: Bytes) -> float:
    """`ab_warp_error` along the motion of (T, H, W) 8-bit luma."""
    return ab_warp_error(ab, measure_motion(luma))


def cdc(clip: Bytes) -> float:
    """Colour distribution consistency (Liu et al. 2021): Jensen-Shannon divergence of histograms over time.

    Args:
        clip: (T, H, W, 3) 8-bit RGB.

    Returns:
        Mean over channels and over the distances 1, 2 and 4 frames, natural logarithm; 0 for a single frame.
    """
    histograms = np.stack([_histograms(frame) for frame in clip])
    distances = [step for step in _CDC_DISTANCES if step < len(clip)]
    values = [np.mean(_divergence(histograms[:-step], histograms[step:])) for step in distances]
    return float(np.mean(values)) if values else 0.0


def _polar(lab: Array, stretch: Array) -> tuple[Array, Array]:
    a = lab[..., 1] * stretch
    return np.hypot(a, lab[..., 2]), np.degrees(np.arctan2(lab[..., 2], a)) % 360.0


def _hues(c1: Array, h1: Array, c2: Array, h2: Array) -> tuple[Array, Array]:
    """Difference and mean of two hue angles; where one chroma is 0 the hue of the other counts (equations 10, 14)."""
    grey = c1 * c2 == 0.0
    step = np.where(grey, 0.0, (h2 - h1 + 180.0) % 360.0 - 180.0)
    # A difference of exactly 180 degrees keeps its sign in the paper.
    step = np.where((step == -180.0) & (h2 > h1), 180.0, step)
    far = np.abs(h1 - h2) > 180.0
    mean = np.where(far, (h1 + h2 + np.where(h1 + h2 < 360.0, 360.0, -360.0)) / 2.0, (h1 + h2) / 2.0)
    return step, np.where(grey, h1 + h2, mean)


def _hue_weight(hue: Array) -> Array:
    terms = ((-0.17, 1.0, -30.0), (0.24, 2.0, 0.0), (0.32, 3.0, 6.0), (-0.20, 4.0, -63.0))
    return np.asarray(1.0 + sum(gain * np.cos(np.radians(factor * hue + shift)) for gain, factor, shift in terms))


def _mean_error(planes: Array | Bytes, motion: Sequence[Motion], scale: float) -> float:
    pairs = zip(motion, planes[:-1], planes[1:], strict=True) if motion else ()
    return float(np.mean([_pair_error(*pair, scale) for pair in pairs])) if motion else 0.0


def _pair_error(motion: Motion, before: Array | Bytes, after: Array | Bytes, scale: float) -> float:
    error = (((after - follow(before, motion.back)) / scale) ** 2).mean(axis=2)
    return float(error[motion.seen].mean() if motion.seen.any() else error.mean())


def _colour_step(motion: Motion, before: Array, after: Array) -> float:
    if motion.seen.mean() < _CUT_SEEN:
        return float("nan")
    seen = _regions(motion.seen.astype(np.float64))
    moved = _regions((after - follow(before, motion.back)) * motion.seen[..., None])
    counts = seen >= _REGION_SEEN
    distance = np.linalg.norm(moved[counts], axis=1) / seen[counts]
    return float(np.average(distance, weights=seen[counts]))


def _regions(planes: Array) -> Array:
    """Means of (H, W) or (H, W, C) planes over a grid of regions; smaller pictures have fewer."""
    height, width = (min(_REGIONS, side) for side in planes.shape[:2])
    return np.asarray(cv2.resize(planes, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float64)


def _histograms(frame: Bytes) -> Array:
    counts = [np.bincount(frame[..., channel].ravel(), minlength=_CDC_BINS) for channel in range(3)]
    return np.stack(counts).astype(np.float64) / frame[..., 0].size


def _divergence(p: Array, q: Array) -> Array:
    """Jensen-Shannon divergence along the last axis, in nats."""
    middle = 0.5 * (p + q)
    return 0.5 * (_relative_entropy(p, middle) + _relative_entropy(q, middle))


def _relative_entropy(p: Array, q: Array) -> Array:
    ratio = np.divide(p, q, out=np.ones_like(p), where=(p > 0.0) & (q > 0.0))
    return np.asarray((p * np.log(ratio)).sum(axis=-1))
