"""`kinemacolor evaluate DIR`: colorizers measured alike on clips with known colours (docs/evaluation.md)."""

import argparse
import json
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from kinemacolor.evaluation.curves import CURVES, measure_curve
from kinemacolor.evaluation.errors import EvaluationError, EvaluationInputError, EvaluationUsageError
from kinemacolor.evaluation.material import CLIPS, PHOTOS, even, find_clips, find_photos, read_footage, read_truth
from kinemacolor.evaluation.measure import (
    Truth,
    measure_ab,
    measure_still,
    measure_truthless,
    measure_truthless_still,
)
from kinemacolor.evaluation.output import make_folder, write_text
from kinemacolor.evaluation.outside import check_command
from kinemacolor.evaluation.pictures import Clip, Picture, read_tarred_clips
from kinemacolor.evaluation.report import (
    CLIP,
    GREY,
    PHOTO,
    TRUTH,
    Report,
    Section,
    card_values,
    curve_table,
    json_text,
    table,
)
from kinemacolor.evaluation.seams import measure_seams
from kinemacolor.evaluation.sheets import Pages, middle_frames, write_sheet
from kinemacolor.evaluation.stability import FRAMES, LEAST_FRAMES
from kinemacolor.evaluation.survey import Survey, colour_clip, colour_photo, survey
from kinemacolor.evaluation.trials import Outcome, try_guides, try_stability
from kinemacolor.models.api import Colorizer
from kinemacolor.models.errors import ModelError, OutOfMemoryError, UnknownModelError
from kinemacolor.models.out_of_memory import memory_watched
from kinemacolor.models.registry import DEFAULT_MODEL, load_model

__all__ = ["main"]

_CURVE_FRAMES = 4  # of each clip, if --frames says nothing: neighbours tell little new of one frame's colour
_GUIDED_FRAMES = 30
_ALL = sys.maxsize
_OUT_OF_MEMORY = 5


def main(arguments: Sequence[str]) -> int:
    """Measure, write the table to the standard output, and return the exit code."""
    try:
        options = _parse(arguments)
        with memory_watched("fewer --frames, smaller pictures or another --model need less"):
            _run(options)
    except (EvaluationError, ModelError) as error:
        sys.stderr.write(f"kinemacolor: {' '.join(str(error).split())}\n")
        return _exit_code(error)
    return 0


def _exit_code(error: EvaluationError | ModelError) -> int:
    if isinstance(error, EvaluationError):
        return error.exit_code
    if isinstance(error, OutOfMemoryError):
        return _OUT_OF_MEMORY
    return EvaluationUsageError.exit_code if isinstance(error, UnknownModelError) else EvaluationError.exit_code


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="kinemacolor evaluate", description="Measure colorizers on clips and photos.", allow_abbrev=False
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help=f"clips: {CLIPS}; photos: {PHOTOS}")
    add("--cmd", action="append", default=[], metavar="COMMAND", help="measure 'COMMAND {in} {out}' too; repeatable")
    add("--model", nargs="+", default=[DEFAULT_MODEL], metavar="NAME", help="built-in models (default: %(default)s)")
    add("--photos", nargs="?", type=_count, const=_ALL, metavar="N", help="measure photos, too: the first N or all")
    add("--no-truth", action="store_true", help="black-and-white material: measure what needs no known colours")
    add("--archive", type=Path, metavar="DIR2", help="black-and-white material to be coloured in the same run")
    add("--dtype", choices=("float32", "bfloat16"), help="of the frame networks; default: each model's reference")
    add("--json", type=Path, metavar="FILE", help="write all figures, clip by clip and photo by photo")
    add("--sheets", type=Path, metavar="FOLDER", help="write contact sheets: grey, results, truth")
    add("--clips", type=_count, metavar="N", help="the first N clips only")
    add("--frames", type=_count, metavar="N", help="the first N frames of each clip only")
    add("--threads", type=_count, metavar="N", help="threads of the networks")
    add("--card", type=Path, metavar="FILE", help="model card (JSON) that shall carry the figures")
    add("--curve", choices=tuple(CURVES), help="print the curve by which a setting is chosen instead of the table")
    add("--seams", action="store_true", help="print what cutting a long shot into overlapping parts would look like")
    add("--stability", action="store_true", help="print how far the colours of long shots drift (one photo, one clip)")
    add("--guides", action="store_true", help="print what hints do on made shots, and references on clips")
    add("--settings", type=Path, metavar="FOLDER", help="clips in tars to choose on ($KINEMACOLOR_DATA/train_clips)")
    return _checked(parser.parse_args(list(arguments)))


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return int(text)


