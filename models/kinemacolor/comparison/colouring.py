"""Every combination's colours of one clip; a frame network runs once for all its temporal networks."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kinemacolor.models.api import Colorizer
from kinemacolor.models.spatial import crop, pad_to_multiple

__all__ = ["Colours", "colour_clip"]


@dataclass(frozen=True, slots=True)
class Colours:
    """What one model made of a clip, and what that took."""

    ab: Tensor
    """(T, 2, H, W) float32 a*b* on the CPU."""
    propose_s: float
    """Of the frame network, shared by its family."""
    step_s: float
    """Of the temporal network."""


def colour_clip(families: Iterable[Sequence[Colorizer]], lightness: Tensor) -> dict[str, Colours]:
    """Colours by the name of the model.

    Args:
        families: As `kinemacolor.models.registry.load_families` gives them.
        lightness: (T, 1, H, W) float32 L* of one shot, any size.
    """
    return {name: colours for family in families for name, colours in _colour(family, lightness).items()}


def _colour(family: Sequence[Colorizer], lightness: Tensor) -> dict[str, Colours]:
    """Frame by frame, so that no more than one proposal is held: they are larger than the colours."""
    first = family[0]
    padded, padding = pad_to_multiple(lightness, first.spec.multiple_of)
    states = [model.init_state() for model in family]
    found: list[list[Tensor]] = [[] for _ in family]
    step_s, propose_s = [0.0 for _ in family], 0.0
    for frame in padded:
        began = time.perf_counter()
        proposal = first.propose(frame.unsqueeze(0).to(first.device))[0]
        _wait(first.device)
        propose_s += time.perf_counter() - began
        for index, model in enumerate(family):
            began = time.perf_counter()
            result = model.step(states[index], proposal)
            states[index] = result.state
            found[index].append(crop(result.ab, padding).cpu())
            step_s[index] += time.perf_counter() - began
    return {
        model.spec.name: Colours(torch.stack(planes), propose_s, seconds)
        for model, planes, seconds in zip(family, found, step_s, strict=True)
    }


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
