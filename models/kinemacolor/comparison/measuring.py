"""One clip from its pictures to its figures."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from kinemacolor.comparison.results import GREY, TRUTH, Line
from kinemacolor.evaluation.measure import (
    Footage,
    Truth,
    ciede2000_by_frame,
    measure_ab,
    measure_truthless,
    show,
    warp_error_by_pair,
)
from kinemacolor.evaluation.pictures import Picture

__all__ = ["Measured", "measure_clip"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One result on one clip."""

    line: Line
    pictures: Picture
    """(T, H, W, 3) sRGB."""


def measure_clip(footage: Footage, colours: Mapping[str, Tensor]) -> dict[str, Measured]:
    """Figures and pictures by title: grey, the results, and the truth if it is known.

    Args:
        footage: The clip; a `Truth` if its colours are known.
        colours: (T, 2, H, W) a*b* of the results by title.
    """
    frames, height, width = footage.clip.rgb.shape[:3]
    every = {GREY: torch.zeros(frames, 2, height, width), **colours}
    if isinstance(footage, Truth):
        every[TRUTH] = footage.lab[:, 1:]
    return {title: Measured(_line(footage, ab), show(footage, ab)) for title, ab in every.items()}


def _line(footage: Footage, ab: Tensor) -> Line:
    flicker = tuple(warp_error_by_pair(footage, ab).tolist())
    if isinstance(footage, Truth):
        return Line(measure_ab(footage, ab), tuple(ciede2000_by_frame(footage, ab).tolist()), flicker)
    return Line(measure_truthless(footage, ab), (), flicker)
