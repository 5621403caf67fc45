"""A picture's grey as Pillow computes it (mode L): BT.601 luma of the codes, in integers."""

import torch
from torch import Tensor

__all__ = ["pillow_grey"]

_WEIGHTS, _BITS = (19595, 38470, 7471), 16
"""Of R', G', B', in 65536ths (python-pillow/Pillow, src/libImaging/Convert.c)."""


def pillow_grey(rgb: Tensor) -> Tensor:
    """(B, 3, H, W) uint8 R'G'B' to (B, 1, H, W) uint8."""
    weights = torch.tensor(_WEIGHTS, dtype=torch.int32, device=rgb.device).view(3, 1, 1)
    weighed = (rgb.int() * weights).sum(dim=1, keepdim=True, dtype=torch.int32)
    return ((weighed + (1 << (_BITS - 1))) >> _BITS).to(torch.uint8)
