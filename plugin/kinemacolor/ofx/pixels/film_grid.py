"""The codes of a film in a host's integers: what was rounded is found again.

A host that decodes a black-and-white film of limited range stretches its codes: 219 steps of 8 bits become 255, 876
steps of 10 bits 65535. The host rounds, but it does not mix, so every grey is near a code of the film, and no other
picture has only such greys: a full range has 36 of 256 greys that no film code gives. Where a whole picture lies on
such a grid, the film's own codes are known: with them the network's luma is, to the bit, that of the file, and colour
is added to the very Y' that the renderer adds it to.

White: FFmpeg's conversion to 16 bits (in MLT: Kdenlive, Shotcut, melt) puts the film's white at 65283 and keeps within
one code of the line from there to black. To 8 bits it rounds to nearest where it was asked to be accurate, as MLT does,
else it cuts off. Measured with melt 7.42 and FFmpeg 8.1. Programs that convert by the book have white at 65535.
"""

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.arrays import Float32
from kinemacolor.colour.encoding import Range
from kinemacolor.colour.matrix import code_scale, code_to_luma

from .form import Depth

__all__ = ["FilmGrid", "Greys", "grids_of"]

Greys = NDArray[np.uint8] | NDArray[np.uint16]
"""(h, w) codes of a host, the same in R, G and B."""

_FFMPEG_WHITE = 65283


class FilmGrid(Protocol):
    """Codes of limited range, as a host has them."""

    bits: int
    """Of the film."""
    white: int
    """The host's code for the film's white; its black is 0."""
    is_exact: bool
    """Y' rounds to the very code of the host."""

    def holds(self, greys: Greys) -> bool:
        """Whether all greys lie on the grid. What the host clipped at white does."""
        ...

    def film_codes(self, greys: Greys) -> Greys:
        """(h, w) luma codes of the film, if the greys lie on the grid."""
        ...

    def luma(self, greys: Greys) -> Float32:
        """(h, w) Y' of those codes; above 1 where the host has more than white."""
        ...


class ByteGrid:
    """8-bit film in 8 bits.

    Args:
        is_exact: The host has rounded to nearest; else it has cut off.
    """

    bits = 8
    white = 255

    def __init__(self, *, is_exact: bool) -> None:
        self.is_exact = is_exact
        scale = code_scale(self.bits, Range.LIMITED)
        steps = np.arange(scale.luma_span + 1)
        exact = steps * self.white / scale.luma_span
        greys = (np.rint(exact) if is_exact else np.floor(exact)).astype(np.uint8)
        self._is_on = np.zeros(256, dtype=np.uint8)
        self._codes = np.zeros(256, dtype=np.uint8)
        self._is_on[greys], self._codes[greys] = 1, steps + scale.luma_black
        self._luma = code_to_luma(self._codes, scale)

    def holds(self, greys: Greys) -> bool:
        """See `FilmGrid`."""
        return bool(cv2.LUT(greys, self._is_on).min())  # `all` takes five times as long

    def film_codes(self, greys: Greys) -> Greys:
        """See `FilmGrid`."""
        return np.asarray(cv2.LUT(greys, self._codes), dtype=np.uint8).reshape(greys.shape)

    def luma(self, greys: Greys) -> Float32:
        """See `FilmGrid`."""
        return np.asarray(cv2.LUT(greys, self._luma), dtype=np.float32).reshape(greys.shape)


class ShortGrid:
    """Film of up to 12 bits in 16 bits.

    Args:
        bits: Of the film.
        white: The host's code for the film's white; its black is 0.
        tolerance: How far the host's codes may be from the exact numbers, in such codes.
    """

    is_exact = False

    def __init__(self, bits: int, white: int, tolerance: float) -> None:
        self.bits, self.white = bits, white
        self._scale = code_scale(bits, Range.LIMITED)
        self._unit = np.float32(self._scale.luma_span / white)
        self._tolerance = tolerance * self._unit

    def holds(self, greys: Greys) -> bool:
        """See `FilmGrid`."""
        steps = self._steps(greys)
        np.minimum(steps, np.float32(self._scale.luma_span), out=steps)
        steps -= np.rint(steps)
        return bool(max(steps.max(), -steps.min()) <= self._tolerance)

    def film_codes(self, greys: Greys) -> Greys:
        """See `FilmGrid`."""
        steps = np.rint(self._steps(greys))
        steps += np.float32(self._scale.luma_black)
        return steps.astype(np.uint16)

    def luma(self, greys: Greys) -> Float32:
        """See `FilmGrid`."""
        exact = self._steps(greys)
        steps = np.rint(exact)
        np.copyto(steps, exact, where=exact > self._scale.luma_span)
        steps *= np.float32(1 / self._scale.luma_span)
        return steps

    def _steps(self, greys: Greys) -> Float32:
        """Steps of the film above its black."""
        return greys.astype(np.float32) * self._unit


_GRIDS: dict[Depth, Sequence[FilmGrid]] = {
    Depth.BYTE: (ByteGrid(is_exact=True), ByteGrid(is_exact=False)),
    Depth.SHORT: tuple(
        ShortGrid(bits, white, tolerance)
        for bits, tolerance in ((10, 2.0), (12, 1.5))
        for white in (65535, _FFMPEG_WHITE)
    ),
}


def grids_of(depth: Depth) -> Sequence[FilmGrid]:
    """Those that pictures of a depth may lie on, the coarsest first; none for floats, which are not rounded."""
    return _GRIDS.get(depth, ())
