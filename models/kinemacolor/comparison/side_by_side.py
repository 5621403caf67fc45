"""Pictures of several results beside each other, each below its label."""

import math
from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from kinemacolor.comparison.labels import GROUND, LABEL_HEIGHT_PX, label
from kinemacolor.comparison.layout import Grid, grid_of
from kinemacolor.evaluation.pictures import Picture

__all__ = ["enlarged", "reduced", "side_by_side"]

_GAP_PX = 4
_NARROWEST_PX = 160  # room for a label that can be read


def side_by_side(columns: Mapping[str, Picture]) -> Iterator[Picture]:
    """Frame by frame, all results in one picture (H, W, 3) of even sides.

    Args:
        columns: Label and pictures (T, H, W, 3), all of one shape.
    """
    pictures = [enlarged(each) for each in columns.values()]
    frames, height, width = pictures[0].shape[:3]
    grid = grid_of(len(pictures), width, height + LABEL_HEIGHT_PX, _GAP_PX)
    ground = _ground(grid, [label(text, width) for text in columns])
    for number in range(frames):
        whole = ground.copy()
        for place, each in enumerate(pictures):
            left, top = grid.corner(place)
            whole[top + LABEL_HEIGHT_PX : top + LABEL_HEIGHT_PX + height, left : left + width] = each[number]
        yield whole


def enlarged(pictures: Picture) -> Picture:
    """(T, H, W, 3); tiny ones are enlarged by a whole factor until a label above them can be read."""
    factor = math.ceil(_NARROWEST_PX / pictures.shape[2])
    return pictures if factor <= 1 else np.asarray(pictures.repeat(factor, axis=1).repeat(factor, axis=2))


def _ground(grid: Grid, labels: list[Picture]) -> Picture:
    whole = np.full((grid.height_px, grid.width_px, 3), GROUND, np.uint8)
    for place, strip in enumerate(labels):
        left, top = grid.corner(place)
        whole[top : top + LABEL_HEIGHT_PX, left : left + strip.shape[1]] = strip
    return whole


def reduced(picture: Picture, width_px: int) -> Picture:
    """A picture (H, W, 3) at a width; it is never enlarged."""
    height, width = picture.shape[:2]
    if width <= width_px:
        return picture
    size = (width_px, max(1, round(height * width_px / width)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
