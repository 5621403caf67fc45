"""Pictures as hosts hold them: rows upwards or downwards, padding, bounds that do not begin at zero, guarded memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from kinemacolor.ofx.minihost.traits import Property

__all__ = ["HostImage", "Layout", "PixelDepth"]

_GUARD = 256
_GUARD_BYTE = 0xA5


class PixelDepth(Enum):
    """What samples are; the value is the host's name for it."""

    BYTE = "OfxBitDepthByte"
    SHORT = "OfxBitDepthShort"
    HALF = "OfxBitDepthHalf"
    FLOAT = "OfxBitDepthFloat"

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """As numpy calls it."""
        kinds = {"BYTE": np.uint8, "SHORT": np.uint16, "HALF": np.float16, "FLOAT": np.float32}
        return np.dtype(kinds[self.name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Size, place and format of a picture."""

    bounds: tuple[int, int, int, int] = (0, 0, 32, 18)
    """x1, y1, x2, y2 in pixels, y upwards."""
    depth: PixelDepth = PixelDepth.BYTE
    components: str = "OfxImageComponentRGBA"
    top_down: bool = False
    """Whether rows lie downwards in memory, so that row bytes are negative and the data points to the last row."""
    padding_bytes: int = 0
    """Behind each row."""
    premultiplication: str = "OfxImageAlphaUnPremultiplied"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, samples a pixel."""
        x1, y1, x2, y2 = self.bounds
        return y2 - y1, x2 - x1, {"OfxImageComponentRGBA": 4, "OfxImageComponentRGB": 3}.get(self.components, 1)

    @property
    def row_bytes(self) -> int:
        """Of one row in memory, always positive."""
        _, width, samples = self.shape
        return width * samples * self.depth.dtype.itemsize + self.padding_bytes


class HostImage:
    """Memory of a host with a picture in it, and guard bytes around it.

    Args:
        layout: What the picture is.
        picture: (H, W, C), top-down; None: zeros.
        said: Properties that the host says instead of the truth; an empty tuple: it does not say them.
    """

    def __init__(
        self,
        layout: Layout,
        picture: NDArray[np.generic] | None = None,
        said: Mapping[str, tuple[Property, ...]] | None = None,
    ) -> None:
        self.layout, self.said = layout, dict(said or {})
        height = layout.shape[0]
        self._memory = np.full(2 * _GUARD + height * layout.row_bytes, _GUARD_BYTE, np.uint8)
        self.picture[...] = 0 if picture is None else picture
        self._around = self._outside()

    @property
    def picture(self) -> NDArray[np.generic]:
        """(H, W, C) top-down; writing to it writes to the memory."""
        height, width, samples = self.layout.shape
        size = self.layout.depth.dtype.itemsize
        rows = self._memory[_GUARD : self._memory.size - _GUARD].reshape(height, self.layout.row_bytes)
        pixels = rows[:, : width * samples * size].view(self.layout.depth.dtype).reshape(height, width, samples)
        return pixels if self.layout.top_down else pixels[::-1]

    def _outside(self) -> bytes:
        """All bytes that are no pixel's."""
        mask = np.ones(self._memory.size, bool)
        height, width, samples = self.layout.shape
        inner = mask[_GUARD : mask.size - _GUARD].reshape(height, self.layout.row_bytes)
        inner[:, : width * samples * self.layout.depth.dtype.itemsize] = False
        return self._memory[mask].tobytes()

    @property
    def intact(self) -> bool:
        """Whether nothing was written but pixels."""
        return self._outside() == self._around

    @property
    def row_bytes(self) -> int:
        """As the host says it: negative if rows lie downwards."""
        return -self.layout.row_bytes if self.layout.top_down else self.layout.row_bytes

    @property
    def address(self) -> int:
        """Of the lower left pixel."""
        start = self._memory.ctypes.data + _GUARD
        return start + (self.layout.shape[0] - 1) * self.layout.row_bytes if self.layout.top_down else start
