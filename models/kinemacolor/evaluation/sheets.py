"""Contact sheets: the grey picture, each result and the truth, side by side.

A clip has a sheet of its own, a line for each of a few frames, in the clip's size. Photos share pages, a line for each
photo, reduced to one size of cell so that the columns stand below their titles; so do middle frames of clips, so that
many are seen at a glance.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from kinemacolor.evaluation.errors import EvaluationError
from kinemacolor.evaluation.output import written
from kinemacolor.evaluation.pictures import Picture

__all__ = ["PHOTOS_A_PAGE", "Pages", "middle_frames", "write_sheet"]

PHOTOS_A_PAGE = 6
"""As many as are still seen without a lens on a screen."""

_LINES = 3  # the first, the middle and the last frame
_HEADER_PX, _GAP_PX, _MARGIN_PX = 20, 4, 4
_CELL_WIDTH_PX, _CELL_HEIGHT_PX = 320, 256
_NARROWEST_PX = 120  # room for a title
_QUALITY = 90
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.4
_PAPER = 224  # grey, so that a white sky has an edge, and no tint, which would change what is seen


class Pages:
    """Pages of photos in a folder: NAME_01.jpg and so on, each written when it is full, the last one at the end.

    Args:
        folder: The folder; it must be there.
        name: Of the pages.
    """

    def __init__(self, folder: Path, name: str = "photos") -> None:
        self._folder = folder
        self._name = name
        self._pages = 0
        self._waiting: dict[str, Mapping[str, Picture]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._waiting:
            self._write_page()

    def add(self, name: str, columns: Mapping[str, Picture]) -> None:
        """Put one photo on the present page.

        Args:
            name: Of the photo.
            columns: Title and picture (1, H, W, 3) sRGB, from left to right; the titles are those of every photo.

        Raises:
            EvaluationError: The page was full and cannot be written.
        """
        self._waiting[name] = columns
        if len(self._waiting) == PHOTOS_A_PAGE:
            self._write_page()

    def _write_page(self) -> None:
        self._pages += 1
        _write(self._folder / f"{self._name}_{self._pages:02d}.jpg", _page(self._waiting))
        self._waiting = {}


def middle_frames(columns: Mapping[str, Picture], titles: Collection[str]) -> dict[str, Picture]:
    """The middle frames (1, H, W, 3) of the columns (T, H, W, 3) of these titles."""
    chosen = {title: pictures for title, pictures in columns.items() if title in titles}
    return {title: pictures[len(pictures) // 2][None] for title, pictures in chosen.items()}


def write_sheet(folder: Path, name: str, columns: Mapping[str, Picture]) -> None:
    """Write the sheet of one clip, NAME.jpg.

    Args:
        folder: The folder; it must be there.
        name: Of the clip.
        columns: Title and pictures (T, H, W, 3) sRGB, from left to right, all of one shape.

    Raises:
        EvaluationError: It cannot be written.
    """
    sheet = np.concatenate([_column(title, pictures) for title, pictures in columns.items()], axis=1)
    _write(folder / f"{name}.jpg", sheet)


def _write(path: Path, sheet: Picture) -> None:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise EvaluationError(f"{path}: a sheet of {sheet.shape[1]}x{sheet.shape[0]} pixels is no JPEG")
    written(path, lambda: path.write_bytes(data.tobytes()))


def _column(title: str, pictures: Picture) -> Picture:
    chosen = np.unique(np.linspace(0, len(pictures) - 1, _LINES).round().astype(int))
    width = pictures.shape[2]
    gap = _blank(_GAP_PX, width)
    column = np.concatenate([_text(title, width), *(part for index in chosen for part in (pictures[index], gap))])
    return _beside(column)


def _page(photos: Mapping[str, Mapping[str, Picture]]) -> Picture:
    """A title line, then for each photo its pictures and below them its name."""
    cells = {name: [_reduced(pictures[0]) for pictures in columns.values()] for name, columns in photos.items()}
    width = max(_NARROWEST_PX, *(cell.shape[1] for line in cells.values() for cell in line))
    titles = [_beside(_text(title, width)) for title in next(iter(photos.values()))]
    lines = [_line(name, line, width) for name, line in cells.items()]
    return np.concatenate([np.concatenate(titles, axis=1), *lines])


def _line(name: str, cells: Sequence[Picture], cell_width: int) -> Picture:
    pictures = np.concatenate([_beside(_widened(cell, cell_width)) for cell in cells], axis=1)
    width = pictures.shape[1]
    return np.concatenate([pictures, _text(name, width), _blank(_GAP_PX, width)])


def _reduced(picture: Picture) -> Picture:
    """The picture in a cell; it is never enlarged."""
    height, width = picture.shape[:2]
    scale = min(1.0, _CELL_WIDTH_PX / width, _CELL_HEIGHT_PX / height)
    if scale == 1.0:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _widened(cell: Picture, width: int) -> Picture:
    left = (width - cell.shape[1]) // 2
    sides = ((0, 0), (left, width - cell.shape[1] - left), (0, 0))
    return np.asarray(np.pad(cell, sides, constant_values=_PAPER), dtype=np.uint8)


def _beside(column: Picture) -> Picture:
    """With room to the next column."""
    return np.asarray(np.pad(column, ((0, 0), (0, _GAP_PX), (0, 0)), constant_values=_PAPER), dtype=np.uint8)


def _text(text: str, width: int) -> Picture:
    strip = _blank(_HEADER_PX, width)
    fitting = _fitting(text, width - 2 * _MARGIN_PX)
    cv2.putText(strip, fitting, (_MARGIN_PX, 14), _FONT, _FONT_SCALE, (0, 0, 0), 1, cv2.LINE_AA)
    return strip


def _fitting(text: str, width: int) -> str:
    """A text that is too long, a command line mostly, loses its middle: its ends tell it from the others."""
    dropped = [text, *(f"{text[:keep]}..{text[-keep:]}" for keep in range(len(text) // 2, 0, -1))]
    fits = (short for short in dropped if cv2.getTextSize(short, _FONT, _FONT_SCALE, 1)[0][0] <= width)
    return next(fits, "")


def _blank(height: int, width: int) -> Picture:
    return np.full((height, width, 3), _PAPER, np.uint8)
