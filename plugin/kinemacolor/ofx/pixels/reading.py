"""Luma of a host's picture, in bands of rows; what cannot have any is marked and left as it came.

Where the numbers are display referred integers, the arithmetic is the renderer's (`luma_of_rgb`), so that the effect
and `kinemacolor render` agree to the bit. Everywhere else Y' is G' + Kr (R' - G') + Kb (B' - G'): the same number, and
exactly R' where R' = G' = B', as it is in a black-and-white film.

Where the whole picture lies on the grid of a film's codes, Y' is the film's: see `film_grid`.

Premultiplied colours are divided by alpha first, scene linear light then goes through the sRGB curve, odd below zero.

Kept as they came are pixels whose Y' is not a finite number (a component is NaN or infinite) and premultiplied pixels
without alpha. Their Y' counts as 0. Nothing here writes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from kinemacolor.colour.arrays import Float32
from kinemacolor.colour.encoding import ColourEncoding, Transfer
from kinemacolor.colour.matrix import luma_weights
from kinemacolor.colour.transfer import from_linear, to_linear
from kinemacolor.picture.proxy import luma_of_rgb

from .film_grid import FilmGrid, Greys
from .form import Depth, HostColour, HostFormat, HostTransfer, Pixels

__all__ = ["Band", "BandReader", "join_components", "without_nan"]

Mask = NDArray[np.bool_]

_BITS: dict[int, DTypeLike] = {1: np.uint8, 2: np.uint16, 4: np.uint32}


@dataclass(frozen=True)
class Band:
    """Some rows of a picture, read."""

    raw: Sequence[NDArray[Any]]
    """R, G, B and perhaps alpha as the host gave them, each (h, w)."""
    unit: float
    """The number that stands for 1.0."""
    luma: Float32
    """(h, w) Y', finite; may be outside [0, 1]."""
    alpha: Float32 | None
    """(h, w), what R, G and B are multiplied by; None if they are not, or all of it is 1. 0 where it is no number."""
    kept: Mask | None
    """(h, w) pixels without colour; None: there are none."""
    nonfinite_pixels: int
    """Pixels with a component that is NaN or infinite."""
    grid: FilmGrid | None = None
    """Y' is that of a film, from which these codes, all grey, may differ by what the host has rounded."""

    @cached_property
    def visible_luma(self) -> Float32:
        """(h, w) Y' in [0, 1]; codes are there as they are, but for float rounding."""
        is_coded = self.unit > 1 and (self.grid is None or self.luma.max() <= 1)
        return self.luma if is_coded else np.clip(self.luma, 0, 1)

    @cached_property
    def source(self) -> tuple[Float32, Float32, Float32]:
        """R, G and B in [0, 1], still premultiplied; NaN is 0, infinity stays."""
        planes = [_scaled(plane, self.unit) for plane in self.raw[:3]]
        if self.nonfinite_pixels:
            planes = [without_nan(plane) for plane in planes]
        return planes[0], planes[1], planes[2]

    @property
    def is_luma_of_codes(self) -> bool:
        """Whether Y' gives the codes of a grey pixel again."""
        return self.grid is None or self.grid.is_exact

    @property
    def is_grey(self) -> bool:
        """Whether all pixels are known to be grey."""
        return self.grid is not None

    @property
    def is_neutral(self) -> Mask:
        """(h, w) R = G = B."""
        red, green, blue = self.raw[:3]
        neutral: Mask = (red == green) & (green == blue)
        return neutral


