"""`kinemacolor evaluate DIR`: colorizers measured alike on clips with known colours (docs/evaluation.md)."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from kinemacolor.evaluation.curves import CURVES, measure_curve
from kinemacolor.evaluation.errors import EvaluationError, EvaluationInputError, EvaluationUsageError
from kinemacolor.evaluation.measure import Figures, Truth, mean_figures, measure_ab, show
from kinemacolor.evaluation.outside import LumaCheck, check_command, run_command
from kinemacolor.evaluation.pictures import Clip, read_clip, read_tarred_clips
from kinemacolor.evaluation.report import GREY, TRUTH, Report, Row, curve_table, json_text, rounded, table
from kinemacolor.evaluation.rows import TINT_AB, colorize, constant, smooth
from kinemacolor.evaluation.sheets import write_sheet
from kinemacolor.models.api import Colorizer
from kinemacolor.models.errors import ModelError, UnknownModelError
from kinemacolor.models.registry import DEFAULT_MODEL, load_model

__all__ = ["main"]

_TINT = "constant tint"
_CURVE_FRAMES = 4  # of each clip, if --frames says nothing: neighbours tell little new of one frame's colour
_SOURCES = "JPEG frames in DIR/clips/NAME/ or DIR/NAME/"

Found = tuple[Tensor, LumaCheck | None]


def main(arguments: Sequence[str]) -> int:
    """Measure, write the table to the standard output, and return the exit code."""
    try:
        _run(_parse(arguments))
    except (EvaluationError, ModelError) as error:
        sys.stderr.write(f"kinemacolor: {' '.join(str(error).split())}\n")
        return _exit_code(error)
    return 0


def _exit_code(error: EvaluationError | ModelError) -> int:
    if isinstance(error, EvaluationError):
        return error.exit_code
    return EvaluationUsageError.exit_code if isinstance(error, UnknownModelError) else EvaluationError.exit_code


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="kinemacolor evaluate", description="Measure colorizers on clips with known colours.", allow_abbrev=False
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help=f"the clips: {_SOURCES}")
    add("--cmd", action="append", default=[], metavar="COMMAND", help="measure 'COMMAND {in} {out}' too; repeatable")
    add("--model", nargs="+", default=[DEFAULT_MODEL], metavar="NAME", help="built-in models (default: %(default)s)")
    add("--dtype", choices=("float32", "bfloat16"), help="of the frame networks; default: each model's reference")
    add("--json", type=Path, metavar="FILE", help="write all figures, clip by clip")
    add("--sheets", type=Path, metavar="FOLDER", help="write contact sheets: grey, results, truth")
    add("--clips", type=_count, metavar="N", help="the first N clips only")
    add("--frames", type=_count, metavar="N", help="the first N frames of each clip only")
    add("--threads", type=_count, metavar="N", help="threads of the networks")
    add("--card", type=Path, metavar="FILE", help="model card (JSON) that shall carry the figures")
    add("--curve", choices=tuple(CURVES), help="print the curve by which a setting is chosen instead of the table")
    add("--settings", type=Path, metavar="FOLDER", help="clips in tars to choose on ($KINEMACOLOR_DATA/train_clips)")
    return parser.parse_args(list(arguments))


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return int(text)


def _run(options: argparse.Namespace) -> None:
    for command in options.cmd:
        check_command(command)
    folders = _clip_folders(options.folder)[: options.clips]
    models = [_load(name, options) for name in options.model]
    if options.curve is not None:
        _print_curves(options, models[0], folders)
        return
    report = _measure(options, models, folders)
    sys.stdout.write(table(report) + "\n")
    if options.json is not None:
        _write(options.json, json_text(report))
    if options.card is not None:
        _add_to_card(options.card, report)


def _load(name: str, options: argparse.Namespace) -> Colorizer:
    dtype = None if options.dtype is None else getattr(torch, options.dtype)
    return load_model(name, dtype=dtype, threads=options.threads)


def _clip_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise EvaluationInputError(f"no folder {folder}")
    clips = folder / "clips"
    found = sorted(path for path in (clips if clips.is_dir() else folder).iterdir() if path.is_dir())
    found = [path for path in found if any(path.glob("*.jpg"))]
    if not found:
        raise EvaluationInputError(f"{folder}: expected {_SOURCES}, found none")
    return found


def _read(folder: Path, frames: int | None) -> Truth:
    try:
        clip = read_clip(folder, frames)
    except (OSError, ValueError) as error:
        raise EvaluationInputError(f"{folder.name}: {error}") from error
    return Truth(_even(clip))


def _even(clip: Clip) -> Clip:
    """Without the last row or column of an odd size: a film in 4:2:0 cannot hold it, and all rows see the same."""
    height, width = (side - side % 2 for side in clip.rgb.shape[1:3])
    return Clip(clip.name, clip.rgb[:, :height, :width].copy())


def _measure(options: argparse.Namespace, models: Sequence[Colorizer], folders: Sequence[Path]) -> Report:
    figures: dict[str, list[Figures]] = {}
    checks: dict[str, list[LumaCheck]] = {}
    frames = 0
    for number, folder in enumerate(folders, start=1):
        sys.stderr.write(f"{number}/{len(folders)} {folder.name}\n")
        truth = _read(folder, options.frames)
        frames += len(truth.clip.rgb)
        found = _colour(truth, models, options.cmd)
        for title, (ab, check) in found.items():
            figures.setdefault(title, []).append(measure_ab(truth, ab))
            checks.setdefault(title, []).extend([check] if check else [])
        if options.sheets is not None:
            _write_sheet(options.sheets, truth, found)
    rows = {title: Row(tuple(each), tuple(checks[title])) for title, each in figures.items()}
    return Report(tuple(folder.name for folder in folders), frames, _dtypes(models), rows)


def _dtypes(models: Sequence[Colorizer]) -> str:
    return ", ".join(dict.fromkeys(str(model.dtype).removeprefix("torch.") for model in models))


def _colour(truth: Truth, models: Sequence[Colorizer], commands: Sequence[str]) -> dict[str, Found]:
    """Every row's a*b* of one clip, in the order of the table."""
    true_ab = truth.lab[:, 1:]
    frames, _, height, width = true_ab.shape
    found: dict[str, Found] = {
        GREY: (torch.zeros_like(true_ab), None),
        _TINT: (constant(frames, height, width, TINT_AB), None),
    }
    for model in models:
        name, colours = model.spec.name, colorize(model, truth.clip.lightness)
        found[f"{name}, frames alone"] = (colours.alone, None)
        found[f"{name}, frames smoothed"] = (smooth(colours.alone), None)
        found[name] = (colours.whole, None)
    for command in commands:
        outside = run_command(command, truth.clip)
        found[command] = (outside.ab, outside.luma)
    return {**found, TRUTH: (true_ab, None)}


