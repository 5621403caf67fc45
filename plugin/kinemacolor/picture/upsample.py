"""Chroma from the proxy grid to the chroma grid of the clip, guided by the full-size luma.

How: in every 3 x 3 window of the proxy, chroma is fitted as a straight line of luma (the guided filter of He, Sun and
Tang, 2010). The slope is kept and smoothed; the offset is set so that the line passes through the proxy's own chroma,
not through the window's mean, which is what makes the plain guided filter worse than bilinear. Slope and offset are
interpolated (bicubic) and the line is evaluated with the luma at each chroma sample.

Bicubic interpolation of area means blurs: averaging its result over the proxy's areas again does not give the proxy
back. The usual cure projects that residual back once. Here the same is done before interpolation: averaging after
bicubic interpolation is a five-tap filter k on the proxy grid, so x + (x - k * x) is interpolated instead of x. It
measures the same (0.05 dB) at a tenth of the cost and has no phase to get wrong.

tests/bench/upsampling.py prints how it compares. Window, regulariser and interpolation were chosen by it.
"""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.arrays import Float32
from kinemacolor.colour.encoding import Siting

from .chroma_grid import Axis, ChromaGrid

__all__ = ["ChromaLine", "ChromaUpsampler", "fit_lines"]


_WINDOW = (3, 3)
_REGULARISER = 0.02
"""Variance of Y' at which half the slope is believed; 0.005 to 0.03 were measured, 0.02 is best over factors 2 to 8."""


class ChromaLine(NamedTuple):
    """One component of chroma as a straight line of luma, both on one grid, (h, w)."""

    slope: Float32
    offset: Float32

    def band(self, rows: slice) -> "ChromaLine":
        """Some rows of it, as views."""
        return ChromaLine(self.slope[rows], self.offset[rows])

    def at(self, luma: Float32, out: Float32) -> None:
        """Chroma at this luma, into `out`."""
        np.multiply(self.slope, luma, out=out)
        out += self.offset


class ChromaUpsampler(ChromaGrid):
    """Upsampling for one geometry. Holds work arrays, so use one per thread.

    Args:
        proxy_size: (width, height) of the proxy.
        luma_size: (width, height) of the full-size luma.
        log2_chroma_w: Horizontal subsampling of the chroma grid.
        log2_chroma_h: Vertical subsampling.
        siting: Where subsampled chroma lies.
    """

    def __init__(
        self,
        *,
        proxy_size: tuple[int, int],
        luma_size: tuple[int, int],
        log2_chroma_w: int = 0,
        log2_chroma_h: int = 0,
        siting: Siting = Siting.LEFT,
    ) -> None:
        super().__init__(luma_size, log2_chroma_w, log2_chroma_h, siting)
        self._reduces = self.x.chroma < proxy_size[0] or self.y.chroma < proxy_size[1]
        self._filter_x = _filter(self.x, proxy_size[0], self._reduces)
        self._filter_y = _filter(self.y, proxy_size[1], self._reduces)
        self._result = np.empty((2, self.y.chroma, self.x.chroma), dtype=np.float32)

    def upsample(self, chroma: Float32, proxy_luma: Float32, luma_at_chroma: Float32) -> Float32:
        """Chroma on the chroma grid.

        Args:
            chroma: (2, h, w) on the proxy grid, any scale and offset.
            proxy_luma: (h, w) Y' in [0, 1] of the proxy.
            luma_at_chroma: Y' of `mean_at_chroma`.

        Returns:
            (2, chroma height, chroma width) in the scale of `chroma`; overwritten by the next call.
        """
        for line, out in zip(fit_lines(chroma, proxy_luma), self._result, strict=True):
            ChromaLine(self.interpolate(line.slope), self.interpolate(line.offset)).at(luma_at_chroma, out)
        return self._result

    def interpolate(self, plane: Float32, out: Float32 | None = None) -> Float32:
        """(h, w) on the proxy grid to (chroma height, chroma width), perhaps a strided view.

        Args:
            plane: Slope or offset of a line.
            out: Where to put it if chroma is not subsampled; saves an allocation.
        """
        ready = cv2.sepFilter2D(plane, cv2.CV_32F, self._filter_x, self._filter_y, borderType=cv2.BORDER_REPLICATE)
        ready = _float32(ready).reshape(plane.shape)
        if self._reduces:
            return self.mean_at_chroma(_resize(ready, self.x.luma, self.y.luma))
        width = self.x.chroma if self.x.direct else self.x.luma
        height = self.y.chroma if self.y.direct else self.y.luma
        return _pick(_pick(_resize(ready, width, height, out), self.x).T, self.y).T


