"""Text in pictures. ASCII, which every version of OpenCV draws. Sizes are heights of a capital letter."""

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_CAPITAL_PX", "Canvas", "put_text", "text_width_px"]

Canvas = NDArray[np.uint8]
"""(h, w, 3) R'G'B'."""

LEAST_CAPITAL_PX = 8.0
"""Of what can be read at all."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_CAPITAL_PX = 22.0
"""At scale 1."""


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