def _write_sheet(folder: Path, truth: Truth, found: dict[str, Found]) -> None:
    shown = {title: show(truth, ab) for title, (ab, _) in found.items() if title != _TINT}
    _written(folder, lambda: folder.mkdir(parents=True, exist_ok=True))
    path = folder / f"{truth.clip.name}.jpg"
    _written(path, lambda: write_sheet(path, shown))


def _write(path: Path, text: str) -> None:
    _written(path, lambda: path.write_text(text, encoding="utf-8"))


def _written(path: Path, write: Callable[[], object]) -> None:
    try:
        write()
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror or error}") from error


def _add_to_card(path: Path, report: Report) -> None:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EvaluationInputError(f"{path}: expected a model card: {error}") from error
    protocol = f"{len(report.clips)} clips, {report.frames} frames, {report.dtype}, mean over clips"
    means = {title: rounded(mean_figures(row.figures)) for title, row in report.rows.items()}
    _write(path, json.dumps({**card, "figures": {"protocol": protocol, **means}}, indent=2) + "\n")


def _print_curves(options: argparse.Namespace, model: Colorizer, folders: Sequence[Path]) -> None:
    """The curve on the clips that settings are chosen on, then, for the record, on those that only measure."""
    frames = options.frames or _CURVE_FRAMES
    chosen = [Truth(clip) for clip in _settings_clips(options, frames)]
    sys.stdout.write(f"To choose by ({len(chosen)} training clips, {frames} frames each):\n\n")
    sys.stdout.write(curve_table(options.curve, measure_curve(options.curve, model, chosen)) + "\n\n")
    sys.stdout.flush()
    measured = [_read(folder, frames) for folder in folders]
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
    return [_even(clip) for clip in read_tarred_clips(tars, options.clips, frames)]
