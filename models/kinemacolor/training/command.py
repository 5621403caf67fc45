"""`kinemacolor train RECIPE [--start WEIGHTS] [--resume]` and `kinemacolor train --export RUN`."""

import argparse
import hashlib
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kinemacolor.training.recipe import StartSource

__all__ = ["main"]

_USAGE, _FAILED, _OUT_OF_MEMORY = 2, 1, 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Train or export; returns the exit code."""
    options = _options(arguments)
    # Loaded only now: --help answers at once.
    from kinemacolor.models.errors import OutOfMemoryError
    from kinemacolor.models.out_of_memory import memory_watched
    from kinemacolor.training.errors import RecipeError, TrainingError

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # A worker that is ended because another failed is no news beside the failure.
    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)
    try:
        with memory_watched("a recipe with smaller batches or pictures needs less"):
            return _export(options) if options.export is not None else _train(options)
    except OutOfMemoryError as error:
        sys.stderr.write(f"kinemacolor: {error}\n")
        return _OUT_OF_MEMORY
    except TrainingError as error:
        sys.stderr.write(f"kinemacolor: {error}\n")
        return _USAGE if isinstance(error, RecipeError) else _FAILED


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="kinemacolor train",
        description="Train the default network by a recipe, or make weights of a run.",
        epilog="docs/training.md tells how the shipped weights are repeated.",
    )
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help="TOML or JSON file, or `kinema`, the shipped one")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in the run's folder")
    parser.add_argument("--start", type=Path, metavar="WEIGHTS", help="begin with a weights file of kinema")
    parser.add_argument("--out", type=Path, help="folder of the run (default runs/NAME), or of the exported weights")
    parser.add_argument("--data", default=os.environ.get("KINEMACOLOR_DATA"), help="data folder (KINEMACOLOR_DATA)")
    parser.add_argument("--device", help="cpu or cuda (default: cuda if there is one)")
    parser.add_argument("--export", type=Path, metavar="RUN", help="write weights and card of a run to --out")
    options = parser.parse_args(arguments)
    if (options.recipe is None) == (options.export is None):
        parser.error("name either a RECIPE or a run to --export")
    if options.export is None and not options.data:
        parser.error("name the data folder with --data or KINEMACOLOR_DATA")
    return options


def _train(options: argparse.Namespace) -> int:
    # torch reads this once, when it loads: fresh pages of 4 kB for every large buffer cost a fifth of a step on a CPU.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    # torch takes seconds to load.
    import torch

    from kinemacolor.training.launch import train
    from kinemacolor.training.recipe import read_recipe

    plan = read_recipe(options.recipe)
    if options.start is not None:
        plan = replace(plan, start=_start(options.start))
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    out = options.out or Path("runs") / plan.name
    train(plan, Path(options.data), out, resume=options.resume, device=device)
    return 0


def _start(path: Path) -> "StartSource":
    """A file anywhere, as a recipe would name it; the run keeps a copy."""
    from kinemacolor.training.errors import TrainingError
    from kinemacolor.training.recipe import StartSource

    if not path.is_file():
        raise TrainingError(f"--start {path}: no such file")
    # An absolute path stands for itself below any data folder.
    return StartSource(file=str(path.resolve()), sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def _export(options: argparse.Namespace) -> int:
    from kinemacolor.training.errors import TrainingError
    from kinemacolor.training.export_kinema import export

    if not (options.export / "run.pt").exists():
        raise TrainingError(f"{options.export} has no checkpoint to export")
    card = export(options.export, options.out or options.export / "weights")
    sys.stdout.write(f"{card}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
