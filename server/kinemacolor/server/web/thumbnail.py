"""A small picture of an answered frame: as it came on the left, with its colour on the right. Pure."""

import numpy as np
from numpy.typing import NDArray

from kinemacolor.colour.encoding import Primaries, Transfer
from kinemacolor.colour.lab import lab_to_linear_rgb
from kinemacolor.colour.transfer import from_linear
from kinemacolor.server.hub import Answer
from kinemacolor.server.web.png import png_of
from kinemacolor.wire.codec import decode_luma
from kinemacolor.wire.frame import AB_STEPS_PER_UNIT, Geometry

__all__ = ["WIDTH_PX", "before_and_after"]

WIDTH_PX = 160
"""Of each half."""


def before_and_after(answer: Answer, geometry: Geometry, lightness: NDArray[np.float32]) -> bytes:
    """A PNG, both halves beside each other and in sRGB.

    Colours outside the gamut are clipped, channel by channel: here nobody measures, and a render never does.

    Args:
        answer: The frame.
        geometry: Of its planes.
        lightness: (65536,) L* by luma code.
    """
    shape = (2, geometry.height_px, geometry.width_px)
    ab = np.frombuffer(answer.ab, "<i2").reshape(shape).astype(np.float32) / np.float32(AB_STEPS_PER_UNIT)
    lab = _reduced(np.concatenate([lightness[decode_luma(answer.luma, geometry)][np.newaxis], ab]))
    grey = lab * np.array([1, 0, 0], np.float32)[:, np.newaxis, np.newaxis]
    return png_of(_srgb(np.concatenate([grey, lab], axis=2)))


def _reduced(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(C, H, W) to `WIDTH_PX` columns by the mean of what each sample covers; smaller ones stay as they are."""
    _, height, width = planes.shape
    if width <= WIDTH_PX:
        return planes
    rows = max(1, round(height * WIDTH_PX / width))
    return _means(_means(planes, rows, axis=1), WIDTH_PX, axis=2)


def _means(planes: NDArray[np.float32], count: int, axis: int) -> NDArray[np.float32]:
    edges = np.arange(count + 1) * planes.shape[axis] // count
    sums = np.add.reduceat(planes, edges[:-1], axis=axis)
    sizes = np.diff(edges).astype(np.float32)
    means: NDArray[np.float32] = sums / (sizes[:, np.newaxis] if axis == 1 else sizes)
    return means


def _srgb(lab: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(3, H, W) CIELAB to (H, W, 3) codes."""
    codes = from_linear(np.clip(lab_to_linear_rgb(lab, Primaries.BT709), 0, 1), Transfer.SRGB)
    return np.round(np.clip(codes, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
