"""Toned and tinted prints: the one colour that a print gives to each density, found, taken off, put back.

A black-and-white print that was toned (silver turned into a coloured compound: sepia, blue) or tinted (the base dyed:
amber, night blue), or scanned with a cast, has colours on one curve of R'G'B', from its black to its brightest colour.
Luma Y' rises along the curve, so the curve is chroma as a function of Y', and where a pixel lies on it follows from its
Y' alone: no chroma sample, coarse and noisy as they are, ever gets into the luma that the network sees.

A dye only takes light away, and never all of it at every wavelength: the channel that it lets pass best is as bright as
it was, the others and with them Y' are darker. So the luma before a tint is

    Y' * (greatest of R', G', B') / Y'     at the print's white,

one factor for all densities, because a dye multiplies. A tone has no such factor: it leaves the clear base alone. What
it does to mid-tones is its contrast, which the print alone does not tell from the picture's own, and Y' stays the
measure of it. Where the brightest colour that was seen is no white yet, the channels are continued as the powers of Y'
that densities make of them (Beer and Lambert: D = a d for each channel), to where the first of them is 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.arrays import Float32, Float64
from kinemacolor.colour.encoding import ColourEncoding, Matrix
from kinemacolor.colour.lab import linear_rgb_to_lab
from kinemacolor.colour.matrix import code_scale, rgb_to_ycbcr, ycbcr_to_rgb
from kinemacolor.colour.transfer import to_linear

from .merge import AB_SCALE, Ab
from .pixel import Family, PixelFormat, Samples
from .proxy import Proxy

__all__ = ["Finding", "Tint", "ToneCurve", "find_tone", "name_tone", "neutral_table", "tone_ab_table", "tone_samples"]

_VISIBLE = 8.0 / 255.0
"""98th percentile of the distance from neutral, in units of Cb and Cr, above which chroma is more than noise; the same
as of `media.chroma`."""
_NEAR = 4.0 / 255.0
"""95th percentile of the distance from the curve up to which a film has no colours beside it; as there."""
_NEAR_SHARE = 0.05
"""The same as a part of the distance from neutral: a deep tint carries the film's grain into its chroma."""
_SAMPLED = 64
"""Columns and rows of a picture's samples; each is a mean over its area."""
_KNOTS = 24
_STEP = 1.0 / 64.0
"""In Y', over which the curve's steepness is taken."""
_FEWEST = 12
"""Samples that make a knot."""
_BRIGHT = 0.4
"""Part of the brightest luma from which the channels are continued toward white."""
_WHITE = 0.97
"""Greatest channel from which a colour is white enough to be taken as it is."""
_LARGEST_FACTOR = 4.0
"""A deeper tint (pure blue on black) leaves less luma than its noise is worth."""
_DIMMED = 1.02
"""Factor from which a film is tinted; below, its white is white, and its luma stays as it is to the last bit."""


class Finding(Enum):
    """What the chroma of some pictures of a film is."""

    NEUTRAL = "neutral"
    """None that could be seen."""
    TONED = "toned"
    """One colour for each luma, in all pictures."""
    SEVERAL = "several"
    """One colour for each luma in each picture, but not the same one in all."""
    COLOURED = "coloured"
    """Colours that do not follow from luma."""


@dataclass(frozen=True, slots=True)
class ToneCurve:
    """Chroma as a function of Y', by straight lines between knots. Below the first one it fades to neutral black."""

    luma: tuple[float, ...]
    """Y' in (0, 1], rising; one knot at least."""
    cb: tuple[float, ...]
    cr: tuple[float, ...]

    def at(self, luma: Float64) -> Float64:
        """(Y', Cb, Cr) of the curve at some Y', (3, n); beyond the last knot chroma is that of the last."""
        knots = (0.0, *self.luma)
        chroma = [np.interp(luma, knots, (0.0, *values)) for values in (self.cb, self.cr)]
        return np.stack([luma, *chroma])


@dataclass(frozen=True, slots=True)
class Tint:
    """A tone in words' terms."""

    name: str
    is_tinted: bool
    """True: the white of the print is coloured; False: only what is darker."""


