"""What a hint and a reference do: does the colour stay on its thing, all through the shot, and nowhere else?"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.evaluation.composites import Composite
from kinemacolor.evaluation.measure import Truth, ciede2000_by_frame
from kinemacolor.evaluation.targets import Aim, Verdict, verdict
from kinemacolor.models.api import Colorizer, Guide, HintSpot, Proposal
from kinemacolor.models.spatial import pad_to_multiple

__all__ = [
    "HintRun",
    "HintedShot",
    "ReferenceRun",
    "hint_summary",
    "hint_targets",
    "measure_hints",
    "measure_reference",
    "reference_summary",
    "reference_targets",
]

_HINT_RADIUS_PX = 4.0
_HINT_SIDE_PX = 9
_SEVERAL = 5
_SPILL_AB = 5.0  # CIELAB units by which a colour that nobody spoke of may be moved
_VISIBLE = 0.25  # of the largest area of the thing; of less, nothing is said
_INSIDE_LIMIT, _SPILL_LIMIT = 6.0, 10.0
_FIRST_FRAMES = 5
_FIRST_LIMIT, _LAST_LIMIT = 0.70, 0.80


@dataclass(frozen=True, slots=True)
class HintRun:
    """What one hint did, frame by frame; NaN where the thing is hardly seen."""

    frame: int
    """The frame of the hint."""
    inside: tuple[float, ...]
    """Mean distance of a*b* to the thing's colour, inside of it."""
    spill: tuple[float, ...]
    """Percent of the area outside whose a*b* moved by more than 5 units, against the same shot without a hint."""


@dataclass(frozen=True, slots=True)
class HintedShot:
    """One made shot without a hint and with one."""

    name: str
    unhinted: tuple[float, ...]
    """Mean distance inside, without a hint."""
    runs: dict[str, HintRun]
    """With one hint or several, in the first frame or in the middle one, by titles that say so."""
    colours: dict[str, Tensor]
    """(T, 2, H, W), by the same titles, and `no hint`; for the eye."""


@dataclass(frozen=True, slots=True)
class ReferenceRun:
    """One clip with its own first frame as the reference: CIEDE2000 of each frame."""

    name: str
    without: tuple[float, ...]
    referenced: tuple[float, ...]


def measure_hints(model: Colorizer, shot: Composite) -> HintedShot:
    """One hint in the middle of the thing, and several on it: in the first frame, and in the middle one."""
    padded, _ = pad_to_multiple(shot.lightness, model.spec.multiple_of)
    proposals, size = _proposals(model, padded), shot.lightness.shape[-2:]
    plain = _run(model, proposals, (), size)
    runs, colours = {}, {"no hint": plain}
    for count, which in itertools.product((1, _SEVERAL), ("first frame", "middle frame")):
        frame = 0 if which == "first frame" else len(padded) // 2
        title = which if count == 1 else f"{which}, {count} hints"
        guide = Guide(padded[frame].to(model.device), hints=_spots(shot, frame, count))
        colours[title] = _run(model, proposals, (guide,), size)
        runs[title] = HintRun(frame, _inside(shot, colours[title]), _spill(shot, colours[title], plain))
    return HintedShot(shot.name, _inside(shot, plain), runs, colours)


def _spots(shot: Composite, frame: int, count: int) -> tuple[HintSpot, ...]:
    """The middle of the thing, then each time the place on it that is farthest from all before."""
    spots = [shot.centres[frame]]
    solid = cv2.erode(shot.inside[frame].numpy().astype(np.uint8), np.ones((_HINT_SIDE_PX, _HINT_SIDE_PX)))
    rows, columns = np.nonzero(solid)
    for _ in range(min(count - 1, len(rows))):
        nearest = np.min([(columns - x) ** 2 + (rows - y) ** 2 for x, y in spots], axis=0)
        at = int(nearest.argmax())
        spots.append((int(columns[at]), int(rows[at])))
    return tuple(HintSpot(x + 0.5, y + 0.5, _HINT_RADIUS_PX, *shot.ab) for x, y in spots)


def measure_reference(model: Colorizer, truth: Truth) -> ReferenceRun:
    """The true colours of the first frame are shown to the model."""
    lightness = truth.clip.lightness
    padded, _ = pad_to_multiple(lightness, model.spec.multiple_of)
    picture, _ = pad_to_multiple(truth.lab[0, 1:], model.spec.multiple_of)
    guide = Guide(padded[0].to(model.device), ab=picture.to(model.device))
    proposals, size = _proposals(model, padded), lightness.shape[-2:]
    plain, guided = (_run(model, proposals, guides, size) for guides in ((), (guide,)))
    return ReferenceRun(
        truth.clip.name,
        tuple(ciede2000_by_frame(truth, plain).tolist()),
        tuple(ciede2000_by_frame(truth, guided).tolist()),
    )


