"""What `favc` is trained for (Lei, Chen 2019): lively colour in several ways, calm over pixels and over time.

The paper's terms, and what stands in for what we do not have:

* *Diversity.* Of K pictures the best one counts, and each a little by its place, 0.01 * 2^(K - i): the first is to be
  the likeliest. The weights go by the place in the output, not by the order of the losses, as in the authors' code;
  that is what makes the first picture the first. Perceptual distances are on features of MobileNetV2; the paper's are
  VGG19's.
* *Self-regularisation over pixels.* A pixel is to look like its nearest neighbours in colour and place. The paper has
  it, the authors' code computes it and leaves it out of the sum; here it has a weight. Neighbours are sought among
  every second pixel of every second row.
* *Self-regularisation over time.* Colour stays along the motion where the true colours do.
* *Refinement.* Like the truth; like the frame before where the film stays and its colour does not; like itself
  elsewhere. Two terms are ours: calm along the motion wherever the film stays, for differences below the threshold
  of the mask flicker, too, and the chroma that patches lose, for a network that fades is calm, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.color import luma
from kinemacolor.models.networks.favc_refinement import CONFIDENT, Refinement, warp

__all__ = [
    "ColourLoss",
    "Pair",
    "RefineLoss",
    "colour_loss",
    "distances",
    "nearest_neighbours",
    "rank_diverse",
    "refine_loss",
    "self_regularisation",
]

Features = Callable[[Tensor], Sequence[Tensor]]
"""(N, 3, H, W) R'G'B' to features at several sizes."""

_NEIGHBOURS = 5
_PLACE_SCALE_PX = 500.0
"""So many pixels are as far as all of a channel's range."""
_PATCH = 16
_TAP_SCALES = (0.060, 0.267, 0.512, 0.600, 0.460, 0.297)
"""Mean differences of photos from their grey pictures, in R'G'B' and in `MobileTrunk`'s features: all count alike."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two neighbouring frames of B shots and how they are coloured."""

    before: Tensor
    """(B, 12, H, W) the K pictures of the first frame."""
    after: Tensor
    """(B, 12, H, W) of the second."""
    truth_before: Tensor
    """(B, 3, H, W)."""
    truth_after: Tensor
    flow: Tensor
    """(B, 2, H, W) from the second frame to the first, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourLoss:
    """Weights of the terms of the colour stage."""

    diverse: float = 1.0
    temporal: float = 5.0
    """The authors' is 5, on differences of full scale."""
    bilateral: float = 1.0
    """Of likeness to neighbours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineLoss:
    """Weights of the terms of the refinement; the authors' are 1, 1, 1."""

    truth: float = 1.0
    low: float = 1.0
    """Like the frame before where it is to fill in."""
    keep: float = 1.0
    """Like the frame itself elsewhere."""
    calm: float = 0.0
    """Ours: like the frame before wherever the film stays."""
    fade: float = 0.0
    """Ours: mean chroma that patches lose."""


def colour_loss(pair: Pair, features: Features, weights: ColourLoss) -> Tensor:
    """Scalar; `features` as `distances` takes them."""
    total = torch.zeros((), device=pair.after.device)
    for colour, truth in ((pair.before, pair.truth_before), (pair.after, pair.truth_after)):
        total = total + weights.diverse * rank_diverse(distances(colour, truth, features)).mean()
        if weights.bilateral:
            total = total + weights.bilateral * self_regularisation(colour, nearest_neighbours(truth))
    agree = (warp(pair.truth_before, pair.flow) - pair.truth_after).abs().amax(dim=1, keepdim=True) < CONFIDENT
    return total + weights.temporal * ((warp(pair.before, pair.flow) - pair.after).abs() * agree).mean()


def distances(colour: Tensor, truth: Tensor, features: Features) -> Tensor:
    """How far each of the K pictures is from the truth.

    Args:
        colour: (B, 3 K, H, W) R'G'B'.
        truth: (B, 3, H, W).
        features: Of (N, 3, H, W), at several sizes; as many as there are scales less one.

    Returns:
        (B, K), each term's mean over a photo and its grey picture being about 1.
    """
    count = colour.shape[1] // 3
    flat = colour.reshape(-1, 3, *colour.shape[2:])
    with torch.no_grad():
        wanted = [truth, *features(truth)]
    total = torch.zeros(len(flat), device=colour.device)
    for found, true, scale in zip([flat, *features(flat)], wanted, _TAP_SCALES, strict=True):
        step = found.float() - true.float().repeat_interleave(count, dim=0)
        total = total + step.abs().flatten(1).mean(dim=1) / scale
    return total.view(-1, count)


def rank_diverse(distance: Tensor) -> Tensor:
    """(B, K) distances to (B,) losses: the smallest, and 0.01 * 2^(K - i) of each, i = 0 .. K - 1."""
    count = distance.shape[1]
    by_place = 0.01 * 2.0 ** (count - torch.arange(count, device=distance.device, dtype=distance.dtype))
    return distance.amin(dim=1) + (distance * by_place).sum(dim=1)


def nearest_neighbours(truth: Tensor) -> Tensor:
    """The nearest pixels in R'G'B' and place, themselves not counted, among every second of every second row.

    Args:
        truth: (B, 3, H, W).

    Returns:
        (B, 5, N) places in the thinned picture, row by row.
    """
    thin = truth[:, :, ::2, ::2]
    height, width = thin.shape[2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    place = torch.stack((x, y)).to(thin) * 2 / _PLACE_SCALE_PX
    points = torch.cat((thin, place.expand(len(thin), -1, -1, -1)), dim=1).flatten(2).transpose(1, 2)
    apart = torch.cdist(points, points)
    apart.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    return apart.topk(_NEIGHBOURS, dim=2, largest=False).indices.transpose(1, 2)


def self_regularisation(colour: Tensor, neighbours: Tensor) -> Tensor:
    """Mean difference between pixels and their neighbours, of (B, 3 K, H, W) pictures."""
    flat = colour[:, :, ::2, ::2].flatten(2)
    total = torch.zeros((), device=colour.device)
    for places in neighbours.unbind(dim=1):
        near = flat.gather(2, places.unsqueeze(1).expand(-1, flat.shape[1], -1))
        total = total + (flat - near).abs().mean()
    return total / neighbours.shape[1]


def refine_loss(seen: Refinement, colour: Tensor, refined: Tensor, truth: Tensor, weights: RefineLoss) -> Tensor:
    """Scalar; pictures are (B, 3, H, W) R'G'B', `seen` is what the network saw of them."""
    total = weights.truth * (truth - refined).abs().mean()
    total = total + weights.low * (seen.low * (seen.carried - refined).abs()).mean()
    total = total + weights.keep * ((1.0 - seen.low) * (colour - refined).abs()).mean()
    total = total + weights.calm * (seen.visible * (_hue(seen.carried) - _hue(refined)).abs()).mean()
    faded = F.avg_pool2d(_chroma(colour) - _chroma(refined), _PATCH)
    return total + weights.fade * F.relu(faded).mean()


def _hue(rgb: Tensor) -> Tensor:
    """R'G'B' less its luma: the film's own is put back, so only this flickers."""
    return rgb - luma(rgb)


def _chroma(rgb: Tensor) -> Tensor:
    return torch.sqrt(_hue(rgb).square().sum(dim=1, keepdim=True) + 1e-6)