def tone_samples(planes: tuple[Samples, ...], form: PixelFormat, encoding: ColourEncoding) -> Float32:
    """Means over areas of one picture.

    Args:
        planes: (Y', Cb, Cr) or (R', G', B'), each of its own size.
        form: Of the planes; not gray.
        encoding: Of the planes.

    Returns:
        (3, n) Y', Cb and Cr.
    """
    scale = code_scale(form.bits, encoding.range)
    height, width = planes[1].shape
    # At least two samples each way, so that where chroma lies beside luma does not matter.
    size = max(1, min(_SAMPLED, width // 2)), max(1, min(_SAMPLED, height // 2))
    means = [_area_mean(plane, size) for plane in planes]
    black, span = np.float32(scale.luma_black), np.float32(scale.luma_span)
    if form.family is Family.RGB:
        return rgb_to_ycbcr((np.stack(means) - black) / span, encoding.matrix)
    chroma = [(mean - np.float32(scale.chroma_mid)) / np.float32(scale.chroma_span) for mean in means[1:]]
    return np.stack([(means[0] - black) / span, *chroma])


def find_tone(pictures: Sequence[Float32]) -> tuple[Finding, ToneCurve | None]:
    """What some pictures of a film, spread over it, have for chroma.

    Args:
        pictures: As `tone_samples` gives them.

    Returns:
        The finding, and the curve if it is `TONED`.
    """
    visible = [picture for picture in pictures if _distance(picture) > _VISIBLE]
    if not visible:
        return Finding.NEUTRAL, None
    together = np.concatenate(pictures, axis=1)
    curve = _curve(together)
    if curve is not None and _is_near(together, curve):
        return Finding.TONED, curve
    curves = [_curve(picture) for picture in visible]
    alone = zip(visible, curves, strict=True)
    if all(curve is not None and _is_near(picture, curve) for picture, curve in alone):
        return Finding.SEVERAL, None
    return Finding.COLOURED, None


def neutral_table(curve: ToneCurve, matrix: Matrix) -> Proxy:
    """The luma before a print was toned or tinted, for each 16-bit luma of it: (65536,), non-decreasing."""
    luma = np.arange(65536, dtype=np.float64) * _factor(curve, matrix)
    return np.minimum(np.rint(luma), 65535.0).astype(np.uint16)


def tone_ab_table(curve: ToneCurve, encoding: ColourEncoding) -> Ab:
    """A* and b* of the print's own colour for each 16-bit luma of it: (2, 65536) in 1/256 units."""
    rgb = ycbcr_to_rgb(curve.at(np.arange(65536, dtype=np.float64) / 65535.0), encoding.matrix)
    lab = linear_rgb_to_lab(to_linear(np.clip(rgb, 0.0, 1.0), encoding.transfer), encoding.primaries)
    return np.clip(np.rint(lab[1:] * AB_SCALE), -32768, 32767).astype(np.int16)


def name_tone(curve: ToneCurve, encoding: ColourEncoding) -> Tint:
    """What people call it."""
    ab = tone_ab_table(curve, encoding)[:, np.rint(np.array(curve.luma) * 65535.0).astype(np.intp)]
    a, b = ab[:, np.argmax(np.hypot(*ab.astype(np.float64)))]
    is_tinted = _factor(curve, encoding.matrix) > 1.0
    hue = float(np.degrees(np.arctan2(b, a))) % 360.0
    warm = "amber" if is_tinted else "sepia"
    names = ((20.0, "rose"), (45.0, "red"), (95.0, warm), (115.0, "yellow"), (200.0, "green"), (310.0, "blue"))
    return Tint(next((name for end, name in names if hue < end), "rose"), is_tinted)


def _area_mean(plane: Samples, size: tuple[int, int]) -> Float32:
    mean = cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(mean, dtype=np.float32).ravel()


def _distance(picture: Float32) -> float:
    return float(np.percentile(np.hypot(picture[1], picture[2]), 98))


def _is_near(samples: Float32, curve: ToneCurve) -> bool:
    """Whether the samples lie on the curve but for noise, which moves them along Y' as well as along chroma."""
    luma = samples[0].astype(np.float64)
    here, ahead = curve.at(luma), curve.at(luma + _STEP)
    steepness = np.hypot(*(ahead[1:] - here[1:])) / _STEP
    away = np.hypot(*(samples[1:] - here[1:])) / np.hypot(1.0, steepness)
    return float(np.percentile(away, 95)) < max(_NEAR, _NEAR_SHARE * _distance(samples))


def _curve(samples: Float32) -> ToneCurve | None:
    """Medians of slices of luma, softened; None if no slice has enough samples."""
    low, high = (float(value) for value in np.percentile(samples[0], (0.5, 99.5)))
    slices = np.clip((samples[0] - low) / max(high - low, 1e-6) * _KNOTS, 0, _KNOTS - 1).astype(np.intp)
    knots = [samples[:, slices == index] for index in range(_KNOTS)]
    medians = [np.median(inside, axis=1) for inside in knots if inside.shape[1] >= _FEWEST]
    found = np.array([median for median in medians if 0.0 < median[0] <= 1.0], dtype=np.float64)
    if not found.size:
        return None
    luma = found[:, 0]
    if len(found) > 1:
        # To the brightest samples, of which a median stops short.
        found = np.concatenate([found, _continued(found, max(high, luma[-1]))[None]])
        padded = np.concatenate([2 * found[:1] - found[1:2], found, 2 * found[-1:] - found[-2:-1]])
        found = np.concatenate([found[:, :1], ((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4)[:, 1:]], axis=1)
    found = np.round(found, 6)
    rising = np.concatenate([[True], np.diff(np.maximum.accumulate(found[:, 0])) > 0])
    return ToneCurve(*(tuple(float(value) for value in values) for values in found[rising].T))


def _continued(knots: Float64, luma: float) -> Float64:
    """The straight line through the last two knots, at some Y' at most one step beyond."""
    before, last = knots[-2:]
    ahead = min((min(luma, 1.0) - last[0]) / (last[0] - before[0]), 1.0)
    continued: Float64 = last + (last - before) * ahead
    return continued


def _factor(curve: ToneCurve, matrix: Matrix) -> float:
    """How much brighter the print's white was than what a tint left of it."""
    colours = curve.at(np.array([luma for luma in curve.luma if luma >= _BRIGHT * curve.luma[-1]]))
    rgb = np.maximum(ycbcr_to_rgb(colours, matrix), 1e-3)
    brightest = rgb[:, -1] / colours[0, -1]
    if rgb[:, -1].max() < _WHITE and colours.shape[1] > 1:
        brightest = 1.0 / np.array([_luma_at_white(colours[0], channel) for channel in rgb])
    factor = float(brightest.max())
    return 1.0 if factor < _DIMMED else min(factor, _LARGEST_FACTOR)


def _luma_at_white(luma: NDArray[np.float64], channel: NDArray[np.float64]) -> float:
    """Y' at which a channel, as a power of Y', gets to 1."""
    x, y = np.log(luma), np.log(channel)
    away = x - x.mean()
    power = float((away * y).sum() / (away * away).sum())
    return float(np.exp(x.mean() - y.mean() / max(power, 0.1)))
