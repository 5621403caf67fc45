"""Resizing of 8-bit pictures as Pillow does it, to the last bit (python-pillow/Pillow, src/libImaging/Resample.c).

A filter as wide as the reduction, along the rows first; its shares are rounded to 22 bits, and there are bytes between
the two axes. torch's antialiased resizing has the same filter and other roundings. Pillow 13 begins with the columns
for some shapes, which changes samples by one code; the versions that authors of 2016 to 2019 had did not.
"""

from typing import Literal

import torch
from torch import Tensor

__all__ = ["Kind", "resized", "shortened"]

Kind = Literal["bilinear", "bicubic"]

_BITS = 22
_REACH = {"bilinear": 1.0, "bicubic": 2.0}
_SHARPNESS = -0.5
"""Of the cubic (Keys 1981)."""


def resized(planes: Tensor, height: int, width: int, kind: Kind) -> Tensor:
    """Resize.

    Args:
        planes: (B, C, H, W) uint8.
        height: Wanted, at least 1.
        width: Likewise.
        kind: The filter.

    Returns:
        (B, C, height, width) uint8.
    """
    if width != planes.shape[-1]:
        planes = _mixed(planes, _shares(planes.shape[-1], width, kind))
    if height != planes.shape[-2]:
        planes = _mixed(planes.transpose(-1, -2), _shares(planes.shape[-2], height, kind)).transpose(-1, -2)
    return planes.contiguous()


def shortened(planes: Tensor, short_side_px: int) -> Tensor:
    """A picture in its own shape, bicubic, not enlarged: (B, C, H, W) uint8 with sides of at least 1.

    Raises:
        ValueError: The side is not positive.
    """
    if short_side_px < 1:
        raise ValueError(f"expected a positive side, found {short_side_px}")
    height, width = planes.shape[-2:]
    scale = min(1.0, short_side_px / min(height, width))
    return resized(planes, max(1, round(height * scale)), max(1, round(width * scale)), "bicubic")


def _mixed(planes: Tensor, shares: Tensor) -> Tensor:
    """Along the last axis. float64 holds the sums of 30 bits exactly, and multiplies faster than integers."""
    sums = planes.double() @ shares.t()
    return ((sums + (1 << (_BITS - 1))) / (1 << _BITS)).floor().clamp(0, 255).to(torch.uint8)


def _shares(length: int, size: int, kind: Kind) -> Tensor:
    """What each of `length` samples gives to each of `size`: (size, length), in parts of 2 ** 22."""
    scale = length / size
    stretch = max(scale, 1.0)
    reach = _REACH[kind] * stretch
    centre = ((torch.arange(size, dtype=torch.float64) + 0.5) * scale).unsqueeze(1)
    place = torch.arange(length, dtype=torch.float64)
    is_near = (place >= (centre - reach + 0.5).trunc()) & (place < (centre + reach + 0.5).trunc())
    share = _filter((place - centre + 0.5) / stretch, kind).where(is_near, 0.0)
    exact = share / share.sum(dim=1, keepdim=True) * (1 << _BITS)
    return exact.sign() * (exact.abs() + 0.5).floor()


def _filter(x: Tensor, kind: Kind) -> Tensor:
    x = x.abs()
    if kind == "bilinear":
        return (1.0 - x).clamp_min(0.0)
    a = _SHARPNESS
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, (((x - 5) * x + 8) * x - 4) * a
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))
