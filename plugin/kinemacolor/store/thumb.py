"""A frame in 576 bytes, by which a host's copy of it is known again: it was converted to R'G'B', so no hash is equal.

A look survives a grade; a thumb does not, and is not meant to: what agrees in every cell is the same picture, rounded
another way.
"""

from typing import NewType

import numpy as np
from numpy.typing import NDArray

__all__ = ["THUMB_BYTES", "THUMB_TOLERANCE", "Thumb", "are_alike", "thumb_of"]

Thumb = NewType("Thumb", bytes)
"""Means of 18 x 32 cells in 8 bits, row by row; fewer cells of a smaller picture."""

THUMB_TOLERANCE = 2
"""Codes of 8 bits. Rounding the means costs one, R'G'B' of 8 bits and hosts that truncate another."""

_ROWS, _COLUMNS = 18, 32
THUMB_BYTES = _ROWS * _COLUMNS
"""At most."""


def thumb_of(luma: NDArray[np.uint16]) -> Thumb:
    """The thumb of an (H, W) luma, black 0 to white 65535."""
    height, width = luma.shape
    top = np.arange(min(_ROWS, height)) * height // min(_ROWS, height)
    left = np.arange(min(_COLUMNS, width)) * width // min(_COLUMNS, width)
    sums = np.add.reduceat(np.add.reduceat(luma, top, axis=0, dtype=np.uint32), left, axis=1, dtype=np.uint64)
    areas = np.diff(np.append(top, height))[:, None] * np.diff(np.append(left, width))
    return Thumb(np.rint(sums / (areas * 257.0)).astype(np.uint8).tobytes())


def are_alike(one: Thumb, other: Thumb) -> bool:
    """Whether they are the same picture but for rounding."""
    if len(one) != len(other):
        return False
    codes = (np.frombuffer(thumb, np.uint8).astype(np.int16) for thumb in (one, other))
    first, second = codes
    return bool((np.abs(first - second) <= THUMB_TOLERANCE).all())
