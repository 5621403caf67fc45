"""What is drawn into a picture whose colour may still change; a frame without colour is drawn by the shim.

Marks are drawn in 8-bit R'G'B' and put into the host's depth as they are, with full alpha; in scene linear pictures
they come out lighter, which does not matter.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .form import HostFormat, Pixels
from .text import LEAST_CAPITAL_PX, Canvas, put_text, text_width_px

__all__ = ["mark_provisional"]

_YELLOW, _BLACK = (255, 208, 0), (0, 0, 0)
_PROVISIONAL = "PROVISIONAL COLOUR"
_LEAST_TEXT_SIDE_PX = 40
"""Shorter sides than this get stripes and no text."""


def mark_provisional(picture: Pixels, form: HostFormat) -> None:
    """A striped border and two words in the upper left corner, in place.

    Raises:
        ValueError: The picture is not of this format.
    """
    form.check(picture)
    height, width, _ = form.shape
    border = max(1, min(height, width) // 45)
    for rows, columns in _border(height, width, border):
        _stamp(picture[rows, columns], form, _stripes(rows, columns, 2 * border))
    if min(height, width) >= _LEAST_TEXT_SIDE_PX:
        label = _label(_PROVISIONAL, width - 2 * border, max(LEAST_CAPITAL_PX, height / 40))
        rows, columns = label.shape[:2]
        _stamp(picture[border : border + rows, border : border + columns], form, label[: height - border])


def _border(height: int, width: int, px: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the four sides."""
    everywhere = slice(0, height)
    yield slice(0, min(px, height)), slice(0, width)
    yield slice(max(0, height - px), height), slice(0, width)
    yield everywhere, slice(0, min(px, width))
    yield everywhere, slice(max(0, width - px), width)


def _stripes(rows: slice, columns: slice, period: int) -> Canvas:
    """Yellow and black at 45 degrees, in step with those of every other part of the picture."""
    y, x = np.arange(rows.start, rows.stop)[:, None], np.arange(columns.start, columns.stop)[None]
    dark = ((x + y) // max(1, period)) % 2 == 1
    stripes: Canvas = np.array([_YELLOW, _BLACK], dtype=np.uint8)[dark.astype(np.intp)]
    return stripes


def _stamp(pixels: Pixels, form: HostFormat, canvas: Canvas) -> None:
    """A canvas into a part of a picture of its size."""
    bits = form.depth.integer_bits
    full = 1.0 if bits is None else (1 << bits) - 1
    values: NDArray[Any] = canvas * (full / 255)
    pixels[:, :, :3] = values
    pixels[:, :, 3:] = full


def _label(text: str, most_px: int, capital_px: float) -> Canvas:
    """One line on black, yellow, made smaller if it would be wider than that many pixels."""
    capital_px *= min(1.0, most_px / (text_width_px(text, capital_px) + 2 * capital_px))
    width = min(most_px, round(text_width_px(text, capital_px) + 2 * capital_px))
    canvas = np.zeros((round(2.2 * capital_px), width, 3), dtype=np.uint8)
    put_text(canvas, text, (round(capital_px), round(1.6 * capital_px)), capital_px, _YELLOW)
    return canvas
