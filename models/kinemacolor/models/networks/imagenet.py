"""Pictures in the numbers of networks that were trained on ImageNet."""

import torch
from torch import Tensor

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "normalised", "restored"]

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of R'G'B' in [0, 1]."""


def normalised(rgb: Tensor) -> Tensor:
    """(..., 3, H, W) R'G'B' in [0, 1] without mean, in deviations."""
    mean, std = _constants(rgb)
    return (rgb - mean) / std


def restored(rgb: Tensor) -> Tensor:
    """Back."""
    mean, std = _constants(rgb)
    return rgb * std + mean


def _constants(like: Tensor) -> tuple[Tensor, Tensor]:
    mean, std = (torch.tensor(values, dtype=like.dtype, device=like.device) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return mean.view(3, 1, 1), std.view(3, 1, 1)
