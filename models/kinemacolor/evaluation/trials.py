"""The trials of `kinemacolor evaluate` that are no table of colorizers, from files to text: stability and guides."""

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinemacolor.evaluation.composites import COUNT, Composite, make_composite, make_thing_composite
from kinemacolor.evaluation.errors import EvaluationInputError
from kinemacolor.evaluation.guides import (
    HintedShot,
    ReferenceRun,
    hint_summary,
    hint_targets,
    measure_hints,
    measure_reference,
    reference_summary,
    reference_targets,
)
from kinemacolor.evaluation.material import read_footage, read_truth
from kinemacolor.evaluation.pictures import Picture
from kinemacolor.evaluation.report import curve_table, verdict_values
from kinemacolor.evaluation.sheets import write_sheet
from kinemacolor.evaluation.stability import Drift, Scene, drift_of, drift_targets, pan, region_colours, to_and_fro
from kinemacolor.evaluation.targets import Verdict, verdict_lines
from kinemacolor.evaluation.things import Thing, find_things
from kinemacolor.models.api import Colorizer
from kinemacolor.models.color import lab_to_srgb

__all__ = ["Outcome", "try_guides", "try_stability"]

_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial found."""

    text: str
    """Tables and verdicts."""
    values: dict[str, Any]
    """The same and all behind it, for JSON."""


def try_stability(models: Sequence[Colorizer], photos: Sequence[Path], clips: Sequence[Path], frames: int) -> Outcome:
    """Long shots, made of photos (a pan) and of clips (to and fro).

    Args:
        models: Each is measured.
        photos: Files; each a shot.
        clips: Folders; each a shot.
        frames: Of a shot, at least `stability.LEAST_FRAMES`.

    Raises:
        EvaluationInputError: A picture cannot be read, or is too narrow for a pan.
    """
    scenes = [_pan(path) for path in photos]
    scenes += [to_and_fro(path.name, read_footage(path).clip.lightness) for path in clips]
    texts, values = [], {}
    for model in models:
        drifts = {scene.name: _drift(model, scene, frames) for scene in scenes}
        verdicts = drift_targets(list(drifts.values()))
        texts.append(_drift_text(model.spec.name, frames, drifts, verdicts))
        each = {name: _rounded(asdict(drift)) for name, drift in drifts.items()}
        values[model.spec.name] = {"scenes": each, "targets": [verdict_values(one) for one in verdicts]}
    return Outcome("\n\n".join(texts), {"stability": {"frames": frames, "models": values}})


def try_guides(
    models: Sequence[Colorizer], photos: Sequence[Path], clips: Sequence[Path], frames: int, sheets: Path | None
) -> Outcome:
    """Hints on made shots of photos, and references on clips.

    Args:
        models: Each is measured with what it takes.
        photos: Files of which the shots are made; none: no hints.
        clips: Folders with known colours; none: no references.
        frames: Of a made shot, and of a clip at most.
        sheets: A folder for pictures of the made shots, or None.

    Raises:
        EvaluationError: A picture cannot be read, is too narrow for a made shot, or cannot be written.
    """
    made = {"hints": _made_shots(photos, frames) if photos else [], "hints on things": _thing_shots(photos, frames)}
    texts, values = [], {}
    for model in models:
        name, spec = model.spec.name, model.spec
        parts = [
            _hints(model, kind, shots, sheets) if spec.takes_hints and shots else _Part(name, kind, spec.takes_hints)
            for kind, shots in made.items()
            if spec.takes_hints or kind == "hints"
        ]
        measured = spec.takes_references and clips
        parts.append(
            _references(model, clips, frames) if measured else _Part(name, "references", spec.takes_references)
        )
        texts += [part.text or _not_measured(part) for part in parts]
        values[name] = {part.kind: part.values for part in parts}
    return Outcome("\n\n".join(texts), {"guides": {"frames": frames, "models": values}})


@dataclass(frozen=True, slots=True)
class _Part:
    """What was found of one kind of guide."""

    model: str
    kind: str
    taken: bool
    """Whether the model takes such guides at all."""
    text: str = ""
    values: dict[str, Any] | None = None


def _not_measured(part: _Part) -> str:
    return f"{part.model}: {part.kind}: no material" if part.taken else f"{part.model} takes no {part.kind}"


# ---- stability ----


def _pan(path: Path) -> Scene:
    try:
        return pan(path.stem, read_footage(path).clip.lightness[0])
    except ValueError as error:
        raise EvaluationInputError(f"{path.name}: {error}") from error


def _drift(model: Colorizer, scene: Scene, frames: int) -> Drift:
    sys.stderr.write(f"{model.spec.name}: {scene.name}, {frames} frames\n")
    return drift_of(region_colours(model, scene, frames), scene.period)


def _drift_text(name: str, frames: int, drifts: dict[str, Drift], verdicts: Sequence[Verdict]) -> str:
    heads = ("later from 100", "in frame", "100 from 10", "chroma")
    rows = {
        scene: dict(zip(heads, (one.later, one.later_at, one.early, one.chroma), strict=True))
        for scene, one in drifts.items()
    }
    about = f"{frames} frames; the farthest of 8 x 8 regions, CIELAB units; chroma is the mean of frame 100."
    return "\n".join([curve_table(name, rows), "", about, *verdict_lines(name, verdicts)])


# ---- guides ----


def _made_shots(photos: Sequence[Path], frames: int) -> list[Composite]:
    """Two photos for each, spread over all."""
    chosen = [photos[number * len(photos) // (2 * COUNT)] for number in range(2 * COUNT)]
    return [_made_shot(number, chosen[2 * number], chosen[2 * number + 1], frames) for number in range(COUNT)]


def _made_shot(number: int, behind: Path, texture: Path, frames: int) -> Composite:
    with _naming(behind):
        return make_composite(number, _lightness(behind), _lightness(texture), frames)


def _thing_shots(photos: Sequence[Path], frames: int) -> list[Composite]:
    """One for each outlined thing, over other photos, spread over all that have none."""
    things = find_things(photos)
    own = {thing.photo for thing in things}
    others = [photo for photo in photos if photo not in own]
    if not others:
        return []
    return [_thing_shot(thing, others[thing.number * len(others) // thing.of], frames) for thing in things]


def _thing_shot(thing: Thing, behind: Path, frames: int) -> Composite:
    lightness = _lightness(thing.photo)
    mask = thing.mask(*lightness.shape[-2:])
    with _naming(behind):
        return make_thing_composite(
            f"thing_{thing.photo.stem}", thing.number, thing.of, _lightness(behind), lightness, mask, frames
        )


def _lightness(photo: Path) -> Tensor:
    return read_footage(photo).clip.lightness[0]


@contextmanager
def _naming(photo: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise EvaluationInputError(f"{photo.name}: {error}") from error


def _hints(model: Colorizer, kind: str, shots: Sequence[Composite], sheets: Path | None) -> _Part:
    found = []
    for shot in shots:
        sys.stderr.write(f"{model.spec.name}: {kind}, {shot.name}\n")
        hinted = measure_hints(model, shot)
        found.append(hinted)
        if sheets is not None:
            write_sheet(sheets, f"{model.spec.name}_{shot.name}", _shown(shot, hinted))
    verdicts, summary = hint_targets(found), hint_summary(found)
    title = f"{model.spec.name}, {kind}, in the"
    about = f"{len(shots)} made shots, {len(shots[0].lightness)} frames each; distance of a*b* in CIELAB units."
    text = "\n".join([curve_table(title, summary), "", about, *verdict_lines(f"{model.spec.name}, {kind}", verdicts)])
    each = {shot.name: _shot_values(made, shot) for made, shot in zip(shots, found, strict=True)}
    means = {name: _rounded(means) for name, means in summary.items()}
    values = {"mean": means, "shots": each, "targets": [verdict_values(one) for one in verdicts]}
    return _Part(model.spec.name, kind, True, text, values)


def _shot_values(made: Composite, shot: HintedShot) -> dict[str, Any]:
    runs = {title: _rounded(asdict(run)) for title, run in shot.runs.items()}
    return {"ab": _rounded(made.ab), "inside_without": _rounded(shot.unhinted), "hints": runs}


def _shown(shot: Composite, hinted: HintedShot) -> dict[str, Picture]:
    """Grey, each run, and what is known of the truth: the thing's own colour."""
    known = torch.tensor(shot.ab).view(1, 2, 1, 1) * shot.inside.unsqueeze(1)
    columns = {"grey": torch.zeros_like(known), **hinted.colours, "the thing": known}
    return {title: _picture(shot.lightness, ab) for title, ab in columns.items()}