def _checked(options: argparse.Namespace) -> argparse.Namespace:
    for command in options.cmd:
        check_command(command)
    if options.curve is not None and (options.photos or options.no_truth):
        raise EvaluationUsageError("--curve: a setting is chosen on clips with known colours (no --photos, --no-truth)")
    if options.seams and (options.photos or options.curve is not None):
        raise EvaluationUsageError("--seams: clips only, and nothing else at the same time (no --photos, no --curve)")
    if sum((options.curve is not None, options.seams, options.stability, options.guides)) > 1:
        raise EvaluationUsageError("expected one of --curve, --seams, --stability and --guides at a time")
    if options.stability and (options.frames or FRAMES) < LEAST_FRAMES:
        raise EvaluationUsageError(f"--stability: expected at least {LEAST_FRAMES} frames, found {options.frames}")
    if (options.stability or options.guides) and (options.cmd or options.card is not None or options.no_truth):
        raise EvaluationUsageError("--stability, --guides: built-in models only (no --cmd, --card, --no-truth)")
    if options.archive is not None and (options.curve or options.seams or options.stability or options.guides):
        raise EvaluationUsageError("--archive: it has no known colours; only the tables and sheets take it")
    if options.card is not None and options.no_truth:
        raise EvaluationUsageError("--card: a model card has figures against known colours (no --no-truth)")
    return options


def _run(options: argparse.Namespace) -> None:
    if options.stability or options.guides:
        _finish(options, _try(options))
        return
    clips, photos = _find(options)
    models = [_load(name, options) for name in options.model]
    if options.curve is not None:
        _print_curves(options, models[0], clips)
        return
    if options.seams:
        footage = [read_footage(folder, options.frames).clip for folder in clips]
        sys.stdout.write(curve_table("overlap", measure_seams(models[0], footage)) + "\n")
        return
    archived = None if options.archive is None else _find_archive(options)
    dtypes = dict.fromkeys(str(model.dtype).removeprefix("torch.") for model in models)
    sections = _survey(options, models, _Material(clips, photos, not options.no_truth, options.sheets))
    archive: tuple[Section, ...] = ()
    if archived is not None:
        sheets = None if options.sheets is None else options.sheets / "archive"
        archive = _survey(options, models, _Material(*archived, known=False, sheets=sheets))
    report = Report(", ".join(dtypes), *sections, tuple(dict.fromkeys(model.spec.name for model in models)), archive)
    sys.stdout.write(table(report) + "\n")
    if options.json is not None:
        write_text(options.json, json_text(report))
    if options.card is not None:
        _add_to_card(options.card, report)


def _try(options: argparse.Namespace) -> Outcome:
    """A long look at one photo and one clip, or guides on all, unless numbers are given."""
    one = 1 if options.stability else None
    clips = find_clips(options.folder)[: options.clips or one]
    photos = find_photos(options.folder)[: options.photos or one]
    if not clips and not photos:
        raise EvaluationInputError(f"{options.folder}: expected {CLIPS}; {PHOTOS}, found none")
    models = [_load(name, options) for name in options.model]
    if options.stability:
        return try_stability(models, photos, clips, options.frames or FRAMES)
    if options.sheets is not None:
        make_folder(options.sheets)
    return try_guides(models, photos, clips, options.frames or _GUIDED_FRAMES, options.sheets)


def _finish(options: argparse.Namespace, outcome: Outcome) -> None:
    sys.stdout.write(outcome.text + "\n")
    if options.json is not None:
        values = {"dtype": options.dtype or "each model's reference", **outcome.values}
        write_text(options.json, json.dumps(values, indent=2, allow_nan=False) + "\n")


def _find(options: argparse.Namespace) -> tuple[list[Path], list[Path]]:
    """Clips and photos; there may be no clips if photos are asked for."""
    clips, photos = find_clips(options.folder)[: options.clips], find_photos(options.folder)[: options.photos]
    if options.photos is None:
        if not clips:
            hint = "; --photos measures the photos" if photos else ""
            raise EvaluationInputError(f"{options.folder}: expected {CLIPS}, found none{hint}")
        return clips, []
    if not photos:
        raise EvaluationInputError(f"{options.folder}: expected {PHOTOS}, found none")
    if options.cmd and not clips:
        raise EvaluationInputError(f"{options.folder}: --cmd is measured on clips: expected {CLIPS}, found none")
    return clips, photos


