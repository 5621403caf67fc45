"""Weights that a network cannot compute with, although each is a number: what they give is NaN, or everything at once.

What is divided by must not be zero, what a root is taken of not negative:

* `running_var` of a batch norm: the root of it and a small constant is taken.
* `weight_orig`, `weight_u`, `weight_v` of a spectral norm: the weights are divided by u^T W v.
* `weight_g`, `weight_v` of a norm by length: rows of v are divided by their lengths.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from kinemacolor.models.errors import CheckpointError

__all__ = ["refuse_uncomputable"]


def refuse_uncomputable(tensors: Mapping[str, Tensor]) -> None:
    """Look at all tensors of a network, whose shapes are right.

    Raises:
        CheckpointError: One is not finite, or gives what is not; the text names it.
    """
    for key, value in tensors.items():
        if not torch.isfinite(value).all():
            raise CheckpointError(f"{key}: expected finite numbers, found NaN or infinity")
        if key.endswith("running_var") and bool((value < 0).any()):
            raise CheckpointError(f"{key}: expected variances of 0 or more, found {float(value.min()):g}")
        layer, _, kind = key.rpartition("weight_")
        if kind == "u":
            _check_spectral(layer, tensors)
        elif kind == "g":
            _check_lengths(layer, value, tensors)


def _check_spectral(layer: str, tensors: Mapping[str, Tensor]) -> None:
    names = [f"{layer}weight_{kind}" for kind in ("orig", "u", "v")]
    if any(name not in tensors for name in names):
        return
    weight, u, v = (tensors[name].float() for name in names)
    sigma = torch.dot(u, weight.flatten(1) @ v)
    if not torch.isfinite(weight.abs().max() / sigma):
        raise CheckpointError(f"{names[1]}: expected a vector that norms the weights, found a norm of {float(sigma):g}")


def _check_lengths(layer: str, lengths: Tensor, tensors: Mapping[str, Tensor]) -> None:
    direction = tensors.get(f"{layer}weight_v")
    if direction is None:
        return
    found = torch.linalg.vector_norm(direction.float().flatten(1), dim=1)
    if not torch.isfinite(lengths.float().flatten() / found).all():
        raise CheckpointError(f"{layer}weight_v: expected rows that have a direction, found one of length 0")