def _picture(lightness: Tensor, ab: Tensor) -> Picture:
    codes = (lab_to_srgb(torch.cat((lightness, ab), dim=1)) * 255.0).round().clamp(0, 255).byte()
    picture: Picture = codes.permute(0, 2, 3, 1).numpy()
    return picture


def _references(model: Colorizer, clips: Sequence[Path], frames: int) -> _Part:
    found: list[ReferenceRun] = []
    for path in clips:
        sys.stderr.write(f"{model.spec.name}: reference, {path.name}\n")
        found.append(measure_reference(model, read_truth(path, frames)))
    verdicts, summary = reference_targets(found), reference_summary(found)
    name = model.spec.name
    about = f"{len(found)} clips; CIEDE2000, mean over clips; the reference is the true first frame."
    text = "\n".join(
        [curve_table(f"{name}, reference", summary), "", about, *verdict_lines(f"{name}, references", verdicts)]
    )
    means = {title: _rounded(means) for title, means in summary.items()}
    each = {run.name: _rounded({"without": run.without, "with": run.referenced}) for run in found}
    return _Part(
        name,
        "references",
        True,
        text,
        {"mean": means, "clips": each, "targets": [verdict_values(one) for one in verdicts]},
    )


def _rounded(value: Any) -> Any:
    """Numbers anywhere in it to three decimals; what is no number is None."""
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [_rounded(part) for part in value]
    if isinstance(value, float):
        return round(value, _DIGITS) if math.isfinite(value) else None
    return value
