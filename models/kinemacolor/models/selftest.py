"""Checks that a server runs once at its start, before it promises anything about bytes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kinemacolor.models.api import Colorizer

__all__ = ["batch_sizes_equal", "sample_lightness"]

_SEED = 20
_FIXED_POINT = 256  # chroma is stored as int16 in steps of 1/256 CIELAB units


def sample_lightness(count: int, height: int, width: int) -> Tensor:
    """Seeded pictures: a gradient of another direction and noise of another strength in each.

    Returns:
        (count, 1, height, width) float32 L* in [0, 100] on the CPU.
    """
    generator = torch.Generator().manual_seed(_SEED)
    x = torch.linspace(0.0, 1.0, width)
    y = torch.linspace(0.0, 1.0, height).view(-1, 1)
    slant = torch.linspace(0.0, 1.0, count).view(-1, 1, 1, 1)
    gradient = slant * x + (1.0 - slant) * y
    noise = torch.rand(count, 1, height, width, generator=generator) - 0.5
    return (100.0 * (gradient + (0.1 + 0.4 * slant) * noise)).clamp(0.0, 100.0)


def batch_sizes_equal(model: Colorizer, height: int, width: int, sizes: Sequence[int]) -> tuple[int, ...]:
    """Find the batch sizes whose stored chroma equals that of batch 1, byte for byte.

    Args:
        model: The colorizer.
        height: Height of the lightness plane, a multiple of `model.spec.multiple_of`.
        width: Width of the plane, likewise.
        sizes: Sizes to try, each at least 1.

    Returns:
        Those that are equal, in the order given. A batch of 1 always is. One that fails, for it does not fit into the
        memory for instance, is none of them, if its pictures do not fail alone.

    Raises:
        ValueError: A size is below 1.
        RuntimeError: One picture alone fails; with torch's words if it does not fit into the memory.
    """
    if any(size < 1 for size in sizes):
        raise ValueError(f"expected batch sizes of at least 1, found {tuple(sizes)}")
    pictures = sample_lightness(max(sizes, default=1), height, width).to(model.device)
    alone = [_stored(model, picture.unsqueeze(0)) for picture in pictures]
    return tuple(size for size in sizes if size == 1 or _is_equal(model, pictures[:size], torch.cat(alone[:size])))


def _is_equal(model: Colorizer, pictures: Tensor, alone: Tensor) -> bool:
    try:
        return torch.equal(_stored(model, pictures), alone)
    except (RuntimeError, MemoryError):  # torch says RuntimeError, with a device's own words, where memory ends
        return False


def _stored(model: Colorizer, lightness: Tensor) -> Tensor:
    """int16 chroma of the proposal and of the first step after it, (B, 4, H, W): the step reads the features too."""
    planes = []
    for proposal in model.propose(lightness):
        stepped = model.step(model.step(model.init_state(), proposal).state, proposal).ab
        planes.append(torch.cat((proposal.ab, stepped)))
    return torch.round(torch.stack(planes) * _FIXED_POINT).to(torch.int16)
