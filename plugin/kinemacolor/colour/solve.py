"""Chroma of a colour whose luma Y' and CIELAB a*, b* are given: the solve at constant Y'.

Lightness L* is the unknown. With f = (L* + 16) / 116 (CIE 15), X/Xn = g(f + a*/500), Y/Yn = g(f), Z/Zn = g(f - b*/200)
with g the inverse of CIELAB's f; the matrix of the primaries gives R, G, B, the transfer function R', G', B', and
Kr R' + Kg G' + Kb B' must be the Y' that was given. It grows with f, so there is one root. (Transfer functions are
continued as odd functions below zero, so that a root exists for every a*, b*. For a* and b* far outside the gamut,
beyond a chroma of 60, the sum can turn back a little in the dark; any root will do there.)

If R', G' and B' of the root are in [0, 1], that is the colour. If not, no colour in the gamut has this Y', a* and b*,
and the root is moved toward neutral along the straight line of constant Y' and constant Cb : Cr until it fits.

How it is computed, for all pixels at once:

1. f from a table over (Y', a*, b*): the nearest node and its slopes. f is smooth even where R', G' or B' as functions
   of f are not (a power of 1 / 2.4 is vertical at zero), which is why f is tabulated and not chroma, and why this needs
   no iteration where Newton's method needs many.
2. R'G'B' of that f, and the residual of Y'. Pixels with a large one (a few in a hundred) go on by bisection around f.
3. The residual is shared out over R', G', B' in proportion to how steep each one is: Newton's last step, taken after
   the transfer function instead of before it, which stays exact at the vertical places.

Y' itself is never computed anew: it is an input and stays one.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .arrays import Float32
from .encoding import ColourEncoding, Matrix, Primaries, Transfer
from .gamut import gamut_scale
from .lab import lab_function, lab_inverse, relative_xyz_to_rgb
from .matrix import luma_weights
from .transfer import from_linear, to_linear

__all__ = ["LAB_LIMIT", "ChromaSolver", "solve_chroma"]

LAB_LIMIT = 128.0
"""a* and b* are clipped to +-128: the range of the wire, and beyond every colour of BT.709."""

_CHROMA_NODES = 65
"""Of the root table along a* and along b*: steps of 4."""
_LUMA_NODES = 129
"""Along Y'. Every second one is solved; what lies between, less the neutral's f, is straight enough to be averaged."""
_FILL_BISECTIONS = 22
_LARGE_RESIDUAL = 1e-3
_REFINE_REACH = 0.016
"""Largest error of f from the root table, measured: 0.012."""
_REFINE_BISECTIONS = 8


class _LumaModel:
    """R'G'B' and Y' as functions of f, a*, b*, for one encoding. Arrays of any shape, float32."""

    def __init__(self, matrix: Matrix, transfer: Transfer, primaries: Primaries) -> None:
        self.weights = np.asarray(luma_weights(matrix), dtype=np.float32)
        self.transfer = transfer
        self.rows = relative_xyz_to_rgb(primaries).astype(np.float32)

    def linear(self, f: Float32, a: Float32, b: Float32) -> Float32:
        """Linear (3, ...) RGB."""
        x = lab_inverse(f + a * np.float32(1 / 500))
        y = lab_inverse(f)
        z = lab_inverse(f - b * np.float32(1 / 200))
        rgb = np.empty((3, *f.shape), dtype=np.float32)
        for row, plane in zip(self.rows, rgb, strict=True):
            np.multiply(x, row[0], out=plane)
            plane += y * row[1]
            plane += z * row[2]
        return rgb

    def signal(self, linear: Float32) -> Float32:
        """R'G'B', odd in its argument."""
        result: Float32 = np.copysign(from_linear(np.abs(linear), self.transfer), linear)
        return result

    def luma(self, signal: Float32) -> Float32:
        """Y' of (3, ...) R'G'B'."""
        red, green, blue = self.weights
        result: Float32 = signal[0] * red + signal[1] * green + signal[2] * blue
        return result

    def bisect(self, luma: Float32, ab: Float32, low: Float32, high: Float32, steps: int) -> Float32:
        """The f between `low` and `high` where Y' is `luma`, to (high - low) / 2**steps / 2."""
        width = (high - low) * np.float32(0.5)
        f = low + width
        for _ in range(steps):
            width *= np.float32(0.5)
            shortfall = luma - self.luma(self.signal(self.linear(f, ab[0], ab[1])))
            f += np.copysign(width, shortfall)
        return f


class _Tables(NamedTuple):
    """What the solve reads for one encoding. Tables are (_LUMA_NODES * _CHROMA_NODES**2,), in the order Y', a*, b*."""

    model: _LumaModel
    root: Float32
    """f at each node."""
    slopes: tuple[Float32, Float32, Float32]
    """Change of f per node step along Y', a*, b*."""


