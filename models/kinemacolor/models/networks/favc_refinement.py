"""What the refinement network of `favc` is shown: two colour pictures, brought together along the motion of the film.

Lei, Chen 2019, as in the authors' training graph: where the grey frames agree along the motion and the colours do not
(`low`), the frame's own colour is taken away, and the network is to fill it in from the frame before.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["CONFIDENT", "Refinement", "refinement_input", "warp"]

CONFIDENT = 0.05
"""Of full scale: the largest difference of a channel up to which two pixels are the same."""


@dataclass(frozen=True, slots=True)
class Refinement:
    """What the network sees, with the parts that its training needs."""

    planes: Tensor
    """(B, 18, H, W)."""
    carried: Tensor
    """(B, 3, H, W) the picture before, moved to where this one has its things."""
    low: Tensor
    """(B, 1, H, W) 1 where the film stays and its colour does not."""
    visible: Tensor
    """(B, 1, H, W) 1 where the film stays."""


def refinement_input(before: Tensor, colour: Tensor, grey_before: Tensor, grey: Tensor, flow: Tensor) -> Refinement:
    """Put the planes together.

    Args:
        before: (B, 3, H, W) R'G'B' of the frame before, refined.
        colour: (B, 3, H, W) R'G'B' of this frame, not yet refined.
        grey_before: (B, 1, H, W) code values of the grey frame before, in [0, 1].
        grey: (B, 1, H, W) of this frame.
        flow: (B, 2, H, W) from this frame to the one before, x first, in pixels of these planes.
    """
    carried = warp(before, flow)
    agree = _agree(carried, colour)
    visible = _agree(warp(grey_before, flow), grey)
    low = ((visible - agree) > 0).to(colour.dtype)
    coarse = colour * (1.0 - low) + grey * low
    thrice = (-1, 3, -1, -1)
    masks = (low.expand(thrice), agree.expand(thrice), visible.expand(thrice))
    return Refinement(torch.cat((coarse, carried, colour, *masks), dim=1), carried, low, visible)


def warp(planes: Tensor, flow: Tensor) -> Tensor:
    """Move planes along a flow that leads back to them, as the authors' operation does (FlowNet2 for TensorFlow).

    Args:
        planes: (B, C, H, W) of the frame before.
        flow: (B, 2, H, W) from the frame after to the one before, x first, in pixels.

    Returns:
        (B, C, H, W), bilinear; 0 where the flow leaves the picture.
    """
    batch, channels, height, width = planes.shape
    x = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, 0]
    y = torch.arange(height, device=flow.device, dtype=flow.dtype).view(-1, 1) + flow[:, 1]
    inside = ((x >= 0) & (y >= 0) & (x < width) & (y < height)).unsqueeze(1)
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    left, top = x.floor(), y.floor()
    right, bottom = (left + 1).clamp_max(width - 1), (top + 1).clamp_max(height - 1)
    share_x, share_y = (x - left).unsqueeze(1), (y - top).unsqueeze(1)
    flat = planes.reshape(batch, channels, -1)

    def at(row: Tensor, column: Tensor) -> Tensor:
        place = (row * width + column).long().view(batch, 1, -1).expand(-1, channels, -1)
        return flat.gather(2, place).view(batch, channels, height, width)

    upper = at(top, left) * (1 - share_x) + at(top, right) * share_x
    lower = at(bottom, left) * (1 - share_x) + at(bottom, right) * share_x
    return torch.where(inside, upper * (1 - share_y) + lower * share_y, torch.zeros_like(planes))


def _agree(one: Tensor, other: Tensor) -> Tensor:
    """(B, 1, H, W) 1 where no channel differs by more."""
    return ((one - other).abs().amax(dim=1, keepdim=True) < CONFIDENT).to(one.dtype)
