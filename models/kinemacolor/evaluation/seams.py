"""May a very long shot be cut into parts that overlap, each coloured from a fresh memory and faded into the next?

Measured as the difference between the colours of a run that has gone on for long and of one that begins in the middle,
when the second has seen as many frames as the overlap has. The decision that follows from it: docs/shots.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.evaluation.metrics import ciede2000
from kinemacolor.evaluation.pictures import Clip
from kinemacolor.models.api import Colorizer, Proposal
from kinemacolor.models.spatial import crop, pad_to_multiple

__all__ = ["OVERLAPS", "measure_seams"]

OVERLAPS = (1, 8, 24, 48, 72, 96)
"""Frames."""

_PERCENT = 99.0
_GRAIN = 3.0
"""L* units, standard deviation: that of a grainy film at the network's size; without it a clip that is played there and
back would repeat its very noise."""


@dataclass(frozen=True, slots=True)
class _Runs:
    """Colours of the overlap and the frame behind it, (N + 1, 2, H, W), and their L* (N + 1, 1, H, W)."""

    lightness: Tensor
    old: Tensor
    fresh: Tensor


def measure_seams(
    model: Colorizer, clips: Sequence[Clip], overlaps: Sequence[int] = OVERLAPS
) -> dict[str, dict[str, float]]:
    """What a seam would look like, by the number of frames of its overlap.

    Args:
        model: The colorizer.
        clips: Each is played there and back, with fresh grain, until it is long enough: as long a past as the longest
            overlap, then that overlap.
        overlaps: Frames.

    Returns:
        Of each overlap: `mean` and `p99`, the difference between the two runs behind the overlap in CIEDE2000, mean and
        99th percentile of the pixels; `step p99`, what fading adds to the change from one frame to the next in units of
        a*b*; means over the clips and those of the worst clip. `own p99` is the change that the run has anyway.
    """
    figures = np.array([_of_clip(_run_twice(model, clip, max(overlaps)), overlaps) for clip in clips])
    heads = ("mean", "p99", "step p99", "own p99")
    table = {}
    for column, overlap in enumerate(overlaps):
        means, worst = figures[:, column].mean(axis=0), figures[:, column].max(axis=0)
        table[str(overlap)] = dict(zip(heads, means.tolist(), strict=True)) | {
            f"worst {head}": float(value) for head, value in zip(heads[:3], worst, strict=False)
        }
    return table


def _run_twice(model: Colorizer, clip: Clip, overlap: int) -> _Runs:
    lightness = _long_shot(clip, 2 * overlap + 1)
    padded, padding = pad_to_multiple(lightness, model.spec.multiple_of)
    proposals = [model.propose(frame.unsqueeze(0).to(model.device))[0] for frame in padded]
    old, fresh = (crop(_run(model, proposals[start:]), padding) for start in (0, overlap))
    return _Runs(lightness[overlap:], old[overlap:], fresh)


def _long_shot(clip: Clip, frames: int) -> Tensor:
    generator, last = torch.Generator().manual_seed(0), len(clip.lightness) - 1
    there_and_back = [last - abs(last - number % (2 * last)) if last else 0 for number in range(frames)]
    clean = clip.lightness[there_and_back]
    return (clean + _GRAIN * torch.randn(clean.shape, generator=generator)).clamp(0.0, 100.0)


def _run(model: Colorizer, proposals: Sequence[Proposal]) -> Tensor:
    state, colours = model.init_state(), []
    for proposal in proposals:
        result = model.step(state, proposal)
        state = result.state
        colours.append(result.ab.cpu())
    return torch.stack(colours)


def _of_clip(runs: _Runs, overlaps: Sequence[int]) -> NDArray[np.float64]:
    """(overlaps, 4): mean and p99 of the difference, p99 of the fade's step, p99 of the run's own change."""
    own = _top((runs.old[1:] - runs.old[:-1]).norm(dim=1))
    rows = []
    for overlap in overlaps:
        old, fresh, light = (planes[overlap] for planes in (runs.old, runs.fresh, runs.lightness))
        difference = ciede2000(_lab(light, old), _lab(light, fresh))
        rows.append((difference.mean(), np.percentile(difference, _PERCENT), _fade_step(runs, overlap), own))
    return np.array(rows)


def _fade_step(runs: _Runs, overlap: int) -> float:
    """What the fade adds to the change from each frame to the next."""
    weight = torch.linspace(0.0, 1.0, overlap + 1).view(-1, 1, 1, 1)
    added = weight * (runs.fresh - runs.old)[: overlap + 1]
    return _top((added[1:] - added[:-1]).norm(dim=1))


def _top(values: Tensor) -> float:
    return float(np.percentile(values.numpy(), _PERCENT))


def _lab(light: Tensor, ab: Tensor) -> NDArray[np.float64]:
    return np.asarray(torch.cat((light, ab)).movedim(0, -1).double().numpy())