def hint_summary(shots: Sequence[HintedShot]) -> dict[str, dict[str, float]]:
    """By the frame of the hint, over all frames of all shots in which the thing is seen."""
    unhinted = _seen([shot.unhinted for shot in shots])
    return {title: _hint_means([shot.runs[title] for shot in shots], float(unhinted.mean())) for title in shots[0].runs}


def hint_targets(shots: Sequence[HintedShot]) -> tuple[Verdict, ...]:
    """Every frame in which the thing is seen counts."""
    found = []
    for title, means in hint_summary(shots).items():
        inside = f"hint in the {title}: worst frame's distance inside"
        spill = f"hint in the {title}: worst frame's spill in percent"
        found += [
            verdict(inside, Aim.AT_MOST, _INSIDE_LIMIT, means["inside, worst"]),
            verdict(spill, Aim.AT_MOST, _SPILL_LIMIT, means["spill %, worst"]),
        ]
    return tuple(found)


def reference_summary(runs: Sequence[ReferenceRun]) -> dict[str, dict[str, float]]:
    """CIEDE2000 of the first frames and of the last, means over clips."""
    table = {}
    for title, part in (("first 5 frames", slice(_FIRST_FRAMES)), ("last frame", slice(-1, None))):
        without, with_ = (
            float(np.mean([np.mean(getattr(run, name)[part]) for run in runs])) for name in ("without", "referenced")
        )
        table[title] = {"without": without, "with a reference": with_, "ratio": with_ / without if without else 1.0}
    return table


def reference_targets(runs: Sequence[ReferenceRun]) -> tuple[Verdict, ...]:
    """Of the means over clips."""
    limits = (_FIRST_LIMIT, _LAST_LIMIT)
    return tuple(
        verdict(f"reference: CIEDE2000 of the {title} against none", Aim.AT_MOST, limit, means["ratio"])
        for limit, (title, means) in zip(limits, reference_summary(runs).items(), strict=True)
    )


def _proposals(model: Colorizer, padded: Tensor) -> list[Proposal]:
    return [model.propose(frame.unsqueeze(0).to(model.device))[0] for frame in padded]


def _run(model: Colorizer, proposals: Sequence[Proposal], guides: Sequence[Guide], size: torch.Size) -> Tensor:
    """(T, 2, H, W) of one shot."""
    state, colours = model.init_state(guides), []
    for proposal in proposals:
        result = model.step(state, proposal)
        state = result.state
        colours.append(result.ab[..., : size[0], : size[1]].cpu())
    return torch.stack(colours)


def _inside(shot: Composite, ab: Tensor) -> tuple[float, ...]:
    true = torch.tensor(shot.ab).view(1, 2, 1, 1)
    distance = (ab - true).norm(dim=1)
    return tuple(
        float(plane[mask].mean()) if seen else float("nan")
        for plane, mask, seen in zip(distance, shot.inside, _visible(shot), strict=True)
    )


def _spill(shot: Composite, ab: Tensor, plain: Tensor) -> tuple[float, ...]:
    moved = (ab - plain).norm(dim=1) > _SPILL_AB
    return tuple(
        100.0 * float(plane[mask].float().mean()) if mask.any() else 0.0
        for plane, mask in zip(moved, shot.outside, strict=True)
    )


def _visible(shot: Composite) -> list[bool]:
    areas = shot.inside.flatten(1).sum(dim=1)
    return [bool(area > 0 and area >= _VISIBLE * areas.max()) for area in areas]


def _hint_means(runs: Sequence[HintRun], unhinted: float) -> dict[str, float]:
    inside, spill = _seen([run.inside for run in runs]), _seen([run.spill for run in runs])
    return {
        "inside": float(inside.mean()),
        "inside, worst": float(inside.max()),
        "frames below 6, %": 100.0 * float((inside < _INSIDE_LIMIT).mean()),
        "inside, no hint": unhinted,
        "spill %": float(spill.mean()),
        "spill %, worst": float(spill.max()),
    }


def _seen(rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    every = [value for row in rows for value in row]
    return np.array([value for value in every if math.isfinite(value)])
