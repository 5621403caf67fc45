"""How a host's picture lies in memory, and what its numbers stand for."""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kinemacolor.colour.encoding import ColourEncoding, Matrix, Primaries, Range, Transfer

__all__ = ["Components", "Depth", "HostColour", "HostFormat", "HostMatrix", "HostPicture", "HostTransfer", "Pixels"]

Pixels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float16] | NDArray[np.float32]
"""(H, W, C) R, G, B and perhaps alpha, C-contiguous, first row on top."""

HostPicture = bytearray | memoryview | Pixels
"""Anything with the picture's bytes in one piece."""


class Depth(Enum):
    """Kind of a component. Integers are full range: 0 is black and the largest code white; floats: 1.0 is white."""

    BYTE = "byte"
    SHORT = "short"
    """16 bits, unsigned."""
    HALF = "half"
    FLOAT = "float"

    @property
    def dtype(self) -> DTypeLike:
        """Of the array."""
        return _DTYPES[self]

    @property
    def integer_bits(self) -> int | None:
        """Bits of a code; None for floats."""
        return {Depth.BYTE: 8, Depth.SHORT: 16}.get(self)


_DTYPES: dict[Depth, DTypeLike] = {
    Depth.BYTE: np.uint8,
    Depth.SHORT: np.uint16,
    Depth.HALF: np.float16,
    Depth.FLOAT: np.float32,
}


class Components(Enum):
    """What a pixel has; the value is how many components that are."""

    RGB = 3
    RGBA = 4


class HostTransfer(Enum):
    """What the numbers of a host's picture stand for."""

    DISPLAY = "display"
    """R'G'B' as a display takes them."""
    SCENE_LINEAR = "scene linear"
    """Linear light; the sRGB curve makes R'G'B' of it, odd below zero and continued above 1."""


class HostMatrix(Enum):
    """Whose luma is kept, with the primaries that belong to it."""

    BT709 = "bt709"
    BT601 = "bt601"
    """With the primaries of 525 lines."""
    BT601_625 = "bt601 625"
    """With those of 625 lines."""
    BT2020 = "bt2020"


_DISPLAY: dict[HostMatrix, tuple[Matrix, Transfer, Primaries]] = {
    HostMatrix.BT709: (Matrix.BT709, Transfer.BT709, Primaries.BT709),
    HostMatrix.BT601: (Matrix.SMPTE170M, Transfer.SMPTE170M, Primaries.SMPTE170M),
    HostMatrix.BT601_625: (Matrix.BT470BG, Transfer.SMPTE170M, Primaries.BT470BG),
    HostMatrix.BT2020: (Matrix.BT2020_NCL, Transfer.BT2020_10, Primaries.BT2020),
}


@dataclass(frozen=True, slots=True)
class HostColour:
    """How the numbers are read."""

    transfer: HostTransfer = HostTransfer.DISPLAY
    matrix: HostMatrix = HostMatrix.BT709
    film: ColourEncoding | None = None
    """Of the film that the pictures show, if it is known: display values then have its matrix, curve and primaries."""

    @property
    def encoding(self) -> ColourEncoding:
        """Of the R'G'B' in which colour is added; also says what the network is told about its luma."""
        if self.film is not None and self.transfer is HostTransfer.DISPLAY:
            return replace(self.film, range=Range.FULL)
        matrix, transfer, primaries = _DISPLAY[self.matrix]
        linear = self.transfer is HostTransfer.SCENE_LINEAR
        return ColourEncoding(
            matrix=matrix, range=Range.FULL, transfer=Transfer.SRGB if linear else transfer, primaries=primaries
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFormat:
    """Layout of one picture: interleaved, tightly packed, rows from the top down.

    Raises:
        ValueError: A side is not positive, or a picture without alpha is said to be multiplied by it.
    """

    depth: Depth
    components: Components
    width_px: int
    height_px: int
    premultiplied: bool = False
    """R, G and B are multiplied by alpha."""

    def __post_init__(self) -> None:
        if min(self.width_px, self.height_px) < 1:
            raise ValueError(f"expected a picture of at least 1 x 1, found {self.width_px} x {self.height_px}")
        if self.premultiplied and self.components is not Components.RGBA:
            raise ValueError(f"expected RGBA where colours are premultiplied, found {self.components.name}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return self.height_px, self.width_px, self.components.value

    @property
    def nbytes(self) -> int:
        """Of one picture."""
        height, width, components = self.shape
        return height * width * components * np.dtype(self.depth.dtype).itemsize

    def view(self, buffer: HostPicture) -> Pixels:
        """The picture in a buffer, not copied; it can be written to if the buffer can.

        Raises:
            ValueError: The buffer has another size.
        """
        flat = np.frombuffer(buffer, dtype=np.uint8)
        if flat.size != self.nbytes:
            raise ValueError(f"expected {self.nbytes} bytes for {self}, found {flat.size}")
        pixels: Pixels = flat.view(self.depth.dtype).reshape(self.shape)
        return pixels

    def check(self, picture: Pixels) -> None:
        """Refuse what is not a picture of this format.

        Raises:
            ValueError: Shape or type differ, or the rows are not packed.
        """
        if picture.shape != self.shape or picture.dtype != self.depth.dtype or not picture.flags.c_contiguous:
            packed = "" if picture.flags.c_contiguous else " not packed"
            raise ValueError(f"expected {self}, found {picture.dtype} of shape {picture.shape}{packed}")

    def __str__(self) -> str:
        return f"{self.depth.value} {self.components.name} of {self.width_px} x {self.height_px}"