def fit_lines(chroma: Float32, proxy_luma: Float32) -> tuple[ChromaLine, ChromaLine]:
    """Cb and Cr of the proxy as straight lines of its luma; arguments as of `ChromaUpsampler.upsample`.

    For callers that evaluate a picture in bands of rows: interpolate slopes and offsets, then `ChromaLine.at` gives
    what `upsample` gives, bit for bit.
    """
    slopes = _slopes(chroma, proxy_luma)
    cb, cr = (ChromaLine(slope, plane - slope * proxy_luma) for plane, slope in zip(chroma, slopes, strict=True))
    return cb, cr


def _resize(plane: Float32, width: int, height: int, out: Float32 | None = None) -> Float32:
    resized = cv2.resize(plane, (width, height), dst=out, interpolation=cv2.INTER_CUBIC)
    return _float32(resized).reshape(height, width)


def _float32(matrix: NDArray[Any]) -> Float32:
    """What OpenCV gives back, without a copy if it is float32 already."""
    return np.asarray(matrix, dtype=np.float32)


def _filter(axis: Axis, proxy: int, reduces: bool) -> Float32:
    """What the proxy passes through along one axis before it is resized: sharpened, and moved to the siting.

    A resize to the chroma size puts samples in the middle of their blocks. Where they belong elsewhere, the proxy is
    moved the other way first. Pictures with an incomplete last block, and proxies larger than the chroma plane, go
    through the luma grid instead, which has every place.
    """
    sharpener = _sharpener(axis.chroma / proxy)
    if reduces or not axis.direct or axis.shift == 0:
        return sharpener.astype(np.float32)
    return np.convolve(sharpener, _delay(axis.shift * proxy / axis.luma)).astype(np.float32)


def _sharpener(factor: float) -> NDArray[np.float64]:
    """Five taps 2 - k, where k is what the mean over one proxy sample makes of bicubic interpolation by `factor`."""
    count = max(1, round(factor))
    phases = (np.arange(count) + 0.5) / count - 0.5
    taps = np.array([np.mean(_cubic(phases - neighbour)) for neighbour in range(-2, 3)])
    return np.asarray(2.0 * (np.arange(-2, 3) == 0) - taps, dtype=np.float64)


def _delay(samples: float) -> NDArray[np.float64]:
    """Seven taps, for a correlation, that move a signal right by a fraction of a sample (Lagrange, degree 6)."""
    places = np.arange(-3, 4)
    return np.array([np.prod([(-samples - q) / (p - q) for q in places if q != p]) for p in places])


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """OpenCV's INTER_CUBIC: Keys' kernel with a = -3/4."""
    a, x = -0.75, np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _pick(plane: Float32, axis: Axis) -> Float32:
    """Chroma samples along the last axis of a plane that was resized to luma samples."""
    if axis.direct:
        return plane
    first = np.arange(axis.chroma) * axis.step
    if axis.cosited is None:
        parts = [plane[..., np.minimum(first + i, axis.luma - 1)] for i in range(axis.step)]
        return np.asarray(np.mean(parts, axis=0), dtype=np.float32)
    if axis.padded == axis.luma or axis.cosited == 0:
        return plane[..., axis.cosited :: axis.step]
    return plane[..., np.minimum(first + axis.cosited, axis.luma - 1)]


def _slopes(chroma: Float32, luma: Float32) -> Float32:
    """Slope of chroma against luma in every window, smoothed; (2, h, w)."""

    def mean(plane: Float32) -> Float32:
        return _float32(cv2.blur(plane, _WINDOW, borderType=cv2.BORDER_REPLICATE)).reshape(luma.shape)

    mean_luma = mean(luma)
    variance = mean(luma * luma) - mean_luma * mean_luma
    variance += np.float32(_REGULARISER)
    slopes = np.empty_like(chroma)
    for plane, slope in zip(chroma, slopes, strict=True):
        covariance = mean(plane * luma) - mean(plane) * mean_luma
        covariance /= variance
        slope[:] = mean(covariance)
    return slopes
