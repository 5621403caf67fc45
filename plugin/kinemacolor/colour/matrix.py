"""Luma and chroma of R'G'B', and the codes that carry them.

Sources: ITU-R BT.601-7, BT.709-6 and BT.2020-2 (Kr, Kb, quantisation), SMPTE ST 240, FCC 73.682; all of them are
collected in ITU-T H.273 (07/2021), clause 8.3, whose equations are quoted by number below.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .arrays import FloatT
from .encoding import Matrix, Range

__all__ = [
    "MAX_BITS",
    "MIN_BITS",
    "CodeScale",
    "chroma_to_code",
    "chroma_to_rgb_weights",
    "code_scale",
    "code_to_chroma",
    "code_to_luma",
    "luma_to_code",
    "luma_weights",
    "rgb_to_ycbcr",
    "ycbcr_to_rgb",
]

MIN_BITS = 8
MAX_BITS = 16

# H.273 table 4: (Kr, Kb).
_KR_KB: dict[Matrix, tuple[float, float]] = {
    Matrix.BT709: (0.2126, 0.0722),
    Matrix.FCC: (0.30, 0.11),
    Matrix.BT470BG: (0.299, 0.114),
    Matrix.SMPTE170M: (0.299, 0.114),
    Matrix.SMPTE240M: (0.212, 0.087),
    Matrix.BT2020_NCL: (0.2627, 0.0593),
}


def luma_weights(matrix: Matrix) -> tuple[float, float, float]:
    """Weights (Kr, Kg, Kb) of R', G', B' in luma Y'; their sum is 1."""
    kr, kb = _KR_KB[matrix]
    return kr, 1.0 - kr - kb, kb


def rgb_to_ycbcr(rgb: NDArray[FloatT], matrix: Matrix) -> NDArray[FloatT]:
    """Luma and chroma of non-linear R'G'B' (H.273 equations 38 to 40).

    Args:
        rgb: (3, ...), nominal range [0, 1].
        matrix: Which luma.

    Returns:
        (3, ...): Y' in [0, 1], Cb and Cr in [-0.5, 0.5].
    """
    kr, kg, kb = luma_weights(matrix)
    luma = kr * rgb[0] + kg * rgb[1] + kb * rgb[2]
    cb = (rgb[2] - luma) / (2.0 * (1.0 - kb))
    cr = (rgb[0] - luma) / (2.0 * (1.0 - kr))
    return np.stack([luma, cb, cr])


def ycbcr_to_rgb(ycbcr: NDArray[FloatT], matrix: Matrix) -> NDArray[FloatT]:
    """R'G'B' of luma and chroma, the inverse of `rgb_to_ycbcr`; not clipped. (3, ...) -> (3, ...)."""
    luma, cb, cr = ycbcr
    red, green, blue = chroma_to_rgb_weights(matrix)
    return np.stack([luma + cr * red, luma + cb * green[0] + cr * green[1], luma + cb * blue])


def chroma_to_rgb_weights(matrix: Matrix) -> tuple[float, tuple[float, float], float]:
    """What chroma adds to luma: R' - Y' = red Cr, G' - Y' = green[0] Cb + green[1] Cr, B' - Y' = blue Cb."""
    kr, kg, kb = luma_weights(matrix)
    red, blue = 2.0 * (1.0 - kr), 2.0 * (1.0 - kb)
    return red, (-kb * blue / kg, -kr * red / kg), blue


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeScale:
    """Where the codes of one depth and range lie: code = black + span * value, and the same for chroma."""

    bits: int
    luma_black: int
    """Code of Y' = 0 (and of R' = 0)."""
    luma_span: int
    """Codes from black to white."""
    chroma_mid: int
    """Code of neutral chroma."""
    chroma_span: int
    """Codes from Cb = -0.5 to Cb = 0.5."""

    @property
    def luma_white(self) -> int:
        """Code of Y' = 1."""
        return self.luma_black + self.luma_span

    @property
    def max_code(self) -> int:
        """The largest code that the depth can hold."""
        return (1 << self.bits) - 1


def code_scale(bits: int, range_: Range) -> CodeScale:
    """Quantisation of H.273, equations 30 to 32 (limited) and 33 to 37 (full).

    Raises:
        ValueError: `bits` is not 8 to 16.
    """
    if not MIN_BITS <= bits <= MAX_BITS:
        raise ValueError(f"expected {MIN_BITS} to {MAX_BITS} bits a sample, found {bits}")
    mid = 1 << (bits - 1)
    if range_ is Range.FULL:
        peak = (1 << bits) - 1
        return CodeScale(bits=bits, luma_black=0, luma_span=peak, chroma_mid=mid, chroma_span=peak)
    unit = 1 << (bits - 8)
    return CodeScale(bits=bits, luma_black=16 * unit, luma_span=219 * unit, chroma_mid=mid, chroma_span=224 * unit)


def luma_to_code(luma: NDArray[FloatT], scale: CodeScale) -> NDArray[np.uint16]:
    """Codes of Y' (or of R', G', B') in [0, 1], rounded to nearest and clipped to the depth. Any shape."""
    code = np.rint(luma * scale.luma_span + scale.luma_black)
    return np.clip(code, 0, scale.max_code).astype(np.uint16)


def code_to_luma(code: NDArray[np.integer], scale: CodeScale) -> NDArray[np.float32]:
    """Y' (or R', G', B') of codes; codes outside black and white give values outside [0, 1]. Any shape."""
    shifted = code.astype(np.float32) - np.float32(scale.luma_black)
    return np.asarray(shifted / np.float32(scale.luma_span), dtype=np.float32)


def chroma_to_code(chroma: NDArray[FloatT], scale: CodeScale) -> NDArray[np.uint16]:
    """Codes of Cb or Cr in [-0.5, 0.5], rounded to nearest and clipped to the depth. Any shape."""
    code = np.rint(chroma * scale.chroma_span + scale.chroma_mid)
    return np.clip(code, 0, scale.max_code).astype(np.uint16)


def code_to_chroma(code: NDArray[np.integer], scale: CodeScale) -> NDArray[np.float32]:
    """Cb or Cr of codes. Any shape."""
    shifted = code.astype(np.float32) - np.float32(scale.chroma_mid)
    return np.asarray(shifted / np.float32(scale.chroma_span), dtype=np.float32)
