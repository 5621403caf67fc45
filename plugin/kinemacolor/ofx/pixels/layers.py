"""What is painted over a band of a picture: R'G'B' beside the luma that was read. At full size, in display values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kinemacolor.colour.arrays import Float32
from kinemacolor.colour.encoding import Matrix
from kinemacolor.picture.merge import add_chroma
from kinemacolor.picture.upsample import ChromaLine

from .reading import Band

__all__ = ["ChromaSource", "ColourLayer", "GreyLayer", "Layer", "chroma_of_lines"]


ChromaSource = Callable[[Float32, slice], Float32]
"""(h, W) Y' of the rows of a band to their (2, h, W) Cb, Cr."""


def chroma_of_lines(lines: Sequence[ChromaLine]) -> ChromaSource:
    """Cb and Cr that are lines of luma at full size."""

    def chroma(luma: Float32, rows: slice) -> Float32:
        cbcr = np.empty((2, *luma.shape), dtype=np.float32)
        for line, plane in zip(lines, cbcr, strict=True):
            line.band(rows).at(luma, plane)
        return cbcr

    return chroma


class Layer(Protocol):
    """Gives R'G'B' for any band of one picture."""

    def paint(self, band: Band, rows: slice) -> tuple[Float32, int]:
        """New (3, h, W) R'G'B' of the rows that `band` was read from, and how many pixels lost saturation."""
        ...


@dataclass(frozen=True, slots=True)
class ColourLayer:
    """Chroma at the luma that was read, or at one luma everywhere."""

    chroma: ChromaSource
    matrix: Matrix
    counted_loss: float
    """Of Cb or Cr, above which a pixel counts as limited."""
    luma: float | None = None
    """Shown in place of the picture's own."""

    def paint(self, band: Band, rows: slice) -> tuple[Float32, int]:
        """See `Layer`."""
        cbcr = self.chroma(band.visible_luma, rows)
        shown = band.luma if self.luma is None else np.full_like(band.luma, self.luma)
        return add_chroma(shown, cbcr, self.matrix, self.counted_loss)


@dataclass(frozen=True, slots=True)
class GreyLayer:
    """A grey picture."""

    level: Float32
    """(H, W) in [0, 1]."""

    def paint(self, band: Band, rows: slice) -> tuple[Float32, int]:
        """See `Layer`."""
        return np.stack([self.level[rows]] * 3), 0