@lru_cache(maxsize=8)
def _tables(matrix: Matrix, transfer: Transfer, primaries: Primaries) -> _Tables:
    model = _LumaModel(matrix, transfer, primaries)
    luma = np.linspace(0, 1, _LUMA_NODES)
    chroma = np.linspace(-LAB_LIMIT, LAB_LIMIT, _CHROMA_NODES)
    neutral = lab_function(to_linear(luma, transfer)).astype(np.float32)[:, None, None]
    grid = np.stack(np.meshgrid(luma[::2], chroma, chroma, indexing="ij")).astype(np.float32)
    low = np.full(grid[0].shape, -1.0, dtype=np.float32)
    high = np.full(grid[0].shape, neutral.max() + 0.7, dtype=np.float32)
    root = np.empty((_LUMA_NODES, _CHROMA_NODES, _CHROMA_NODES), dtype=np.float32)
    root[::2] = model.bisect(grid[0], grid[1:], low, high, _FILL_BISECTIONS) - neutral[::2]
    root[1::2] = (root[:-1:2] + root[2::2]) / 2
    root += neutral
    slopes = np.gradient(root)
    for array in (root, *slopes):
        array.flags.writeable = False
    return _Tables(model, root.ravel(), (slopes[0].ravel(), slopes[1].ravel(), slopes[2].ravel()))


class ChromaSolver:
    """The solve for one colour encoding.

    Making one takes a few tenths of a second the first time for an encoding (tables), nothing after that.

    Args:
        encoding: Of the clip; its range does not matter here.
    """

    def __init__(self, encoding: ColourEncoding) -> None:
        self._encoding = encoding
        self._tables = _tables(encoding.matrix, encoding.transfer, encoding.primaries)

    def solve(self, luma: Float32, lab_ab: Float32) -> Float32:
        """The chroma; arguments, result and errors as of `solve_chroma`."""
        if lab_ab.shape != (2, *luma.shape):
            raise ValueError(f"expected a*b* of shape {(2, *luma.shape)} beside the luma, found {lab_ab.shape}")
        y = np.clip(luma, np.float32(0), np.float32(1)).ravel()
        ab = np.clip(lab_ab, np.float32(-LAB_LIMIT), np.float32(LAB_LIMIT)).reshape(2, -1)
        model = self._tables.model
        f = self._start(y, ab)
        linear = model.linear(f, ab[0], ab[1])
        signal = model.signal(linear)
        residual = y - model.luma(signal)
        self._refine(y, ab, f, linear, signal, residual)
        cbcr = self._chroma(y, linear, signal, residual)
        cbcr *= gamut_scale(y, cbcr, self._encoding.matrix)
        cbcr *= (ab != 0).any(axis=0)  # float noise beside a neutral would cost a picture of floats its last bits
        return cbcr.reshape(lab_ab.shape)

    def _start(self, y: Float32, ab: Float32) -> Float32:
        """The f of the nearest node, carried on along its slopes."""
        node = np.zeros(y.shape, dtype=np.int32)
        steps = []
        for values, low, high, count in (
            (y, 0.0, 1.0, _LUMA_NODES),
            (ab[0], -LAB_LIMIT, LAB_LIMIT, _CHROMA_NODES),
            (ab[1], -LAB_LIMIT, LAB_LIMIT, _CHROMA_NODES),
        ):
            place = values * np.float32((count - 1) / (high - low))
            place -= np.float32(low * (count - 1) / (high - low))
            nearest = np.rint(place)
            place -= nearest
            steps.append(place)
            node *= np.int32(count)
            node += nearest.astype(np.int32)
        f = np.take(self._tables.root, node)
        for step, slope in zip(steps, self._tables.slopes, strict=True):
            step *= np.take(slope, node)
            f += step
        return f

    def _refine(self, y: Float32, ab: Float32, f: Float32, linear: Float32, signal: Float32, residual: Float32) -> None:
        """Bisect where the table was not good enough; changes the last three in place."""
        where = np.flatnonzero(np.abs(residual) > np.float32(_LARGE_RESIDUAL))
        if where.size == 0:
            return
        model, start, few = self._tables.model, f[where], ab[:, where]
        reach = np.float32(_REFINE_REACH)
        better = model.bisect(y[where], few, start - reach, start + reach, _REFINE_BISECTIONS)
        linear[:, where] = model.linear(better, few[0], few[1])
        signal[:, where] = model.signal(linear[:, where])
        residual[where] = y[where] - model.luma(signal[:, where])

    def _chroma(self, y: Float32, linear: Float32, signal: Float32, residual: Float32) -> Float32:
        """Share the residual out by steepness, then Cb and Cr. Changes `linear` and `residual`."""
        red, _, blue = self._tables.model.weights
        # C' / C is proportional to dC'/dC of a power; the small terms keep 0 / 0 finite.
        steep = np.abs(linear, out=linear)
        steep += np.float32(1e-6)
        np.divide(np.abs(signal) + np.float32(1e-3), steep, out=steep)
        residual /= self._tables.model.luma(steep)
        cbcr = np.empty((2, *y.shape), dtype=np.float32)
        for plane, channel, weight in ((cbcr[0], 2, blue), (cbcr[1], 0, red)):
            np.multiply(steep[channel], residual, out=plane)
            plane += signal[channel]
            plane -= y
            plane *= np.float32(0.5) / (np.float32(1) - weight)
        return cbcr


def solve_chroma(luma: Float32, lab_ab: Float32, encoding: ColourEncoding) -> Float32:
    """Chroma of the colours with exactly this luma and these a*, b*.

    Args:
        luma: (h, w) non-linear Y' in [0, 1]; outside is clipped.
        lab_ab: (2, h, w) a* and b*, any finite values; clipped to +-128.
        encoding: Matrix, transfer and primaries of the clip.

    Returns:
        (2, h, w) Cb and Cr in [-0.5, 0.5], inside the gamut at this luma; exactly 0 where Y' is 0 or 1 and where a* and
        b* are 0.

    Raises:
        ValueError: The shapes do not belong together.
    """
    return ChromaSolver(encoding).solve(luma, lab_ab)
