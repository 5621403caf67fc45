"""What a colour may be at a given luma: the cut of the R'G'B' cube by the plane Y' = constant.

The cut is a convex polygon in (Cb, Cr) with neutral inside. So every chroma can be scaled toward neutral until it
fits, and any mixture of chroma values that fit a luma fits it as well.
"""

import numpy as np
from numpy.typing import NDArray

from .arrays import FloatT
from .encoding import Matrix
from .matrix import chroma_to_rgb_weights

__all__ = ["gamut_scale", "rgb_offsets"]

_TINY = 1e-9


def rgb_offsets(cbcr: NDArray[FloatT], matrix: Matrix) -> NDArray[FloatT]:
    """(R' - Y', G' - Y', B' - Y') that chroma adds to luma. (2, ...) -> (3, ...)."""
    red, green, blue = chroma_to_rgb_weights(matrix)
    offsets = np.empty((3, *cbcr.shape[1:]), dtype=cbcr.dtype)
    np.multiply(cbcr[1], red, out=offsets[0])
    np.multiply(cbcr[0], green[0], out=offsets[1])
    offsets[1] += cbcr[1] * cbcr.dtype.type(green[1])
    np.multiply(cbcr[0], blue, out=offsets[2])
    return offsets


def gamut_scale(luma: NDArray[FloatT], cbcr: NDArray[FloatT], matrix: Matrix) -> NDArray[FloatT]:
    """Largest factor in [0, 1] by which chroma may be multiplied so that R', G' and B' stay in [0, 1].

    Args:
        luma: (...) Y'. Outside [0, 1] nothing but neutral fits and the factor is 0.
        cbcr: (2, ...).
        matrix: Of both.

    Returns:
        (...) of the dtype given.
    """
    red, green, blue = rgb_offsets(cbcr, matrix)
    one = luma.dtype.type
    lowest = np.minimum(np.minimum(red, green), blue)
    highest = np.maximum(np.maximum(red, green), blue)
    below = luma / np.maximum(-lowest, one(_TINY))
    above = (one(1) - luma) / np.maximum(highest, one(_TINY))
    factor: NDArray[FloatT] = np.clip(np.minimum(below, above), one(0), one(1))
    return factor
