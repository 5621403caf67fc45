"""The built-in rows of the table: colour of a clip without any, with one tint, and from a model four ways."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.api import Colorizer, Proposal
from kinemacolor.models.flow import Motion, follow
from kinemacolor.models.spatial import crop, pad_to_multiple

__all__ = ["SMOOTHING", "TINT_AB", "ModelColours", "carry", "colorize", "constant", "resize_lightness", "smooth"]

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
    confidence: Tensor | None = None
    """(T, 1, H, W) in [0, 1]: how sure `whole` is; None if the model does not say."""


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
    state, alone, whole, sure = model.init_state(), [], [], []
    for frame in padded:
        proposal = _propose(model, frame)
        result = model.step(state, proposal)
        state = result.state
        alone.append(crop(proposal.ab, padding).cpu())
        whole.append(crop(result.ab, padding).cpu())
        confidence = proposal.confidence if result.confidence is None else result.confidence
        sure.extend([] if confidence is None else [crop(confidence, padding).cpu()])
    return ModelColours(torch.stack(alone), torch.stack(whole), torch.stack(sure) if sure else None)


def smooth(ab: Tensor, keep: float = SMOOTHING) -> Tensor:
    """Exponential smoothing in place of a memory: every pixel keeps `keep` of its old colour, wherever things move."""
    planes = [ab[0]]
    for frame in ab[1:]:
        planes.append(keep * planes[-1] + (1.0 - keep) * frame)
    return torch.stack(planes)


def carry(ab: Tensor, motion: Sequence[Motion], keep: float = SMOOTHING) -> Tensor:
    """What needs no training: the same smoothing along the optical flow, and a fresh start where a pixel was hidden.

    Args:
        ab: (T, 2, H, W).
        motion: Of the film's luma, from `measure_motion`; none: nothing can be followed, and each frame stays alone.
        keep: Share of the old colour.
    """
    if not motion:
        return ab
    planes = [ab[0]]
    for own, step in zip(ab[1:], motion, strict=True):
        before = planes[-1].permute(1, 2, 0).double().numpy()
        old = torch.from_numpy(follow(before, step.back)).permute(2, 0, 1).to(own.dtype)
        planes.append(torch.where(torch.from_numpy(step.seen), keep * old + (1.0 - keep) * own, own))
    return torch.stack(planes)


def resize_lightness(lightness: Tensor, short_side_px: int) -> Tensor:
    """(T, 1, H, W) at another short side, the shape kept."""
    height, width = lightness.shape[-2:]
    scale = short_side_px / min(height, width)
    size = (round(height * scale), round(width * scale))
    return F.interpolate(lightness, size, mode="bicubic", align_corners=False, antialias=True).clamp(0.0, 100.0)


def _propose(model: Colorizer, lightness: Tensor) -> Proposal:
    return model.propose(lightness.unsqueeze(0).to(model.device))[0]
