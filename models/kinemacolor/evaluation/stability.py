"""Do the colours of a long shot stay what they were? A photo under a slow pan, and a clip that is played to and fro.

Both swing, so that the same view returns after a period: a frame is compared with the one of an earlier swing that saw
the same, moving in the same direction. So regions of the picture are the same places of the scene, with nothing to
estimate. Grain is fresh in every frame; without it the very noise would repeat, and a memory could cling to it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.evaluation.targets import Aim, Verdict, verdict
from kinemacolor.models.api import Colorizer
from kinemacolor.models.spatial import crop, pad_to_multiple

__all__ = [
    "FRAMES",
    "LEAST_FRAMES",
    "Drift",
    "Scene",
    "drift_of",
    "drift_targets",
    "pan",
    "region_colours",
    "to_and_fro",
]

FRAMES = 1000
"""Of a shot, if nothing else is said: 42 seconds."""
_EARLY, _REFERENCE = 10, 100
"""Frames: the memory has hardly begun; it has long settled."""
_PAN_PERIOD = _REFERENCE - _EARLY
LEAST_FRAMES = _REFERENCE + _PAN_PERIOD + 1
"""Fewer, and no view would return."""
_SWINGS = (46, 16, 10, 6, 4, 2)
"""Numbers of frames n of which 2 (n - 1), there and back, goes into the 90 from the early to the late frame."""
_PAN_STEP_PX = 0.5
_GRID = 8
_GRAIN = 3.0  # L*, standard deviation: that of a grainy film at the network's size (as `seams`)
_LATER_LIMIT, _EARLY_LIMIT = 3.0, 5.0
_PART = 100


@dataclass(frozen=True, slots=True)
class Scene:
    """A shot without end that repeats itself."""

    name: str
    period: int
    """Frames after which the same is seen; 90 is a multiple of it."""
    view: Callable[[int], Tensor]
    """(1, H, W) L* of a frame, without grain."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How far regions of the picture moved, in CIELAB units of their mean a*b*, the farthest of 8 x 8."""

    later: float
    """Of any frame from the one that saw the same in the swing that begins at frame 100."""
    later_at: int
    """The frame in which that was."""
    early: float
    """Of frame 100 from frame 10."""
    chroma: float
    """Mean chroma of the regions of frame 100: what has no colour cannot lose it."""
    by_hundred: tuple[float, ...]
    """`later` of each hundred frames from frame 100 on."""


def pan(name: str, lightness: Tensor) -> Scene:
    """A camera that swings over a photo (1, H, W), half a pixel a frame.

    Raises:
        ValueError: The photo is too narrow.
    """
    travel = _PAN_STEP_PX * _PAN_PERIOD / 2
    width = lightness.shape[-1] - int(travel) - 1
    if width < 1:
        raise ValueError(f"expected a photo of more than {int(travel) + 1} columns, found {lightness.shape[-1]}")

    def view(frame: int) -> Tensor:
        phase = frame % _PAN_PERIOD
        left, part = divmod(_PAN_STEP_PX * min(phase, _PAN_PERIOD - phase), 1.0)
        here, beside = (lightness[..., start : start + width] for start in (int(left), int(left) + 1))
        return (1.0 - part) * here + part * beside

    return Scene(f"pan over {name}", _PAN_PERIOD, view)


def to_and_fro(name: str, lightness: Tensor) -> Scene:
    """The first frames of a clip (T, 1, H, W), there and back; of a clip of one frame, a still."""
    count = next((count for count in _SWINGS if count <= len(lightness)), 1)
    period = max(1, 2 * (count - 1))
    return Scene(f"{name} to and fro", period, lambda frame: lightness[min(frame % period, -frame % period)])


def region_colours(model: Colorizer, scene: Scene, frames: int) -> Tensor:
    """(frames, 2, 8, 8) mean a*b* of the regions of each frame of one shot."""
    generator, state, grids = torch.Generator().manual_seed(0), model.init_state(), []
    for number in range(frames):
        clean = scene.view(number)
        grainy = (clean + _GRAIN * torch.randn(clean.shape, generator=generator)).clamp(0.0, 100.0)
        padded, padding = pad_to_multiple(grainy, model.spec.multiple_of)
        result = model.step(state, model.propose(padded.unsqueeze(0).to(model.device))[0])
        state = result.state
        grids.append(F.adaptive_avg_pool2d(crop(result.ab, padding), _GRID).cpu())
    return torch.stack(grids)


def drift_of(grids: Tensor, period: int) -> Drift:
    """What a shot's region colours say.

    Args:
        grids: (T, 2, h, w), T at least `LEAST_FRAMES`.
        period: Of the scene.
    """
    later = grids[_REFERENCE:]
    same = later[torch.arange(len(later)) % period]
    farthest = _farthest(later, same)
    at = int(farthest.argmax())
    return Drift(
        later=float(farthest[at]),
        later_at=_REFERENCE + at,
        early=float(_farthest(grids[_REFERENCE], grids[_EARLY])),
        chroma=float(grids[_REFERENCE].norm(dim=0).mean()),
        by_hundred=tuple(float(part.max()) for part in torch.split(farthest, _PART)),
    )


def drift_targets(drifts: Sequence[Drift]) -> tuple[Verdict, ...]:
    """Of one model, over all scenes."""
    later, early = max(one.later for one in drifts), max(one.early for one in drifts)
    return (
        verdict("farthest region of a later frame from frame 100's", Aim.AT_MOST, _LATER_LIMIT, later),
        verdict("farthest region of frame 100 from frame 10's", Aim.AT_MOST, _EARLY_LIMIT, early),
    )


def _farthest(grids: Tensor, others: Tensor) -> Tensor:
    """Over regions: (..., 2, h, w) to (...)."""
    return (grids - others).square().sum(dim=-3).sqrt().flatten(-2).amax(dim=-1)
