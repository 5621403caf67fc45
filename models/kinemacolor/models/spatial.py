"""Padding to the network's multiple and its exact undo."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

__all__ = ["Padding", "crop", "pad_to_multiple"]


@dataclass(frozen=True, slots=True)
class Padding:
    """Samples added by `pad_to_multiple`; the picture stays at the top left, so its coordinates do not change."""

    right_px: int
    """Columns added on the right, at least 0."""
    bottom_px: int
    """Rows added at the bottom, at least 0."""


def pad_to_multiple(planes: Tensor, multiple: int) -> tuple[Tensor, Padding]:
    """Repeat the last column and row until both sides are multiples.

    Args:
        planes: (..., C, H, W) with 3 or 4 axes, floating dtype, H and W at least 1.
        multiple: At least 1.

    Returns:
        The padded planes (the same tensor if nothing was to do) and what `crop` needs.

    Raises:
        ValueError: The multiple is below 1, or the planes are empty or have another number of axes.
    """
    if multiple < 1:
        raise ValueError(f"expected a multiple of at least 1, found {multiple}")
    if planes.ndim not in (3, 4) or min(planes.shape[-2:]) < 1:
        raise ValueError(f"expected planes (C, H, W) or (B, C, H, W) that are not empty, found {tuple(planes.shape)}")
    height, width = planes.shape[-2:]
    padding = Padding(right_px=-width % multiple, bottom_px=-height % multiple)
    if padding == Padding(0, 0):
        return planes, padding
    return F.pad(planes, (0, padding.right_px, 0, padding.bottom_px), mode="replicate"), padding


def crop(planes: Tensor, padding: Padding) -> Tensor:
    """Undo `pad_to_multiple`: (..., H + bottom, W + right) to (..., H, W), a view."""
    height, width = planes.shape[-2] - padding.bottom_px, planes.shape[-1] - padding.right_px
    return planes[..., :height, :width]
