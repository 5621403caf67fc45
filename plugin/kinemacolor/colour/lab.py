"""Linear RGB of a set of primaries <-> CIE XYZ <-> CIELAB, all relative to D65.

Primaries: BT.709-6, BT.601-7, BT.2020-2, SMPTE ST 240, SMPTE EG 432-1 (P3-D65), as in H.273 table 2. The RGB to XYZ
matrix follows SMPTE RP 177 from the chromaticities, never from a printed rounded matrix, so that R = G = B is exactly
the white point and has a* = b* = 0. CIELAB: CIE 15:2018, section 8.2.1, with the exact constants (6/29)^3 and (29/3)^3.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .arrays import Float64, FloatT
from .encoding import Primaries

__all__ = [
    "D65_XY",
    "lab_function",
    "lab_inverse",
    "lab_to_linear_rgb",
    "linear_rgb_to_lab",
    "relative_xyz_to_rgb",
    "rgb_to_relative_xyz",
]

D65_XY = (0.3127, 0.3290)

_LAB_KNEE = 6.0 / 29.0
"""Value of f(t) at which CIELAB changes from cube root to straight line."""
_LAB_SLOPE = 3.0 * _LAB_KNEE * _LAB_KNEE
"""Slope of the inverse of f below the knee."""
_LAB_BLACK = 4.0 / 29.0
"""f(0)."""

_XY_170M = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
_CHROMATICITIES: dict[Primaries, tuple[tuple[float, float], ...]] = {
    Primaries.BT709: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    Primaries.BT470BG: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
    Primaries.SMPTE170M: _XY_170M,
    Primaries.SMPTE240M: _XY_170M,
    Primaries.BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    Primaries.DISPLAY_P3: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}


def _xyz_of_xy(xy: tuple[float, float]) -> Float64:
    x, y = xy
    return np.array([x / y, 1.0, (1.0 - x - y) / y])


@lru_cache(maxsize=len(Primaries))
def _rgb_to_relative_xyz(primaries: Primaries) -> Float64:
    columns = np.stack([_xyz_of_xy(xy) for xy in _CHROMATICITIES[primaries]], axis=1)
    white = _xyz_of_xy(D65_XY)
    result: Float64 = columns * np.linalg.solve(columns, white) / white[:, None]
    result.flags.writeable = False
    return result


def rgb_to_relative_xyz(primaries: Primaries) -> Float64:
    """(3, 3) matrix from linear RGB to (X/Xn, Y/Yn, Z/Zn); every row sums to 1. Read-only."""
    return _rgb_to_relative_xyz(primaries)


def relative_xyz_to_rgb(primaries: Primaries) -> Float64:
    """(3, 3) inverse of `rgb_to_relative_xyz`."""
    return np.asarray(np.linalg.inv(_rgb_to_relative_xyz(primaries)), dtype=np.float64)


def _mix(matrix: Float64, planes: NDArray[FloatT]) -> NDArray[FloatT]:
    # Written out instead of a BLAS product, whose last bit may depend on its thread count.
    weights = matrix.astype(planes.dtype)
    rows = [row[0] * planes[0] + row[1] * planes[1] + row[2] * planes[2] for row in weights]
    return np.stack(rows)


def lab_function(ratio: NDArray[FloatT]) -> NDArray[FloatT]:
    """f(t) of CIE 15: cube root above (6/29)^3, a straight line below. Same shape and dtype."""
    one = ratio.dtype.type
    line = ratio / one(_LAB_SLOPE) + one(_LAB_BLACK)
    return np.where(ratio > one(_LAB_KNEE**3), np.cbrt(ratio), line)


def lab_inverse(value: NDArray[FloatT]) -> NDArray[FloatT]:
    """The t of f(t). Same shape and dtype."""
    one = value.dtype.type
    # The line is the tangent of the cube at the knee, so cube(max) + line(rest) needs no mask.
    high = np.maximum(value, one(_LAB_KNEE))
    result: NDArray[FloatT] = high * high * high + one(_LAB_SLOPE) * (value - high)
    return result


def linear_rgb_to_lab(rgb: NDArray[FloatT], primaries: Primaries) -> NDArray[FloatT]:
    """CIELAB under D65 of linear RGB.

    Args:
        rgb: (3, ...), 1.0 is diffuse white.
        primaries: Of the RGB values.

    Returns:
        (3, ...): L* (100 is diffuse white), a*, b*.
    """
    fx, fy, fz = lab_function(_mix(rgb_to_relative_xyz(primaries), rgb))
    return np.stack([fy * 116 - 16, (fx - fy) * 500, (fy - fz) * 200])


def lab_to_linear_rgb(lab: NDArray[FloatT], primaries: Primaries) -> NDArray[FloatT]:
    """Inverse of `linear_rgb_to_lab`; not clipped, so colours outside the gamut have parts below 0 or above 1."""
    fy = (lab[0] + 16) / 116
    xyz = lab_inverse(np.stack([fy + lab[1] / 500, fy, fy - lab[2] / 200]))
    return _mix(relative_xyz_to_rgb(primaries), xyz)
