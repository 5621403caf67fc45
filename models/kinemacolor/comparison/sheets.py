"""Contact sheets: a line of a few frames for every result, below its label; and pictures as files."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from kinemacolor.comparison.errors import ComparisonError
from kinemacolor.comparison.labels import GROUND, label
from kinemacolor.comparison.side_by_side import enlarged, reduced
from kinemacolor.evaluation.pictures import Picture

__all__ = ["contact_sheet", "jpeg_bytes", "png_bytes"]

_FRAMES = 4  # first and last, and two between
_CELL_WIDTH_PX = 320
_GAP_PX = 4
_JPEG_QUALITY = 90


def contact_sheet(columns: Mapping[str, Picture]) -> Picture:
    """One sheet (H, W, 3).

    Args:
        columns: Label and pictures (T, H, W, 3), all of one shape; each makes a line.
    """
    frames = len(next(iter(columns.values())))
    chosen = np.unique(np.linspace(0, frames - 1, _FRAMES).round().astype(int)).tolist()
    lines = [_line(text, pictures[chosen], chosen) for text, pictures in columns.items()]
    return np.concatenate(lines)


def png_bytes(picture: Picture) -> bytes:
    """A picture (H, W, 3) as PNG."""
    return _encode(".png", picture, [])


def jpeg_bytes(picture: Picture) -> bytes:
    """A picture (H, W, 3) as JPEG, a tenth of the PNG."""
    return _encode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])


def _line(text: str, pictures: Picture, numbers: Sequence[int]) -> Picture:
    cells = [reduced(picture, _CELL_WIDTH_PX) for picture in enlarged(pictures)]
    labels = [label(f"{text}, frame {number}", cells[0].shape[1]) for number in numbers]
    columns = [np.concatenate([*pair]) for pair in zip(labels, cells, strict=True)]
    row = np.concatenate([_gap_right(column) for column in columns], axis=1)
    return np.asarray(np.concatenate([row, np.full((_GAP_PX, row.shape[1], 3), GROUND, np.uint8)]))


def _gap_right(column: Picture) -> Picture:
    gap = np.full((column.shape[0], _GAP_PX, 3), GROUND, np.uint8)
    return np.concatenate([column, gap], axis=1)


def _encode(ending: str, picture: Picture, options: Sequence[int]) -> bytes:
    done, data = cv2.imencode(ending, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ComparisonError(f"a sheet of {picture.shape[1]}x{picture.shape[0]} pixels is too large for {ending[1:]}")
    return data.tobytes()
