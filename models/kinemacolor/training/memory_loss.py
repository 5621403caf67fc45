"""What the memory of `kinema` is trained for: find places again, be right, be calm."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.networks.memory import MemoryNet
from kinemacolor.models.temporal import Cells, TemporalSettings, fuse, gather, match

__all__ = ["MemoryLoss", "Shots", "distance", "masked_mean", "memory_loss"]

_UNIT = 10.0  # CIELAB units that count as 1
_SOFT = 0.1  # where the absolute value turns into a square, in these units


@dataclass(frozen=True, slots=True)
class Shots:
    """B training shots of T frames at the resolution of cells, as the memory sees them and as they are."""

    observed: tuple[Cells, ...]
    """T frames, B shots each: descriptions, and the frame network's colour."""
    lab: Tensor
    """(T, B, 3, h, w) true CIELAB, of the clean picture."""
    origin: Tensor
    """(T - 1, B, h, w, 2) where each cell was, in the units of `grid_sample`."""
    seen: Tensor
    """(T - 1, B, 1, h, w): 1 where it was visible then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLoss:
    """Weights of the parts."""

    find: float = 1.0
    """The true colour and lightness, carried from the previous frame, against those of this frame."""
    right: float = 1.0
    """The colour of the memory against the true one."""
    calm: float = 1.0
    """The colour of the memory against its own along the true motion."""


def memory_loss(net: MemoryNet, shots: Shots, settings: TemporalSettings, weights: MemoryLoss) -> Tensor:
    """Unroll the memory over the shots.

    Returns:
        Scalar: mean over frames after the first, in units of 10 CIELAB.
    """
    before, total = shots.observed[0], torch.zeros(())
    for t, observed in enumerate(shots.observed[1:], start=1):
        share = match(before.descriptor, observed.descriptor, settings.radius)
        after = fuse(net, before, observed, share, settings)
        origin, seen = shots.origin[t - 1], shots.seen[t - 1]
        found = gather(shots.lab[t - 1], share, settings.radius)
        moved = F.grid_sample(before.ab, origin, mode="bilinear", padding_mode="border", align_corners=False)
        total = total + weights.find * masked_mean(distance(found, shots.lab[t]), seen)
        total = total + weights.right * distance(after.ab, shots.lab[t][:, 1:]).mean()
        total = total + weights.calm * masked_mean(distance(after.ab, moved), seen)
        before = after
    return total / (len(shots.observed) - 1)


def distance(a: Tensor, b: Tensor) -> Tensor:
    """(B, 1, h, w) mean distance over the channels of (B, C, h, w) in tens: an absolute value, rounded near 0."""
    return ((((a - b) / _UNIT).square() + _SOFT**2).sqrt() - _SOFT).mean(dim=1, keepdim=True)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of (B, 1, h, w) over where the mask is 1; 0 if it is nowhere."""
    return (values * mask).sum() / mask.sum().clamp_min(1.0)
