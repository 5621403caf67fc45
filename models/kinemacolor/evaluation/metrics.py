"""Metrics of colourised pictures and clips. Pure functions on numpy arrays; pictures are (H, W, 3)."""

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["cdc", "ciede2000", "colourfulness", "psnr", "warp_error"]

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]

_POW7 = 25.0**7
_CDC_DISTANCES = (1, 2, 4)
_CDC_BINS = 256
_FLOW_MIN_PX = 16  # DIS refuses pictures that are smaller
_AB_SCALE = 128.0  # a* and b* to about [-1, 1], so that the error is a number of the size other papers print


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


def warp_error(ab: Array, luma: Bytes) -> float:
    """How much chroma changes along the motion of a clip: mean square of a*b* / 128, after Lai et al. 2018.

    The flow is DIS (Kroeger et al. 2016) of the luma, so it is the same for every model; places where forward and
    backward flow disagree (Sundaram et al. 2010) are left out.

    Args:
        ab: (T, H, W, 2) CIELAB a*, b*.
        luma: (T, H, W) 8 bit.

    Returns:
        Mean over the pairs of neighbouring frames; 0 for a single frame.
    """
    if len(ab) < 2 or min(luma.shape[1:]) < _FLOW_MIN_PX:
        return 0.0
    return float(np.mean([_pair_error(ab[t - 1], ab[t], luma[t - 1], luma[t]) for t in range(1, len(ab))]))


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


def _pair_error(before: Array, after: Array, luma_before: Bytes, luma_after: Bytes) -> float:
    back, forth = _flow(luma_after, luma_before), _flow(luma_before, luma_after)
    carried = _follow(before, back)
    loop = back + _follow(forth.astype(np.float64), back)
    size = (back**2).sum(axis=2) + (_follow(forth.astype(np.float64), back) ** 2).sum(axis=2)
    seen = (loop**2).sum(axis=2) <= 0.01 * size + 0.5
    error = (((after - carried) / _AB_SCALE) ** 2).mean(axis=2)
    return float(error[seen].mean() if seen.any() else error.mean())


def _flow(source: Bytes, target: Bytes) -> Array:
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    empty = np.zeros((*source.shape, 2), dtype=np.float32)  # DIS starts from it
    return np.asarray(dis.calc(source, target, empty), dtype=np.float64)


def _follow(planes: Array, flow: Array) -> Array:
    height, width = flow.shape[:2]
    x = (np.arange(width) + flow[..., 0]).astype(np.float32)
    y = (np.arange(height)[:, None] + flow[..., 1]).astype(np.float32)
    moved = cv2.remap(planes.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.float64)


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
