"""What a frame looks like, in 64 bytes that survive another encoder, grain, a grade and another size.

The luma is averaged to 16 x 17 cells. Of each pair of cells beside each other one bit says which is the brighter one,
and another whether the difference is worth a word; both are left alone by any curve that keeps the order of tones. Two
looks are compared in the pairs that both find worth it. A frame with too few of them (black, fog, a fade) has no look.
"""

from dataclasses import dataclass
from typing import NewType

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOOK_BYTES", "Look", "Looks", "look_of"]

Look = NewType("Look", bytes)
"""`LOOK_BYTES`: first which is brighter, then which are worth comparing."""

_ROWS, _COLUMNS = 16, 16
_PAIRS = _ROWS * _COLUMNS
LOOK_BYTES = 2 * _PAIRS // 8
_WORTH = 0.006
"""Of full scale: one and a half codes of 8 bits, above what an encoder does to the mean of a cell."""
_FEWEST_PAIRS = 64
_BITS_SET = np.array([value.bit_count() for value in range(256)], np.uint16)


def look_of(luma: NDArray[np.uint16]) -> Look | None:
    """The look of an (H, W) luma, black 0 to white 65535; None if it is too small or there is too little to see."""
    height, width = luma.shape
    if height < _ROWS or width < _COLUMNS + 1:
        return None
    rows = np.add.reduceat(luma, np.arange(_ROWS) * height // _ROWS, axis=0, dtype=np.uint32)
    edges = np.arange(_COLUMNS + 1) * width // (_COLUMNS + 1)
    sums = np.add.reduceat(rows, edges, axis=1, dtype=np.uint64)
    heights = np.diff(np.append(np.arange(_ROWS) * height // _ROWS, height))
    widths = np.diff(np.append(edges, width))
    difference = np.diff(sums / (heights[:, None] * widths * 65535.0), axis=1)
    worth = np.abs(difference) >= _WORTH
    if worth.sum() < _FEWEST_PAIRS:
        return None
    return Look(np.packbits(difference > 0).tobytes() + np.packbits(worth).tobytes())


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """The looks of many frames."""

    numbers: NDArray[np.int64]
    """(N,) frame numbers, increasing."""
    looks: NDArray[np.uint8]
    """(N, LOOK_BYTES)."""

    def distances(self, look: Look) -> NDArray[np.float64]:
        """(N,) share of the pairs worth comparing that differ, 0 to 1; 1 where there are too few."""
        half = LOOK_BYTES // 2
        asked = np.frombuffer(look, np.uint8)
        worth = self.looks[:, half:] & asked[half:]
        differ = (self.looks[:, :half] ^ asked[:half]) & worth
        compared = _BITS_SET[worth].sum(axis=1)
        return np.where(compared >= _FEWEST_PAIRS, _BITS_SET[differ].sum(axis=1) / np.maximum(compared, 1), 1.0)
