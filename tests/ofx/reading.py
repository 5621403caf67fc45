"""Reads the words of the shim's error picture back, with the shim's own letters."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kinemacolor.ofx import build

FONT = Path(build.__file__).parent / "shim" / "font.h"
WIDTH, HEIGHT = 5, 7
CELL_WIDTH, CELL_HEIGHT = WIDTH + 1, HEIGHT + 3


def letters() -> dict[bytes, str]:
    """By their dots."""
    found = re.findall(r"\['(\\?.)' - ' '\] = \"([.# ]+)\"", FONT.read_text())
    return {
        np.array([dot == "#" for dot in dots.replace(" ", "")], bool).tobytes(): letter[-1] for letter, dots in found
    }


def words_in(picture: NDArray[np.generic]) -> str:
    """The text in white letters, in capitals; whatever is no letter is a ~. The first letter of a line is a K."""
    one = np.iinfo(picture.dtype).max if picture.dtype.kind == "u" else 1
    ink = np.all(picture[..., :3] == one, axis=-1)
    if not ink.any():
        return ""
    by_dots = letters()
    # The title begins with a K, whose left stroke is as high as a letter.
    top, left = int(np.argwhere(ink.any(1))[0, 0]), int(np.argwhere(ink.any(0))[0, 0])
    stroke = ink[top:, left]
    scale = (int(np.argmin(stroke)) if not stroke.all() else len(stroke)) // HEIGHT
    dots = ink[top::scale, left::scale]
    lines = []
    for y in range(0, dots.shape[0] - HEIGHT + 1, CELL_HEIGHT):
        cells = [dots[y : y + HEIGHT, x : x + WIDTH] for x in range(0, dots.shape[1] - WIDTH + 1, CELL_WIDTH)]
        lines.append("".join(by_dots.get(np.ascontiguousarray(cell).tobytes(), "~") for cell in cells).strip())
    return " ".join(line for line in lines if line)
