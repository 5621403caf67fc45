"""The ways in which a hinted picture is looked at: as it is, mirrored, and larger.

What the spreading of hints gets wrong in one of them it often gets right in the others, so their answers are averaged
(docs/experiments.md).
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, dtype

from kinemacolor.models.api import HintSpot
from kinemacolor.models.networks.kinema import STRIDE_IN, KinemaNet
from kinemacolor.models.networks.spread import SPREAD_CELL, SpreadNet

__all__ = ["HintView", "hint_mask", "hint_views"]

_LARGER = 1.25
"""About: sides are multiples of the network's. A picture so small that this leaves it as it is has two looks."""


@dataclass(frozen=True, slots=True)
class HintView:
    """One of them."""

    lightness: Tensor
    """(1, 1, h, w) CIE L* of the picture as it is looked at."""
    taps: list[Tensor]
    """The trunk's of that, float32."""
    size: tuple[int, int]
    """Height and width of the picture."""
    mirrored: bool

    def mask(self, hints: Sequence[HintSpot]) -> Tensor:
        """(1, 1, h, w) 1 where hints are, which are in pixels of the picture, else 0."""
        height, width = self.lightness.shape[-2:]
        down, right = height / self.size[0], width / self.size[1]
        seen = [
            replace(hint, x_px=hint.x_px * right, y_px=hint.y_px * down, radius_px=hint.radius_px * min(down, right))
            for hint in hints
        ]
        mask = hint_mask(seen, height, width)
        return (mask.flip(1) if self.mirrored else mask).to(self.lightness.device)[None, None]

    def logit(self, net: SpreadNet, here: Sequence[HintSpot], every: Tensor) -> Tensor:
        """Of whether a cell of the picture belongs to the thing that hints are on: (1, 1, H / 4, W / 4).

        Args:
            net: Spreads.
            here: Hints of the thing, in pixels of the picture.
            every: `mask` of these and those of other things.
        """
        mask = self.mask(here)
        found: Tensor = net(self.lightness, self.taps, mask, every * (1.0 - mask))
        cells = [side // SPREAD_CELL for side in self.size]
        if list(found.shape[-2:]) != cells:
            found = F.interpolate(found, size=cells, mode="bilinear", antialias=True, align_corners=False)
        return found.flip(3) if self.mirrored else found


def hint_views(frame: KinemaNet, lightness: Tensor, kind: dtype) -> Generator[None, None, list[HintView]]:
    """All of them; yields between two.

    Args:
        frame: The frame network, for its taps, in `kind`.
        lightness: (1, H, W) float32 CIE L* in [0, 100], sides multiples of 32.
        kind: Dtype of the frame network.
    """
    picture = lightness.unsqueeze(0)
    height, width = lightness.shape[-2:]
    seen = [(picture, False), (picture.flip(3), True)]
    larger = [round(_LARGER * side / STRIDE_IN) * STRIDE_IN for side in (height, width)]
    if larger != [height, width]:
        seen.append((F.interpolate(picture, size=larger, mode="bilinear", align_corners=False), False))
    views: list[HintView] = []
    for plane, mirrored in seen:
        if views:
            yield
        taps = [tap.float() for tap in frame.taps(plane.to(kind))]
        views.append(HintView(plane, taps, (height, width), mirrored))
    return views


def hint_mask(hints: Sequence[HintSpot], height: int, width: int) -> Tensor:
    """(height, width) float32, 1 where a hint is; the pixel that a centre lies in always belongs to it."""
    mask = torch.zeros(height, width)
    y, x = torch.arange(height).view(-1, 1) + 0.5, torch.arange(width) + 0.5
    for hint in hints:
        mask[(y - hint.y_px) ** 2 + (x - hint.x_px) ** 2 <= hint.radius_px**2] = 1.0
        row = min(max(math.floor(hint.y_px), 0), height - 1)
        mask[row, min(max(math.floor(hint.x_px), 0), width - 1)] = 1.0
    return mask
