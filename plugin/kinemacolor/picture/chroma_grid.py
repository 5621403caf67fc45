"""The chroma grid of a picture: where its samples lie beside luma, and what luma is there.

A proxy sample is the mean of its area, so it sits in the middle of it. A chroma sample sits where the siting says
(ITU-T H.273, figure 1): "cosited" with every n-th luma sample, or in the middle of its block.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.arrays import Float32
from kinemacolor.colour.encoding import Siting

__all__ = ["Axis", "ChromaGrid"]

_COSITED_X = frozenset({Siting.LEFT, Siting.TOPLEFT, Siting.BOTTOMLEFT})
_FIRST_ROW = frozenset({Siting.TOPLEFT, Siting.TOP})
_LAST_ROW = frozenset({Siting.BOTTOMLEFT, Siting.BOTTOM})


@dataclass(frozen=True, slots=True)
class Axis:
    """How chroma samples lie along one axis."""

    luma: int
    """Luma samples."""
    step: int
    """Luma samples per chroma sample."""
    cosited: int | None
    """Index inside its block of the luma sample that chroma shares its place with; None: middle of the block."""

    @property
    def chroma(self) -> int:
        """Chroma samples."""
        return -(-self.luma // self.step)

    @property
    def padded(self) -> int:
        """Luma samples, if the last block were whole."""
        return self.chroma * self.step

    @property
    def direct(self) -> bool:
        """Whether a plain resize to the chroma size has the right scale."""
        return self.padded == self.luma

    @property
    def centres(self) -> NDArray[np.float64]:
        """(chroma,) where chroma samples are, in luma samples from the picture's border."""
        first = self.step / 2 if self.cosited is None else self.cosited + 0.5
        return np.arange(self.chroma, dtype=np.float64) * self.step + first

    @property
    def shift(self) -> float:
        """Luma samples from a chroma sample to the middle of its block."""
        return 0.0 if self.cosited is None else self.step / 2 - (self.cosited + 0.5)


def _axis(luma: int, log2_step: int, cosited: int | None) -> Axis:
    return Axis(luma, 1 << log2_step, cosited if log2_step else None)


def _axes(luma_size: tuple[int, int], log2_chroma_w: int, log2_chroma_h: int, siting: Siting) -> tuple[Axis, Axis]:
    """The (horizontal, vertical) axes of a chroma plane. Sitings that an axis is not subsampled for do not matter."""
    last = (1 << log2_chroma_h) - 1
    row = 0 if siting in _FIRST_ROW else last if siting in _LAST_ROW else None
    column = 0 if siting in _COSITED_X else None
    return _axis(luma_size[0], log2_chroma_w, column), _axis(luma_size[1], log2_chroma_h, row)


class ChromaGrid:
    """The grid of one geometry.

    Args:
        luma_size: (width, height) of the full-size luma.
        log2_chroma_w: Horizontal subsampling of the chroma grid.
        log2_chroma_h: Vertical subsampling.
        siting: Where subsampled chroma lies.
    """

    def __init__(self, luma_size: tuple[int, int], log2_chroma_w: int, log2_chroma_h: int, siting: Siting) -> None:
        self.x, self.y = _axes(luma_size, log2_chroma_w, log2_chroma_h, siting)

    @property
    def chroma_size(self) -> tuple[int, int]:
        """(width, height) of the result."""
        return self.x.chroma, self.y.chroma

    def mean_at_chroma(self, plane: NDArray[np.uint16] | Float32, gain: float = 1.0, bias: float = 0.0) -> Float32:
        """Mean of a plane of luma size around every chroma sample, times `gain` plus `bias`.

        The mean is that of the blocks; where chroma is not in the middle of them, two blocks are weighted so that the
        middle of the sum is where chroma is (for two samples and a cosited first one: [1 1 3 3] / 8).

        Args:
            plane: (H, W), any scale.
            gain: Factor on the mean.
            bias: Added last.

        Returns:
            (chroma height, chroma width).
        """
        right, bottom = self.x.padded - self.x.luma, self.y.padded - self.y.luma
        whole: NDArray[Any] = plane
        if right or bottom:
            whole = cv2.copyMakeBorder(plane, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
        # Halving by linear interpolation is the mean of two, and fast even if only one side is halved.
        mean = cv2.INTER_LINEAR if max(self.x.step, self.y.step) <= 2 else cv2.INTER_AREA
        blocks = cv2.resize(whole, self.chroma_size, interpolation=mean)
        scaled = cv2.addWeighted(blocks, gain, blocks, 0.0, bias, dtype=cv2.CV_32F)
        if self.x.shift or self.y.shift:
            taps_x, taps_y = _two_blocks(self.x), _two_blocks(self.y)
            scaled = cv2.sepFilter2D(scaled, cv2.CV_32F, taps_x, taps_y, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(scaled, dtype=np.float32).reshape(self.y.chroma, self.x.chroma)


def _two_blocks(axis: Axis) -> Float32:
    """Three taps on block means that put the middle `axis.shift` luma samples to the left of the block's middle."""
    part = axis.shift / axis.step
    return np.array([max(part, 0.0), 1.0 - abs(part), max(-part, 0.0)], dtype=np.float32)
