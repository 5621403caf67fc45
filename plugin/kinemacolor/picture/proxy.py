"""Proxy luma: the small picture that the network sees.

Size: the preset gives the short side of the *displayed* picture (square pixels). Nothing is enlarged in either
direction. The long side is at most four times the preset, so that a strip of 20000 x 100 pixels stays affordable:
it then gets a shorter short side, never another shape.

Values: Y' with the black code at 0 and the white code at 65535, averaged over the area of each proxy sample. Pictures
at least four times as large are halved first by the mean of 2 x 2, which is twice as fast and moves a fraction of one
border pixel in four. Codes are averaged in 16 bits and scaled afterwards, so grain around white is averaged before it
is clipped.
"""

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.arrays import Float32
from kinemacolor.colour.encoding import Matrix, Range
from kinemacolor.colour.matrix import CodeScale, code_scale, luma_weights

from .pixel import Samples

__all__ = [
    "MAX_ASPECT",
    "QUALITY_SHORT_SIDE_PX",
    "Proxy",
    "luma_of_rgb",
    "make_proxy",
    "make_proxy_rgb",
    "proxy_of_float",
    "proxy_of_wide",
    "proxy_size",
    "widen",
]

QUALITY_SHORT_SIDE_PX: Mapping[str, int] = MappingProxyType({"draft": 192, "standard": 256, "high": 288})
"""Short side of the proxy for each quality preset."""

MAX_ASPECT = 4
"""The long side of a proxy is at most this many times the preset's short side."""

Proxy = NDArray[np.uint16]
"""(h, w), Y' = value / 65535, contiguous."""

_WIDE_BITS = 16


def proxy_size(
    width_px: int, height_px: int, short_side_px: int, sample_aspect_ratio: Fraction = Fraction(1)
) -> tuple[int, int]:
    """Size of the proxy of a picture.

    Args:
        width_px: Of the full-size luma, in samples.
        height_px: Of the full-size luma.
        short_side_px: Short side wanted, of the displayed picture.
        sample_aspect_ratio: Width of a sample over its height; the proxy has square pixels.

    Returns:
        (width, height), each at least 1 and not above the source's.

    Raises:
        ValueError: Anything is not positive.
    """
    if min(width_px, height_px, short_side_px) < 1 or sample_aspect_ratio <= 0:
        raise ValueError(
            f"expected positive sizes and aspect, found {width_px} x {height_px}, short side {short_side_px}, "
            f"sample aspect ratio {sample_aspect_ratio}"
        )
    shown_width = width_px * sample_aspect_ratio
    shown_height = Fraction(height_px)
    scale = min(
        Fraction(1),
        1 / sample_aspect_ratio,
        short_side_px / min(shown_width, shown_height),
        MAX_ASPECT * short_side_px / max(shown_width, shown_height),
    )
    return max(1, _nearest(shown_width * scale)), max(1, _nearest(shown_height * scale))


def _nearest(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


def widen(luma: Samples, bits: int, out: NDArray[np.uint16] | None = None) -> NDArray[np.uint16]:
    """Codes shifted up to 16 bits, exact. (h, w) of any strides; `out` of the same shape saves the allocation."""
    factor = np.uint16(1 << (_WIDE_BITS - bits))
    wide: NDArray[np.uint16] = np.multiply(luma, factor, out=out, dtype=np.uint16)
    return wide


def make_proxy(luma: Samples, bits: int, range_: Range, size: tuple[int, int]) -> Proxy:
    """Proxy of a luma plane. The same bytes on every run and for every thread count of OpenCV.

    Args:
        luma: (H, W) codes; strided views are fine.
        bits: Significant bits of a code, 8 to 16.
        range_: Which codes are black and white.
        size: (width, height) from `proxy_size`.

    Returns:
        (height, width) uint16; 0 at or below black, 65535 at or above white.

    Raises:
        ValueError: `luma` is not a plane, is smaller than `size`, or `bits` is unknown.
    """
    scale = code_scale(bits, range_)
    _check_plane(luma, size)
    return proxy_of_wide(widen(luma, bits), scale, size)


def proxy_of_wide(wide: NDArray[np.uint16], scale: CodeScale, size: tuple[int, int]) -> Proxy:
    """Proxy of codes that `widen` shifted up from `scale.bits`. Arguments are trusted."""
    mean = _area_mean(wide, size)
    unit = 1 << (_WIDE_BITS - scale.bits)
    gain = 65535.0 / (scale.luma_span * unit)
    scaled = (mean - np.float32(scale.luma_black * unit)) * np.float32(gain)
    return _rounded(scaled)


def luma_of_rgb(planes: tuple[Samples, ...], bits: int, matrix: Matrix, range_: Range) -> Float32:
    """Y' of R'G'B' codes in the clip's own matrix.

    Args:
        planes: (R', G', B'), each (H, W).
        bits: Significant bits, 8 to 16.
        matrix: Which luma.
        range_: Which codes are 0 and 1.

    Returns:
        (H, W); in [0, 1] unless limited-range codes lie outside black and white.

    Raises:
        ValueError: Not three planes of one size, or `bits` is unknown.
    """
    scale = code_scale(bits, range_)
    if len(planes) != 3 or len({plane.shape for plane in planes}) != 1:
        raise ValueError(f"expected three planes of one size, found {[plane.shape for plane in planes]}")
    weights = [np.float32(weight / scale.luma_span) for weight in luma_weights(matrix)]
    luma: Float32 = np.multiply(planes[0], weights[0], dtype=np.float32)
    luma += planes[1] * weights[1]
    luma += planes[2] * weights[2]
    if scale.luma_black:
        luma -= np.float32(scale.luma_black / scale.luma_span)
    return luma


def make_proxy_rgb(
    planes: tuple[Samples, ...], bits: int, matrix: Matrix, range_: Range, size: tuple[int, int]
) -> Proxy:
    """Proxy of an R'G'B' picture: `luma_of_rgb`, then the area average. Arguments and errors as of both."""
    luma = luma_of_rgb(planes, bits, matrix, range_)
    _check_plane(luma, size)
    return proxy_of_float(luma, size)


def proxy_of_float(luma: Float32, size: tuple[int, int]) -> Proxy:
    """Proxy of (H, W) Y' in [0, 1]. Arguments are trusted."""
    mean = _area_mean(luma, size)
    return _rounded(mean * np.float32(65535))


def _area_mean(plane: NDArray[np.uint16] | Float32, size: tuple[int, int]) -> Float32:
    """Mean over the area of each sample of a smaller picture; rounded to integers if the plane has integers."""
    height, width = plane.shape
    source: NDArray[Any] = plane
    if height % 2 == 0 and width % 2 == 0 and height >= 4 * size[1] and width >= 4 * size[0]:
        source = cv2.resize(plane, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    mean = cv2.resize(source, size, interpolation=cv2.INTER_AREA)
    return np.asarray(mean, dtype=np.float32).reshape(size[1], size[0])


def _rounded(values: Float32) -> Proxy:
    proxy: Proxy = np.clip(np.rint(values), 0, 65535).astype(np.uint16)
    return proxy


def _check_plane(luma: NDArray[np.generic], size: tuple[int, int]) -> None:
    width, height = size
    if luma.ndim != 2 or not (1 <= width <= luma.shape[1] and 1 <= height <= luma.shape[0]):
        raise ValueError(f"expected a plane of at least {width} x {height} samples, found shape {luma.shape}")
