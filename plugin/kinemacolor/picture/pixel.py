"""What the samples of a decoded picture are: family, depth, subsampling. Knows nothing of any codec library."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Family", "PixelFormat", "Samples"]

Samples = NDArray[np.uint8] | NDArray[np.uint16]
"""One plane, (H, W), C-contiguous or a view with strides; values in [0, 2**bits - 1]."""


class Family(Enum):
    """Which components a picture has."""

    GRAY = "gray"
    YUV = "yuv"
    RGB = "rgb"


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFormat:
    """A planar, native-endian sample layout; `name` is what FFmpeg calls it."""

    name: str
    """FFmpeg name, `yuv420p10le` for instance. RGB is always planar here (`gbrp`, `gbrp10le`, `gbrap16le`)."""
    family: Family
    bits: int
    """Significant bits of a sample, 8 to 16."""
    log2_chroma_w: int = 0
    log2_chroma_h: int = 0
    has_alpha: bool = False

    @property
    def dtype(self) -> DTypeLike:
        """uint8 up to 8 bits, uint16 above."""
        return np.uint8 if self.bits <= 8 else np.uint16

    @property
    def max_code(self) -> int:
        """The largest code value."""
        return (1 << self.bits) - 1

    def chroma_size(self, width_px: int, height_px: int) -> tuple[int, int]:
        """(width, height) of a chroma plane: luma size divided by the subsampling, rounded up."""
        return -(-width_px >> self.log2_chroma_w), -(-height_px >> self.log2_chroma_h)