def _find_archive(options: argparse.Namespace) -> tuple[list[Path], list[Path]]:
    """The same of the archive: whatever of both there is."""
    clips = find_clips(options.archive)[: options.clips]
    photos = find_photos(options.archive)[: options.photos] if options.photos is not None else []
    if not clips and not photos:
        raise EvaluationInputError(f"{options.archive}: expected {CLIPS}, or with --photos {PHOTOS}, found none")
    return clips, photos


def _load(name: str, options: argparse.Namespace) -> Colorizer:
    dtype = None if options.dtype is None else getattr(torch, options.dtype)
    return load_model(name, dtype=dtype, threads=options.threads)


@dataclass(frozen=True, slots=True)
class _Material:
    """Clips and photos that are measured alike."""

    clips: Sequence[Path]
    photos: Sequence[Path]
    known: bool
    """Whether their colours are known."""
    sheets: Path | None
    """The folder of their sheets."""


def _survey(options: argparse.Namespace, models: Sequence[Colorizer], material: _Material) -> tuple[Section, Section]:
    if material.sheets is not None:
        make_folder(material.sheets)
    return _survey_clips(options, models, material), _survey_photos(models, material)


def _survey_clips(options: argparse.Namespace, models: Sequence[Colorizer], material: _Material) -> Section:
    colour = partial(colour_clip, models=models, commands=options.cmd)
    titles = {GREY, TRUTH, *options.cmd, *(model.spec.name for model in models)}
    with _pages(material, "clips") as pages:
        keep = None
        if pages is not None and material.sheets is not None:
            keep = partial(_keep_clip, material.sheets, pages, titles)
        if not material.known:
            footage = partial(read_footage, frames=options.frames)
            return survey(material.clips, Survey(CLIP, footage, colour, measure_truthless, keep))
        truth = partial(read_truth, frames=options.frames)
        return survey(material.clips, Survey(CLIP, truth, colour, measure_ab, keep))


def _keep_clip(folder: Path, pages: Pages, titles: Collection[str], name: str, columns: Mapping[str, Picture]) -> None:
    write_sheet(folder, name, columns)
    pages.add(name, middle_frames(columns, titles))


def _survey_photos(models: Sequence[Colorizer], material: _Material) -> Section:
    colour = partial(colour_photo, models=models)
    with _pages(material, "photos") as pages:
        keep = None if pages is None else pages.add
        if not material.known:
            return survey(material.photos, Survey(PHOTO, read_footage, colour, measure_truthless_still, keep))
        return survey(material.photos, Survey(PHOTO, read_truth, colour, measure_still, keep))


def _pages(material: _Material, name: str) -> AbstractContextManager[Pages | None]:
    return nullcontext() if material.sheets is None else Pages(material.sheets, name)


def _add_to_card(path: Path, report: Report) -> None:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EvaluationInputError(f"{path}: expected a model card: {error}") from error
    sections = {"figures": report.clips, "photo_figures": report.photos}
    found = {key: card_values(section, report.dtype) for key, section in sections.items() if section.names}
    write_text(path, json.dumps({**card, **found}, indent=2) + "\n")


def _print_curves(options: argparse.Namespace, model: Colorizer, folders: Sequence[Path]) -> None:
    """The curve on the clips that settings are chosen on, then, for the record, on those that only measure."""
    frames = options.frames or _CURVE_FRAMES
    chosen = [Truth(clip) for clip in _settings_clips(options, frames)]
    sys.stdout.write(f"To choose by ({len(chosen)} training clips, {frames} frames each):\n\n")
    sys.stdout.write(curve_table(options.curve, measure_curve(options.curve, model, chosen)) + "\n\n")
    sys.stdout.flush()
    measured = [read_truth(folder, frames) for folder in folders]
    sys.stdout.write(f"For the record, never to choose by ({len(measured)} clips of {options.folder.name}):\n\n")
    sys.stdout.write(curve_table(options.curve, measure_curve(options.curve, model, measured)) + "\n")


def _settings_clips(options: argparse.Namespace, frames: int) -> list[Clip]:
    folder = options.settings
    if folder is None:
        data = os.environ.get("KINEMACOLOR_DATA")
        if data is None:
            raise EvaluationUsageError("--curve: name the clips to choose on with --settings or KINEMACOLOR_DATA")
        folder = Path(data) / "train_clips"
    tars = sorted(folder.glob("*.tar*")) if folder.is_dir() else []
    if not tars:
        raise EvaluationInputError(f"expected tars of clips in {folder}, found none")
    return [even(clip) for clip in read_tarred_clips(tars, options.clips, frames)]
