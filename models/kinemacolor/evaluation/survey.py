"""The tour over clips or photos: each is read, coloured in every way, measured and shown, one after the other."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor

from kinemacolor.evaluation.confidence import Sample, sampled
from kinemacolor.evaluation.measure import Footage, Measures, Truth, show
from kinemacolor.evaluation.outside import LumaCheck, run_command
from kinemacolor.evaluation.pictures import Picture
from kinemacolor.evaluation.report import GREY, TRUTH, Row, Section
from kinemacolor.evaluation.rows import TINT_AB, carry, colorize, constant, smooth
from kinemacolor.models.api import Colorizer

__all__ = ["Colours", "Survey", "colour_clip", "colour_photo", "survey"]

_TINT = "constant tint"

_Footage = TypeVar("_Footage", bound=Footage)


@dataclass(frozen=True, slots=True)
class Colours:
    """What one row made of a clip or photo."""

    ab: Tensor
    """(T, 2, H, W) a*b*."""
    luma: LumaCheck | None = None
    """Of a command only."""
    confidence: Tensor | None = None
    """(T, 1, H, W) in [0, 1], of a whole model that says how sure it is."""


@dataclass(frozen=True, slots=True)
class Survey(Generic[_Footage]):
    """How to treat each clip or photo."""

    kind: str
    """What one is called."""
    read: Callable[[Path], _Footage]
    """Reads one."""
    colour: Callable[[_Footage], Mapping[str, Colours]]
    """Colours it in every way, by title, in the order of the table."""
    measure: Callable[[_Footage, Tensor], Measures]
    """Measures a*b*."""
    keep: Callable[[str, Mapping[str, Picture]], None] | None
    """Is given its name and the pictures (T, H, W, 3) of every row but the tint's, for the sheets."""


def survey(paths: Sequence[Path], how: Survey[_Footage]) -> Section:
    """Measure them all; progress goes to stderr.

    Raises:
        EvaluationError: One cannot be read, coloured or written.
    """
    figures: dict[str, list[Measures]] = {}
    checks: dict[str, list[LumaCheck]] = {}
    samples: dict[str, list[Sample]] = {}
    names, frames = [], 0
    for number, path in enumerate(paths, start=1):
        sys.stderr.write(f"{number}/{len(paths)} {path.name}\n")
        footage = how.read(path)
        names.append(footage.clip.name)
        frames += len(footage.clip.rgb)
        found = how.colour(footage)
        for title, colours in found.items():
            figures.setdefault(title, []).append(how.measure(footage, colours.ab))
            checks.setdefault(title, []).extend([colours.luma] if colours.luma else [])
            samples.setdefault(title, []).extend(_sample(footage, colours))
        if how.keep is not None:
            how.keep(footage.clip.name, _shown(footage, found))
    rows = {title: Row(tuple(each), tuple(checks[title]), tuple(samples[title])) for title, each in figures.items()}
    return Section(how.kind, tuple(names), frames, rows)


def colour_clip(footage: Footage, models: Sequence[Colorizer], commands: Sequence[str]) -> dict[str, Colours]:
    """Every row's a*b* of one clip, in the order of the table.

    Raises:
        CommandError: A command failed.
    """
    found = _without_model(footage)
    for model in models:
        name, colours = model.spec.name, colorize(model, footage.clip.lightness)
        found[f"{name}, frames alone"] = Colours(colours.alone)
        found[f"{name}, frames smoothed"] = Colours(smooth(colours.alone))
        found[f"{name}, frames warped"] = Colours(carry(colours.alone, footage.motion))
        found[name] = Colours(colours.whole, confidence=colours.confidence)
    for command in commands:
        outside = run_command(command, footage.clip)
        found[command] = Colours(outside.ab, outside.luma)
    return found | _known(footage)


def colour_photo(footage: Footage, models: Sequence[Colorizer]) -> dict[str, Colours]:
    """The same of one photo: without a past, a model is its frame network."""
    found = _without_model(footage)
    for model in models:
        colours = colorize(model, footage.clip.lightness)
        found[model.spec.name] = Colours(colours.whole, confidence=colours.confidence)
    return found | _known(footage)


def _without_model(footage: Footage) -> dict[str, Colours]:
    frames, height, width = footage.clip.rgb.shape[:3]
    return {
        GREY: Colours(torch.zeros(frames, 2, height, width)),
        _TINT: Colours(constant(frames, height, width, TINT_AB)),
    }


def _known(footage: Footage) -> dict[str, Colours]:
    return {TRUTH: Colours(footage.lab[:, 1:])} if isinstance(footage, Truth) else {}


def _sample(footage: Footage, colours: Colours) -> list[Sample]:
    if colours.confidence is None or not isinstance(footage, Truth):
        return []
    return [sampled(colours.confidence, (colours.ab - footage.lab[:, 1:]).norm(dim=1, keepdim=True))]


def _shown(footage: Footage, found: Mapping[str, Colours]) -> dict[str, Picture]:
    return {title: show(footage, colours.ab) for title, colours in found.items() if title != _TINT}
