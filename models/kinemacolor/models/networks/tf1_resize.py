"""The bilinear resize of TensorFlow 1: sample i of the result is taken at i * in / out, so that the first ones meet.

Neither half-pixel centres nor aligned corners: torch's `interpolate` has no such rule (tf.compat.v1.image
.resize_bilinear with align_corners and half_pixel_centers False).
"""

import torch
from torch import Tensor

__all__ = ["resize_bilinear"]


def resize_bilinear(planes: Tensor, height: int, width: int) -> Tensor:
    """(B, C, H, W) to (B, C, height, width); the same tensor if nothing is to do."""
    return _along(_along(planes, 2, height), 3, width)


def _along(planes: Tensor, axis: int, length: int) -> Tensor:
    inside = planes.shape[axis]
    if inside == length:
        return planes
    place = torch.arange(length, dtype=torch.float64) * (inside / length)
    low = place.floor().long()
    high = (low + 1).clamp_max(inside - 1)
    shape = [1, 1, 1, 1]
    shape[axis] = length
    share = (place - low).to(device=planes.device, dtype=planes.dtype).view(shape)
    below, above = (planes.index_select(axis, at.to(planes.device)) for at in (low, high))
    return below + (above - below) * share
