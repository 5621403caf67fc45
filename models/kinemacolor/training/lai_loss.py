"""What the transform network of Lai et al. 2018 is trained for: calm over the shot, and like its input.

The paper's three terms, with what stands in for what we do not have: flow by DIS or made motion instead of FlowNet2,
and features of MobileNetV2 instead of VGG16 for the perceptual term. Two more things differ. Luma is not the network's
business here (the film's own is put back), so calm is asked of R'G'B' without its luma, and of luma that it stays; two
small terms keep the mean colour of patches and, dearer, their chroma: a network that fades is calm, too.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.color import luma
from kinemacolor.models.networks.lai import Lai, LaiMemory

__all__ = ["Footage", "LaiLoss", "colour_part", "lai_loss", "luma_part"]

_PATCH = 16


@dataclass(frozen=True, slots=True)
class Footage:
    """B shots of T frames, R'G'B' in [0, 1]."""

    frames: Tensor
    """(T, B, 3, H, W) I: what was coloured, grey."""
    processed: Tensor
    """(T, B, 3, H, W) P: each frame coloured alone."""
    origin: Tensor
    """(T - 1, B, H, W, 2) where each pixel was in the frame before, in the units of `grid_sample`."""
    seen: Tensor
    """(T - 1, B, 1, H, W) 1 where it was visible then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaiLoss:
    """Weights of the terms. The paper's are 100, 100 and 10, the last on other features."""

    short: float = 100.0
    """Against the frame before."""
    long: float = 100.0
    """Against the first frame."""
    perceptual: float = 0.3
    """Features of the output against those of the input."""
    patch: float = 1.0
    """Mean colour of patches against the input's."""
    luma: float = 10.0
    """Luma of the output against the input's. Free, it drifts until the last tanh has reached its end."""
    fade: float = 10.0
    """Mean chroma that patches lose against the input: what an average of two hues has less than each of them."""


def lai_loss(net: Lai, footage: Footage, features: Callable[[Tensor], Tensor], weights: LaiLoss) -> Tensor:
    """Unroll the network over the shots; outputs are fed back without their gradient, as in the paper.

    Args:
        net: The network.
        footage: The shots.
        features: (B, 3, H, W) R'G'B' to features whose differences are of the order of 1.
        weights: Of the terms.

    Returns:
        Scalar: mean over the frames after the first.
    """
    count = len(footage.frames)
    output, memory = footage.processed[0], None
    first = colour_part(output)
    grid = seen = None
    total = torch.zeros((), device=output.device)
    for t in range(1, count):
        before = colour_part(output)
        processed = footage.processed[t]
        output, memory = net(processed, output, footage.frames[t], footage.frames[t - 1], memory)
        memory = LaiMemory(memory.hidden.detach(), memory.cell.detach())
        colour, wanted = colour_part(output.float()), colour_part(processed)
        origin, visible = footage.origin[t - 1], footage.seen[t - 1]
        grid = origin if grid is None else _sampled(grid.permute(0, 3, 1, 2), origin).permute(0, 2, 3, 1)
        seen = visible if seen is None else (_sampled(seen, origin) > 0.99).float() * visible
        total = total + weights.short * _mean((colour - _sampled(before, origin)).abs(), visible)
        if t > 1:
            total = total + weights.long * _mean((colour - _sampled(first, grid)).abs(), seen)
        looks = features(luma_part(processed) + colour) - features(processed)
        total = total + weights.perceptual * looks.abs().mean()
        total = total + weights.patch * F.avg_pool2d(colour - wanted, _PATCH).abs().mean()
        total = total + weights.luma * (luma_part(output.float()) - luma_part(processed)).abs().mean()
        faded = F.avg_pool2d(_chroma(wanted) - _chroma(colour), _PATCH)
        total = total + weights.fade * F.relu(faded).mean()
        output = output.detach().float()
    return total / (count - 1)


def colour_part(rgb: Tensor) -> Tensor:
    """R'G'B' less its luma, (..., 3, H, W)."""
    return rgb - luma(rgb)


def luma_part(rgb: Tensor) -> Tensor:
    """Its luma, (..., 1, H, W)."""
    return luma(rgb)


def _sampled(planes: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _chroma(colour: Tensor) -> Tensor:
    return torch.sqrt(colour.square().sum(dim=1, keepdim=True) + 1e-6)


def _mean(error: Tensor, mask: Tensor) -> Tensor:
    return (error * mask).sum() / (3 * mask.sum()).clamp_min(1.0)
