"""Non-linear signal to displayed linear light and back.

One convention for all: linear 1.0 is diffuse white. For SDR that is Y' = 1. For PQ and HLG it is 203 cd/m2
(ITU-R BT.2408-7, section 2.1), so highlights are above 1; `lightness_table` clips them to L* = 100, the solve does
not.

BT.709, BT.601, BT.2020 and SMPTE 240M tags name a *camera* curve. Pictures are not made by that curve but by
looking at a display, and the display is BT.1886: with black at zero, exactly a power of 2.4. Lightness is what
the eye sees, so the display function is used (BT.709-6 says so itself in the note to item 1.2).

PQ: SMPTE ST 2084 / BT.2100-2 table 4. HLG: BT.2100-2 table 5 with its opto-optical transfer of a 1000 cd/m2
display (gamma 1.2) applied to each component: exact on neutrals, and it keeps the solve one-dimensional.
sRGB: IEC 61966-2-1. Values below zero are taken for zero.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import FloatT
from .encoding import Transfer

__all__ = ["HDR_DIFFUSE_WHITE_NITS", "from_linear", "to_linear"]

HDR_DIFFUSE_WHITE_NITS = 203.0
"""BT.2408-7: level of diffuse white in PQ and HLG; this is linear 1.0 here."""

_SRGB_SLOPE = 12.92
_SRGB_OFFSET = 0.055
_SRGB_GAMMA = 2.4
_SRGB_KNEE_CODE = 0.04045
_SRGB_KNEE_LIGHT = _SRGB_KNEE_CODE / _SRGB_SLOPE
_SRGB_POWER_AT_KNEE = ((_SRGB_KNEE_CODE + _SRGB_OFFSET) / (1.0 + _SRGB_OFFSET)) ** _SRGB_GAMMA
_SRGB_ROOT_AT_KNEE = _SRGB_KNEE_LIGHT ** (1.0 / _SRGB_GAMMA)

_PQ_PEAK = 10000.0 / HDR_DIFFUSE_WHITE_NITS
_PQ_M1 = 2610.0 / 16384.0
_PQ_M2 = 2523.0 / 4096.0 * 128.0
_PQ_C1 = 3424.0 / 4096.0
_PQ_C2 = 2413.0 / 4096.0 * 32.0
_PQ_C3 = 2392.0 / 4096.0 * 32.0

_HLG_PEAK = 1000.0 / HDR_DIFFUSE_WHITE_NITS
_HLG_SYSTEM_GAMMA = 1.2
_HLG_A = 0.17883277
_HLG_B = 1.0 - 4.0 * _HLG_A
_HLG_C = 0.5 - _HLG_A * math.log(4.0 * _HLG_A)

_GAMMA: dict[Transfer, float] = {
    Transfer.BT709: 2.4,
    Transfer.SMPTE170M: 2.4,
    Transfer.SMPTE240M: 2.4,
    Transfer.BT2020_10: 2.4,
    Transfer.BT2020_12: 2.4,
    Transfer.GAMMA22: 2.2,
    Transfer.GAMMA28: 2.8,
}

_Curve = Callable[[NDArray[Any]], NDArray[Any]]


def to_linear(values: NDArray[FloatT], transfer: Transfer) -> NDArray[FloatT]:
    """Displayed linear light of non-linear values.

    Args:
        values: Y', R', G' or B', any shape, nominal range [0, 1].
        transfer: The tag of the clip.

    Returns:
        Same shape and dtype, >= 0; 1.0 is diffuse white, above it only for PQ (to 49.3) and HLG (to 4.9).
    """
    positive = np.maximum(values, values.dtype.type(0))
    if transfer in _GAMMA:
        return np.power(positive, values.dtype.type(_GAMMA[transfer]))
    return _TO_LINEAR[transfer](positive).astype(values.dtype, copy=False)


def from_linear(values: NDArray[FloatT], transfer: Transfer) -> NDArray[FloatT]:
    """Non-linear values of displayed linear light, the inverse of `to_linear`. Same shape and dtype."""
    positive = np.maximum(values, values.dtype.type(0))
    if transfer in _GAMMA:
        return np.power(positive, values.dtype.type(1.0 / _GAMMA[transfer]), out=positive)
    return _FROM_LINEAR[transfer](positive).astype(values.dtype, copy=False)


def _identity(values: NDArray[Any]) -> NDArray[Any]:
    return values


def _srgb_to_linear(code: NDArray[Any]) -> NDArray[Any]:
    # Each branch stands still beyond the knee, so their sum needs no mask; the last line takes float32 noise off zero.
    result: NDArray[Any] = np.maximum(code, _SRGB_KNEE_CODE)
    result += _SRGB_OFFSET
    result /= 1.0 + _SRGB_OFFSET
    np.power(result, _SRGB_GAMMA, out=result)
    result -= _SRGB_POWER_AT_KNEE
    line = np.minimum(code, _SRGB_KNEE_CODE)
    line /= _SRGB_SLOPE
    result += line
    np.maximum(result, 0.0, out=result)
    return result


def _srgb_from_linear(light: NDArray[Any]) -> NDArray[Any]:
    result: NDArray[Any] = np.maximum(light, _SRGB_KNEE_LIGHT)
    np.power(result, 1.0 / _SRGB_GAMMA, out=result)
    result -= _SRGB_ROOT_AT_KNEE
    result *= 1.0 + _SRGB_OFFSET
    line = np.minimum(light, _SRGB_KNEE_LIGHT)
    line *= _SRGB_SLOPE
    result += line
    np.maximum(result, 0.0, out=result)
    return result


def _pq_to_linear(code: NDArray[Any]) -> NDArray[Any]:
    root = code.astype(np.float64) ** (1.0 / _PQ_M2)
    ratio = np.maximum(root - _PQ_C1, 0.0) / (_PQ_C2 - _PQ_C3 * root)
    return _PQ_PEAK * ratio ** (1.0 / _PQ_M1)


def _pq_from_linear(light: NDArray[Any]) -> NDArray[Any]:
    # float64: the exponent 78.8 turns an error of float32 into half a code of 12 bits.
    root = (light.astype(np.float64) / _PQ_PEAK) ** _PQ_M1
    return ((_PQ_C1 + _PQ_C2 * root) / (1.0 + _PQ_C3 * root)) ** _PQ_M2


def _hlg_to_linear(code: NDArray[Any]) -> NDArray[Any]:
    high = np.exp((np.maximum(code, 0.5) - _HLG_C) / _HLG_A) + _HLG_B
    scene = np.where(code <= 0.5, 4.0 * code * code, high) / 12.0
    result: NDArray[Any] = _HLG_PEAK * scene**_HLG_SYSTEM_GAMMA
    return result


def _hlg_from_linear(light: NDArray[Any]) -> NDArray[Any]:
    scene = (light / _HLG_PEAK) ** (1.0 / _HLG_SYSTEM_GAMMA)
    high = _HLG_A * np.log(np.maximum(12.0 * scene, 1.0) - _HLG_B) + _HLG_C
    return np.where(scene <= 1.0 / 12.0, np.sqrt(3.0 * scene), high)


_TO_LINEAR: dict[Transfer, _Curve] = {
    Transfer.LINEAR: _identity,
    Transfer.SRGB: _srgb_to_linear,
    Transfer.PQ: _pq_to_linear,
    Transfer.HLG: _hlg_to_linear,
}

_FROM_LINEAR: dict[Transfer, _Curve] = {
    Transfer.LINEAR: _identity,
    Transfer.SRGB: _srgb_from_linear,
    Transfer.PQ: _pq_from_linear,
    Transfer.HLG: _hlg_from_linear,
}
