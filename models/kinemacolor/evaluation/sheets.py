"""Contact sheets: the grey picture, each result and the truth, side by side; a line for each of a few frames."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["write_sheet"]

Picture = NDArray[np.uint8]

_LINES = 3  # the first, the middle and the last frame
_HEADER_PX, _GAP_PX = 20, 4
_QUALITY = 90


def write_sheet(path: Path, columns: Mapping[str, Picture]) -> None:
    """Write one JPEG.

    Args:
        path: File, overwritten.
        columns: Title and pictures (T, H, W, 3) sRGB, from left to right, all of one shape.

    Raises:
        OSError: It cannot be written.
    """
    sheet = np.concatenate([_column(title, pictures) for title, pictures in columns.items()], axis=1)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise OSError(f"expected a JPEG, but OpenCV wrote none for {path.name}")
    path.write_bytes(data.tobytes())


def _column(title: str, pictures: Picture) -> Picture:
    chosen = np.unique(np.linspace(0, len(pictures) - 1, _LINES).round().astype(int))
    width = pictures.shape[2]
    header = np.full((_HEADER_PX, width, 3), 255, np.uint8)
    cv2.putText(header, title, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    gap = np.full((_GAP_PX, width, 3), 255, np.uint8)
    column = np.concatenate([header, *(part for index in chosen for part in (pictures[index], gap))])
    return np.asarray(np.pad(column, ((0, 0), (0, _GAP_PX), (0, 0)), constant_values=255), dtype=np.uint8)
