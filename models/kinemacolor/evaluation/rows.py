"""The built-in rows of the table: colour of a clip without any, with one tint, and from a model three ways."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.api import Colorizer, Proposal
from kinemacolor.models.spatial import crop, pad_to_multiple

__all__ = ["SMOOTHING", "TINT_AB", "ModelColours", "colorize", "constant", "resize_lightness", "smooth"]

TINT_AB = (1.696, 6.801)
"""Mean a*, b* of the training photos: mean over the 24,957 pictures of train_photos, each its mean over pixels
(`python -m kinemacolor.evaluation.tint` repeats it)."""

SMOOTHING = 7.0 / 9.0
"""Weight of the old colour in exponential smoothing. (1 + k) / (1 - k) = 8 frames' worth: as calm as the
truth's own compression noise lets one see, without following motion."""


@dataclass(frozen=True, slots=True)
class ModelColours:
    """What a model says of one shot, (T, 2, H, W) a*b* on the CPU."""

    alone: Tensor
    """The frame network alone."""
    whole: Tensor
    """With the temporal network."""


def constant(frames: int, height: int, width: int, ab: tuple[float, float]) -> Tensor:
    """The same a*b* everywhere, (T, 2, H, W)."""
    return torch.tensor(ab).view(1, 2, 1, 1).expand(frames, 2, height, width)


def colorize(model: Colorizer, lightness: Tensor) -> ModelColours:
    """Run one shot through a model.

    Args:
        model: The colorizer.
        lightness: (T, 1, H, W) float32 L*, any size.
    """
    padded, padding = pad_to_multiple(lightness, model.spec.multiple_of)
    state, alone, whole = model.init_state(), [], []
    for frame in padded:
        proposal = _propose(model, frame)
        result = model.step(state, proposal)
        state = result.state
        alone.append(crop(proposal.ab, padding).cpu())
        whole.append(crop(result.ab, padding).cpu())
    return ModelColours(torch.stack(alone), torch.stack(whole))


def smooth(ab: Tensor, keep: float = SMOOTHING) -> Tensor:
    """Exponential smoothing in place of a memory: every pixel keeps `keep` of its old colour, wherever things move."""
    planes = [ab[0]]
    for frame in ab[1:]:
        planes.append(keep * planes[-1] + (1.0 - keep) * frame)
    return torch.stack(planes)


def resize_lightness(lightness: Tensor, short_side_px: int) -> Tensor:
    """(T, 1, H, W) at another short side, the shape kept."""
    height, width = lightness.shape[-2:]
    scale = short_side_px / min(height, width)
    size = (round(height * scale), round(width * scale))
    return F.interpolate(lightness, size, mode="bicubic", align_corners=False, antialias=True).clamp(0.0, 100.0)


def _propose(model: Colorizer, lightness: Tensor) -> Proposal:
    return model.propose(lightness.unsqueeze(0).to(model.device))[0]
