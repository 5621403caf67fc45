"""Text in pictures: how large it may be, where lines break, and the drawing.

ASCII, which every version of OpenCV draws; other characters become "?". Sizes are heights of a capital letter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_CAPITAL_PX", "Canvas", "TextLine", "lay_out", "put_text", "text_width_px"]

Canvas = NDArray[np.uint8]
"""(h, w, 3) R'G'B'."""

LEAST_CAPITAL_PX = 8.0
"""Of what can be read at all."""
_PARTS_OF_SIDE = 16
"""Text is at most this part of the shorter side high: lines of some 30 characters."""
_SHRINK = 0.9
_SPACING = 1.9
"""From line to line, in heights of a capital; `_ABOVE` of it, the capital included, is above the base line."""
_ABOVE = 1.3
_HEADING = 1.35
"""Size of the first line, in that of the others."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_CAPITAL_PX = 22.0
"""At scale 1."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line, placed."""

    text: str
    base_px: int
    """Row of the base line."""
    capital_px: float


def lay_out(lines: Sequence[str], width_px: int, height_px: int) -> list[TextLine]:
    """Lines wrapped, and made smaller until all fit; what does not fit even so is cut and ends in "...".

    Args:
        lines: The first is a heading.
        width_px: Of the place there is.
        height_px: Of it.
    """
    clean = [_ascii(line) for line in lines]
    size = max(LEAST_CAPITAL_PX, min(width_px, height_px) / _PARTS_OF_SIDE)
    placed = _placed(clean, width_px, size)
    while placed and _bottom(placed[-1]) > height_px and size > LEAST_CAPITAL_PX:
        size = max(LEAST_CAPITAL_PX, size * _SHRINK)
        placed = _placed(clean, width_px, size)
    return _cut(placed, height_px)


def text_width_px(text: str, capital_px: float) -> float:
    """How wide a text is drawn."""
    (width, _), _ = cv2.getTextSize(text, _FONT, capital_px / _FONT_CAPITAL_PX, _stroke_px(capital_px))
    return float(width)


def put_text(canvas: Canvas, text: str, base: tuple[int, int], capital_px: float, colour: tuple[int, int, int]) -> None:
    """Draw a text whose base line starts at (x, y)."""
    packed = np.ascontiguousarray(canvas)  # a part of a canvas is not, and OpenCV wants it
    scale = capital_px / _FONT_CAPITAL_PX
    drawn = cv2.putText(packed, text, base, _FONT, scale, colour, _stroke_px(capital_px), cv2.LINE_AA)
    canvas[:] = np.asarray(drawn, dtype=np.uint8)


def _stroke_px(capital_px: float) -> int:
    return max(1, round(capital_px / 9))


def _ascii(line: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in line.replace("\t", " "))


def _placed(lines: Sequence[str], width_px: int, capital_px: float) -> list[TextLine]:
    top, placed = 0.0, []
    for number, line in enumerate(lines):
        size = capital_px * (_HEADING if number == 0 else 1.0)
        for part in _parts(line, width_px, size):
            placed.append(TextLine(part, round(top + _ABOVE * size), size))
            top += _SPACING * size
    return placed


def _bottom(line: TextLine) -> float:
    return line.base_px + (_SPACING - _ABOVE) * line.capital_px


def _cut(placed: list[TextLine], height_px: int) -> list[TextLine]:
    fitting = sum(_bottom(line) <= height_px for line in placed)
    if fitting == len(placed):
        return placed
    *kept, last = placed[: max(1, fitting)]
    return [*kept, TextLine(last.text[: max(0, len(last.text) - 3)] + "...", last.base_px, last.capital_px)]


def _parts(line: str, width_px: int, capital_px: float) -> Iterator[str]:
    """A line in pieces of at most that width, broken between words, or inside one that is wider."""
    rest = line.strip()
    if not rest:
        yield ""
    while rest:
        count = _fitting(rest, width_px, capital_px)
        if count < len(rest) and (space := rest.rfind(" ", 0, count + 1)) > 0:
            count = space
        yield rest[:count].rstrip()
        rest = rest[count:].lstrip()


def _fitting(text: str, width_px: int, capital_px: float) -> int:
    """How many characters fit, at least one."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if text_width_px(text[:middle], capital_px) <= width_px:
            low = middle
        else:
            high = middle - 1
    return low
