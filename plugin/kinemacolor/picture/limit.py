"""Quantised chroma that does not fit the gamut at the luma it shares is scaled toward neutral; luma is only read.

Every pair of chroma codes allows luma codes from a lowest (the darkest channel at 0) to a highest (the brightest at 1).
Both come from a table over the eight high bits of Cb and Cr, which is exact at 8 bits and on the safe side above; what
fails the table is computed exactly. Those few are scaled by the exact factor and rounded; where rounding made one step
out of the gamut again, a factor with half a code in reserve is taken.
"""

from functools import lru_cache, reduce
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.arrays import Float32
from kinemacolor.colour.encoding import Matrix
from kinemacolor.colour.gamut import rgb_offsets
from kinemacolor.colour.matrix import CodeScale, chroma_to_rgb_weights

from .pixel import Samples

__all__ = ["GamutLimiter", "shared_extremes"]


_FITS = 1.0 - 1e-6
"""Factor from which chroma counts as fitting; what it lets through is float32 noise, 0.03 codes of 16 bits."""

_TINY = np.float32(1e-9)

_BAND_SAMPLES = 1 << 18
"""Chroma samples that are worked on at a time, so that the steps find them in the processor's cache."""


class GamutLimiter:
    """The limit for one kind of chroma plane.

    Args:
        matrix: Of the clip.
        scale: Codes of the target, for luma and chroma.
        log2_chroma_w: Horizontal subsampling of the target.
        log2_chroma_h: Vertical subsampling of the target.
    """

    def __init__(self, matrix: Matrix, scale: CodeScale, log2_chroma_w: int, log2_chroma_h: int) -> None:
        self._matrix = matrix
        self._scale = scale
        self._steps = (1 << log2_chroma_w, 1 << log2_chroma_h)
        self._lowest, self._highest = _luma_tables(matrix, scale)
        self._reserve = _rounding_reserve(matrix, scale)

    def apply(self, luma: Samples, cb: Samples, cr: Samples) -> int:
        """Limit contiguous chroma planes in place.

        Args:
            luma: (H, W) codes of the target's depth.
            cb: (chroma height, chroma width) codes; changed.
            cr: Same; changed.

        Returns:
            How many chroma samples were changed.
        """
        step = self._steps[1]
        rows = max(1, _BAND_SAMPLES // cb.shape[1])
        bands = range(0, cb.shape[0], rows)
        return sum(
            self._apply_to_band(luma[top * step : (top + rows) * step], cb[top : top + rows], cr[top : top + rows])
            for top in bands
        )

    def _apply_to_band(self, luma: Samples, cb: Samples, cr: Samples) -> int:
        darkest, brightest = (plane.ravel() for plane in shared_extremes(luma, *self._steps))
        index = self._table_index(cb, cr)
        suspect = darkest < np.take(self._lowest, index)
        suspect |= brightest > np.take(self._highest, index)
        where = np.flatnonzero(suspect)
        if where.size == 0:
            return 0
        flat_cb, flat_cr = cb.reshape(-1), cr.reshape(-1)
        codes: NDArray[Any] = np.stack([flat_cb[where], flat_cr[where]])
        fitted = self._fit(codes, darkest[where], brightest[where])
        flat_cb[where], flat_cr[where] = fitted
        return int(np.count_nonzero((codes != fitted).any(axis=0)))

    def _table_index(self, cb: Samples, cr: Samples) -> NDArray[np.intp]:
        shift = self._scale.bits - 8
        high_cb, high_cr = (plane if shift == 0 else (plane >> shift).astype(np.uint8) for plane in (cb, cr))
        pairs = cv2.merge([high_cr, high_cb])  # low byte first, so that two bytes read as one number
        return pairs.view(np.dtype("<u2")).ravel().astype(np.intp)

    def _fit(self, codes: NDArray[Any], darkest: Samples, brightest: Samples) -> NDArray[Any]:
        """Codes (2, n) that fit; those that did already come back as they are."""
        low, high = self._luma(darkest), self._luma(brightest)
        offsets = codes.astype(np.float32) - np.float32(self._scale.chroma_mid)
        factor = self._factor(offsets, low, high)
        rounded = np.rint(offsets * factor)
        out = self._factor(rounded, low, high) < np.float32(_FITS)
        if out.any():
            rounded[:, out] = np.rint(offsets[:, out] * self._safe_factor(offsets[:, out], low[out], high[out]))
        fitted = (rounded + np.float32(self._scale.chroma_mid)).astype(codes.dtype)
        return np.where(factor < np.float32(_FITS), fitted, codes)

    def _luma(self, code: Samples) -> Float32:
        return (code.astype(np.float32) - np.float32(self._scale.luma_black)) / np.float32(self._scale.luma_span)

    def _factor(self, offsets: Float32, low: Float32, high: Float32) -> Float32:
        """Largest factor in [0, 1] that fits both the darkest and the brightest luma; see `gamut_scale`."""
        red, green, blue = rgb_offsets(offsets / np.float32(self._scale.chroma_span), self._matrix)
        lowest = np.minimum(np.minimum(red, green), blue)
        highest = np.maximum(np.maximum(red, green), blue)
        factor: Float32 = low / np.maximum(-lowest, _TINY)
        np.minimum(factor, (1 - high) / np.maximum(highest, _TINY), out=factor)
        return np.clip(factor, 0, 1, out=factor)

    def _safe_factor(self, offsets: Float32, low: Float32, high: Float32) -> Float32:
        """Largest factor that fits even if rounding then moves every channel by its reserve."""
        rgb = rgb_offsets(offsets / np.float32(self._scale.chroma_span), self._matrix)
        reserve = self._reserve[:, None]
        room = np.where(rgb < 0, low - reserve, 1 - high - reserve)
        # A channel that chroma hardly moves has no limit of its own, but rounding moves it too.
        room[:, np.minimum(low, 1 - high) < self._reserve.max()] = 0
        factor: Float32 = np.clip((room / np.maximum(np.abs(rgb), _TINY)).min(axis=0), 0, 1)
        return factor


def shared_extremes(luma: Samples, step_x: int, step_y: int) -> tuple[Samples, Samples]:
    """Smallest and largest of the luma codes that share a chroma sample, each (chroma height, chroma width)."""
    height, width = luma.shape
    bottom, right = -height % step_y, -width % step_x
    whole: NDArray[Any] = np.pad(luma, ((0, bottom), (0, right)), mode="edge") if bottom or right else luma
    return _reduce(np.minimum, whole, step_x, step_y), _reduce(np.maximum, whole, step_x, step_y)


def _reduce(combine: np.ufunc, plane: NDArray[Any], step_x: int, step_y: int) -> NDArray[Any]:
    rows = reduce(combine, [plane[i::step_y] for i in range(step_y)])
    return np.ascontiguousarray(reduce(combine, [rows[:, i::step_x] for i in range(step_x)]))


@lru_cache(maxsize=8)
def _luma_tables(matrix: Matrix, scale: CodeScale) -> tuple[Samples, Samples]:
    """Lowest and highest luma code for each (Cb >> n, Cr >> n), both (65536,)."""
    cell = 1 << (scale.bits - 8)
    start = np.arange(256) * cell
    corners = [np.stack([cb, cr]) for cb in _ends(start[:, None], cell) for cr in _ends(start[None, :], cell)]
    lowest = np.zeros((256, 256))
    highest = np.full((256, 256), float(scale.max_code))
    for corner in corners:
        offsets = rgb_offsets((corner - scale.chroma_mid) / scale.chroma_span, matrix)
        black = scale.luma_black - scale.luma_span * np.minimum(offsets.min(axis=0), 0.0)
        white = scale.luma_white - scale.luma_span * np.maximum(offsets.max(axis=0), 0.0)
        lowest = np.maximum(lowest, np.ceil(black - 1e-6))
        highest = np.minimum(highest, np.floor(white + 1e-6))
    return _as_codes(lowest, scale), _as_codes(highest, scale)


def _as_codes(table: NDArray[np.float64], scale: CodeScale) -> Samples:
    codes = np.clip(table, 0, scale.max_code).ravel()
    return codes.astype(np.uint8) if scale.bits <= 8 else codes.astype(np.uint16)


def _ends(start: NDArray[np.intp], cell: int) -> list[NDArray[np.intp]]:
    shape = np.zeros((256, 256), dtype=np.intp)
    return [start + shape, start + shape + cell - 1]


def _rounding_reserve(matrix: Matrix, scale: CodeScale) -> Float32:
    """How far (R', G', B') can move when Cb and Cr are each rounded by half a code."""
    red, green, blue = chroma_to_rgb_weights(matrix)
    reach = np.array([red, abs(green[0]) + abs(green[1]), blue])
    return (0.5 / scale.chroma_span * reach).astype(np.float32)
