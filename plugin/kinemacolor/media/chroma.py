"""Does a picture carry colour? A measure of decoded chroma, used for one message: "its colour will be replaced".

Measured: the distance of (Cb, Cr) from neutral in 8-bit codes, on a grid of 64 x 64 places of a picture. *Visible* is a
98th percentile above `VISIBLE_CODES`; codecs and tape noise leave neutral chroma within 2 or 3 codes. Visible chroma
is *toned* (sepia, tinted stock) if it is a function of luma: after the mean (Cb, Cr) of each of 16 luma bins is taken
away, the 95th percentile of what remains is below `TONED_CODES`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinemacolor.picture.pixel import Family, PixelFormat, Samples

__all__ = ["TONED_CODES", "VISIBLE_CODES", "ChromaMeasure", "measure_chroma"]

VISIBLE_CODES = 8.0
TONED_CODES = 4.0
_GRID = 64
_LUMA_BINS = 16

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChromaMeasure:
    """Chroma of one or more pictures, in 8-bit codes."""

    distance: float
    """98th percentile of the distance from neutral."""
    spread: float
    """95th percentile of the distance from the mean chroma of the same luma."""

    @property
    def is_colour(self) -> bool:
        """Chroma can be seen."""
        return self.distance > VISIBLE_CODES

    @property
    def is_toned(self) -> bool:
        """Chroma can be seen and is one tint that follows luma."""
        return self.is_colour and self.spread < TONED_CODES


def measure_chroma(pictures: Iterable[tuple[Samples, ...]], form: PixelFormat) -> ChromaMeasure:
    """The strongest chroma of some pictures; planes as in `SourceFrame.planes`."""
    found = [_measure(planes, form) for planes in pictures] if form.family is not Family.GRAY else []
    visible = [measure for measure in found if measure.is_colour]
    if visible:  # one real colour picture makes a colour film, whatever tinted titles come before it
        return max(visible, key=lambda measure: measure.spread)
    return max(found, key=lambda measure: measure.distance, default=ChromaMeasure(0.0, 0.0))


def _measure(planes: tuple[Samples, ...], form: PixelFormat) -> ChromaMeasure:
    scale = 255.0 / form.max_code
    first, second, third = (_sampled(plane) * scale for plane in planes)
    if form.family is Family.RGB:
        luma = 0.2126 * first + 0.7152 * second + 0.0722 * third
        cb, cr = (third - luma) / 1.8556, (first - luma) / 1.5748
    else:
        neutral = 255.0 * (1 << (form.bits - 1)) / form.max_code
        luma, cb, cr = first, second - neutral, third - neutral
    distance = float(np.percentile(np.hypot(cb, cr), 98))
    return ChromaMeasure(distance, _spread(luma, cb, cr))


def _sampled(plane: Samples) -> Floats:
    """Samples of a plane at the same relative places, whatever its subsampling."""
    height, width = plane.shape
    sampled: Floats = plane[np.ix_(_places(height), _places(width))].astype(np.float64)
    return sampled


def _places(length: int) -> NDArray[np.intp]:
    return np.linspace(0, length - 1, _GRID).round().astype(np.intp)


def _spread(luma: Floats, cb: Floats, cr: Floats) -> float:
    bins = np.minimum((luma / 256.0 * _LUMA_BINS).astype(np.intp), _LUMA_BINS - 1).ravel()
    count = np.maximum(np.bincount(bins, minlength=_LUMA_BINS), 1)
    rest = []
    for chroma in (cb.ravel(), cr.ravel()):
        mean = np.bincount(bins, weights=chroma, minlength=_LUMA_BINS) / count
        rest.append(chroma - mean[bins])
    return float(np.percentile(np.hypot(*rest), 95))