class BandReader:
    """Reads bands of pictures of one format.

    Args:
        form: Of the pictures.
        colour: What their numbers stand for.
    """

    def __init__(self, form: HostFormat, colour: HostColour) -> None:
        self._form, self._encoding = form, colour.encoding
        self.is_linear = colour.transfer is HostTransfer.SCENE_LINEAR
        bits = form.depth.integer_bits
        self._bits = bits
        self._unit = 1.0 if bits is None else float((1 << bits) - 1)
        self._grey_table = _grey_table(self._encoding) if bits == 8 else None

    def read(self, pixels: Pixels, grid: FilmGrid | None = None) -> Band:
        """Rows of a picture.

        Args:
            pixels: (h, W, C).
            grid: That the whole picture lies on; None: it was not looked for, or there is none.
        """
        raw = _components(pixels)
        if grid is not None:
            return Band(raw, float(grid.white), grid.luma(raw[1]), None, None, 0, grid)
        opaque = self._is_opaque(raw)
        if self._bits is not None and opaque and not self.is_linear:
            return Band(raw, self._unit, self._luma_of_codes(raw, self._bits), None, None, 0)
        with np.errstate(all="ignore"):  # of NaN and infinity, which are looked for below
            return self._read_numbers(raw, opaque)

    def greys(self, pixels: Pixels) -> Greys | None:
        """Codes of rows that may be film: (h, W), or None if they are not grey or no display values."""
        if self._bits is None or self.is_linear:
            return None
        raw = _components(pixels)
        return raw[1] if _is_grey(raw) and self._is_opaque(raw) else None

    def _is_opaque(self, raw: Sequence[NDArray[Any]]) -> bool:
        return not self._form.premultiplied or bool((raw[3] == self._unit).all())

    def _read_numbers(self, raw: Sequence[NDArray[Any]], opaque: bool) -> Band:
        rgb = [_scaled(plane, self._unit) for plane in (raw[1:2] if _is_grey(raw) else raw[:3])]
        alpha = kept = None
        if not opaque:
            alpha, kept = self._usable_alpha(raw[3])
            divisor = alpha + kept  # 1 where there is none
            rgb = [plane / divisor for plane in rgb]
        luma = self._luma(rgb)
        broken = self._broken(luma, raw)
        if broken is not None:
            kept = broken if kept is None else kept | broken
        if kept is not None:
            luma[kept] = 0
        count = 0 if broken is None else int(np.count_nonzero(broken))
        return Band(raw, self._unit, luma, alpha, kept, count)

    def _usable_alpha(self, raw: NDArray[Any]) -> tuple[Float32, Mask]:
        """Alpha, 0 where nothing can be divided by it; and where that is."""
        alpha = _scaled(raw, self._unit).copy()
        useless = ~((alpha > 0) & (alpha < np.inf))
        alpha[useless] = 0
        return alpha, useless

    def _luma_of_codes(self, raw: Sequence[NDArray[Any]], bits: int) -> Float32:
        matrix, range_ = self._encoding.matrix, self._encoding.range
        if self._grey_table is not None and _is_grey(raw):
            return np.asarray(cv2.LUT(raw[0], self._grey_table), dtype=np.float32).reshape(raw[0].shape)
        return luma_of_rgb((raw[0], raw[1], raw[2]), bits, matrix, range_)

    def _luma(self, components: Sequence[Float32]) -> Float32:
        """A new plane, from R, G and B or from one that is all three."""
        signal = [self.to_signal(plane) for plane in components] if self.is_linear else components
        if len(signal) == 1:
            return signal[0].copy()
        red, green, blue = signal
        kr, _, kb = luma_weights(self._encoding.matrix)
        luma = (red - green) * np.float32(kr)
        luma += (blue - green) * np.float32(kb)
        luma += green
        return luma

    def _broken(self, luma: Float32, raw: Sequence[NDArray[Any]]) -> Mask | None:
        """Pixels with a component that is no finite number; None: there are none."""
        if self._bits is not None:
            return None
        finite = np.isfinite(luma)
        if len(raw) == 4:
            finite &= np.isfinite(raw[3])
        return None if finite.all() else ~finite

    def to_signal(self, light: Float32) -> Float32:
        """R'G'B' of scene linear light."""
        return _odd(from_linear, light, self._encoding.transfer)

    def to_light(self, signal: Float32) -> Float32:
        """The inverse of `to_signal`."""
        return _odd(to_linear, signal, self._encoding.transfer)


def _odd(curve: Callable[[Float32, Transfer], Float32], values: Float32, transfer: Transfer) -> Float32:
    """A curve that is given for positive values, continued as an odd function."""
    if values.min() >= 0:
        return curve(values, transfer)
    result: Float32 = np.copysign(curve(np.abs(values), transfer), values)
    return result


def _scaled(plane: NDArray[Any], unit: float) -> Float32:
    """Values with 1.0 for white; the plane itself if it has them."""
    number: Float32 = plane.astype(np.float32, copy=False)
    return number * np.float32(1 / unit) if unit > 1 else number


def _is_grey(raw: Sequence[NDArray[Any]]) -> bool:
    """Whether a band is grey everywhere, as film is; by its bits, so NaN equals itself."""
    red, green, blue = (plane.view(_BITS[plane.itemsize]) for plane in raw[:3])
    return np.array_equal(red, green) and np.array_equal(green, blue)


def _grey_table(encoding: ColourEncoding) -> Float32:
    """Y' of each grey of 8 bits, as `luma_of_rgb` has it."""
    codes = np.arange(256, dtype=np.uint8)[None]
    return luma_of_rgb((codes, codes, codes), 8, encoding.matrix, encoding.range)


def _components(pixels: Pixels) -> Sequence[NDArray[Any]]:
    planes = cv2.split(_moved(pixels))
    return [np.asarray(plane).view(pixels.dtype).reshape(pixels.shape[:2]) for plane in planes]


def join_components(planes: Sequence[NDArray[Any]], pixels: Pixels) -> None:
    """Components (h, w) each into rows of a picture (h, w, C)."""
    joined = cv2.merge([_moved(plane) for plane in planes], dst=_moved(pixels))
    assert np.shares_memory(joined, pixels), "OpenCV did not write in place"


def without_nan(plane: NDArray[Any]) -> NDArray[Any]:
    """NaN becomes 0, infinity stays."""
    return np.where(np.isnan(plane), plane.dtype.type(0), plane)


def _moved(array: NDArray[Any]) -> NDArray[Any]:
    """What OpenCV is given to move: it need not know what 16 bits mean, and not every version knows halves."""
    return array.view(np.uint16) if array.dtype == Depth.HALF.dtype else array
