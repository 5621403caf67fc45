"""Soft-encoded, rebalanced cross-entropy over ab bins (Zhang, Isola, Efros 2016, section 2.1 and 2.2)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "RebalanceSettings",
    "SoftEncoder",
    "class_weights",
    "rebalanced_cross_entropy",
    "soft_cross_entropy",
]

_NEIGHBOURS = 5
_SIGMA = 5.0  # CIELAB units, as in the paper
_LIMIT = 112  # no displayable colour has a larger |a*| or |b*|


@dataclass(frozen=True, slots=True)
class RebalanceSettings:
    """How strongly rare colours are favoured."""

    uniform_share: float = 0.5
    """Share of the uniform distribution mixed into the prior, in (0, 1]; 1 switches rebalancing off."""
    largest: float = 8.0
    """Cap of a weight, after the mean weight under the prior was scaled to 1."""


class SoftEncoder:
    """Looks up the nearest bins of a colour and their weights; a table by whole ab units replaces the search.

    Args:
        bins: (Q, 2) float32, a* and b* of the bins.
        neighbours: How many bins share a colour, K below.
    """

    def __init__(self, bins: Tensor, neighbours: int = _NEIGHBOURS) -> None:
        axis = torch.arange(-_LIMIT, _LIMIT + 1, dtype=torch.float32)
        points = torch.cartesian_prod(axis, axis)
        distance, index = torch.cdist(points, bins).topk(neighbours, dim=1, largest=False)
        weight = torch.exp(-0.5 * (distance / _SIGMA) ** 2).clamp_min(1e-8)
        self._index, self._weight = index, weight / weight.sum(dim=1, keepdim=True)

    def __call__(self, ab: Tensor) -> tuple[Tensor, Tensor]:
        """Encode.

        Args:
            ab: (B, 2, h, w) CIELAB.

        Returns:
            Indices (B, h, w, K) int64, nearest first, and their weights (B, h, w, K) summing to 1.
        """
        cell = ab.round().long().clamp(-_LIMIT, _LIMIT) + _LIMIT
        row = cell[:, 0] * (2 * _LIMIT + 1) + cell[:, 1]
        return self._index[row], self._weight[row]


def class_weights(counts: Tensor, settings: RebalanceSettings) -> Tensor:
    """Weights of the bins.

    Args:
        counts: (Q,) how often each bin was the nearest, any non-negative numbers with a positive sum.
        settings: Strength and cap.

    Returns:
        (Q,) float32, with mean 1 under the prior before the cap.
    """
    prior = counts.float() / counts.sum()
    mixed = (1.0 - settings.uniform_share) * prior + settings.uniform_share / prior.numel()
    weight = 1.0 / mixed
    return (weight / (prior * weight).sum()).clamp_max(settings.largest)


def soft_cross_entropy(logits: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy of each place.

    Args:
        logits: (B, Q, h, w), any floating dtype.
        index: (B, h, w, K) int64 from `SoftEncoder`.
        weight: (B, h, w, K) from `SoftEncoder`.

    Returns:
        (B, h, w) float32, in nats.
    """
    # Channels last is how the network's memory lies: the softmax then runs along contiguous rows.
    log_posterior = F.log_softmax(logits.permute(0, 2, 3, 1).float(), dim=-1)
    return -(log_posterior.gather(-1, index) * weight).sum(dim=-1)


def rebalanced_cross_entropy(logits: Tensor, index: Tensor, weight: Tensor, class_weight: Tensor) -> Tensor:
    """Mean cross-entropy, each place weighted by the class of its nearest bin.

    Args:
        logits: (B, Q, h, w), any floating dtype.
        index: (B, h, w, K) int64 from `SoftEncoder`.
        weight: (B, h, w, K) from `SoftEncoder`.
        class_weight: (Q,) from `class_weights`.

    Returns:
        Scalar float32, in nats.
    """
    factor = class_weight[index[..., 0]]
    return (soft_cross_entropy(logits, index, weight) * factor).sum() / factor.sum()
