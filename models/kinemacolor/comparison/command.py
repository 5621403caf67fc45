"""`kinemacolor compare DIR|FILE`: frame networks with temporal networks, side by side (docs/comparison.md)."""

import argparse
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch

from kinemacolor.comparison.combinations import TEMPORALS, combine
from kinemacolor.comparison.errors import ComparisonError, ComparisonUsageError, explain
from kinemacolor.comparison.folder import OutputFolder, output_folder
from kinemacolor.comparison.mark import PAGE
from kinemacolor.comparison.material import LAYOUTS, Limits, find_material
from kinemacolor.comparison.names import printable
from kinemacolor.comparison.page import page_html
from kinemacolor.comparison.plots import draw_means
from kinemacolor.comparison.results import Comparison, means
from kinemacolor.comparison.tables import csv_text, json_text, markdown
from kinemacolor.comparison.tour import Route, take_tour
from kinemacolor.evaluation.errors import EvaluationError
from kinemacolor.evaluation.report import PROTOCOL
from kinemacolor.models.errors import ModelError
from kinemacolor.models.out_of_memory import memory_watched
from kinemacolor.models.registry import load_families

__all__ = ["main"]

_FRAMES = 48  # two seconds: long enough to see flicker, short enough to be looked at again and again
_SHORT_SIDE_PX = 256
_EXIT_CODES = "exit codes: 0 done, 1 error or output, 2 usage, 4 input, 5 out of memory, 130 interrupted"


def main(arguments: Sequence[str]) -> int:
    """Compare, write the folder, write the table to the standard output, and return the exit code."""
    try:
        options = _parse(arguments)
        with memory_watched("a smaller --size, fewer --frames or other --models need less"):
            _run(options)
    except (ComparisonError, EvaluationError, ModelError) as error:
        line, code = explain(error)
        sys.stderr.write(f"kinemacolor: {line}\n")
        return code
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="kinemacolor compare",
        description="Compare frame networks with temporal networks: videos, sheets, figures, plots and a page.",
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("material", type=Path, metavar="DIR|FILE", help=LAYOUTS)
    add("--models", type=_names, metavar="A,B,...", help="frame networks (default: kinema and those installed)")
    add("--temporal", type=_names, metavar="A,B,...", help=f"of {', '.join(TEMPORALS)} (default: those there are)")
    add("--out", type=Path, default=Path("comparison"), metavar="FOLDER", help="new or empty (default: %(default)s)")
    add("--overwrite", action="store_true", help="replace an earlier comparison in FOLDER")
    add("--frames", type=_count, default=_FRAMES, metavar="N", help="of each clip, at most (default: %(default)s)")
    add("--clips", type=_count, metavar="N", help="at most (default: all of a DIR, 4 shots of a film)")
    add("--size", type=_side, default=_SHORT_SIDE_PX, metavar="SHORT_SIDE", help="pixels, at most (%(default)s)")
    add("--no-truth", action="store_true", help="measure only what needs no known colours")
    add("--device", type=_device, metavar="cpu|cuda:N", help="of the networks (default: a GPU if there is one)")
    add("--threads", type=_count, metavar="N", help="threads of the networks")
    add("--json", action="store_true", help="print metrics.json instead of the table")
    return parser.parse_args(list(arguments))


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"expected names with commas between them, found {text!r}")
    return names


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return int(text)


def _side(text: str) -> int:
    side = _count(text)
    if side < 16:  # the optical flow that flicker is measured along needs as much
        raise argparse.ArgumentTypeError(f"expected at least 16 pixels, found {text}")
    return side


def _device(text: str) -> torch.device:
    if not re.fullmatch(r"cpu|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"expected cpu or cuda:N, found {text!r}")
    return torch.device(text)


def _run(options: argparse.Namespace) -> None:
    combinations = combine(options.models, options.temporal)
    material = find_material(options.material)
    device = _chosen(options.device)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    limits = Limits(options.frames, options.clips, options.size)
    with output_folder(options.out, options.overwrite, material.sources) as folder:
        families = load_families([one.spec.name for one in combinations], device)
        route = Route(
            combinations=combinations,
            families=families,
            no_truth=options.no_truth,
            clips=material.count(limits),
            is_exact=bool(material.folders),
        )
        found = take_tour(material.read(limits), route, folder)
        comparison = Comparison(
            version=version("kinemacolor"),
            settings=_settings(options, device),
            combinations=combinations,
            clips=tuple(clip for clip, _ in found),
        )
        metrics = json_text(comparison)
        folder.write("metrics.json", metrics)
        folder.write("metrics.csv", csv_text(comparison))
        media = {clip.name: media for clip, media in found}
        folder.write(PAGE, page_html(comparison, media, _overview(folder, comparison)))
    sys.stderr.write(f"the page: {printable(str(options.out / PAGE))}\n")
    sys.stdout.write(metrics if options.json else markdown(comparison) + "\n")


def _overview(folder: OutputFolder, comparison: Comparison) -> str:
    if not comparison.known:
        return ""
    drawing = draw_means(means(comparison.known), comparison.combinations)
    folder.write("means.svg", drawing.file)
    return drawing.inline


def _chosen(device: torch.device | None) -> torch.device:
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device is not None and device.type == "cuda" and (device.index or 0) >= there:
        raise ComparisonUsageError(f"--device: there is no {device}")
    return device if device is not None else torch.device("cuda" if there else "cpu")


def _settings(options: argparse.Namespace, device: torch.device) -> dict[str, str]:
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, threads: {torch.get_num_threads()}"
    return {
        "material": printable(options.material.resolve().name),
        "frame networks": ", ".join(options.models or ["kinema and those installed"]),
        "temporal networks": ", ".join(options.temporal or ["those there are for each"]),
        "frames of a clip": f"at most {options.frames}",
        "clips": "all of a folder, the first shots of a film" if options.clips is None else f"at most {options.clips}",
        "short side": f"at most {options.size} pixels",
        "known colours": "not used (--no-truth)" if options.no_truth else "used where a clip has colours",
        "device": where,
        "PyTorch": torch.__version__,
        "protocol": f"{PROTOCOL} of kinemacolor evaluate",
        "Kinemacolor": version("kinemacolor"),
    }
