"""What the commands share that train a network of others, such as `eccv16`: train, or with --export write what came."""

import argparse
import json
import logging
import os
import pickle  # its error alone; nothing is unpickled here
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from kinemacolor.training.errors import RecipeError, TrainingError
from kinemacolor.training.finished import load_checkpoint
from kinemacolor.training.loop import TrainingLoop
from kinemacolor.training.run_lock import alone_in

__all__ = ["carry_out", "checkpoint_of", "go_on", "keep_recipe", "kept_recipe", "parse_run"]

_log = logging.getLogger(__name__)

_INTERRUPTED = 130
_RECIPE_FILE = "recipe.json"
_BUDGET = ("steps", "minutes")
"""What of a recipe may be another when a run is gone on with."""


def parse_run(parser: argparse.ArgumentParser, *, steps: int | None, seed: int, export: str) -> argparse.Namespace:
    """Add the arguments that every run has, and read the command line.

    Args:
        parser: With those of the network.
        steps: Usual length of a run; None: the recipe says.
        seed: Usual seed.
        export: What --export names, a FILE or a FOLDER.
    """
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder of the run: checkpoint and log")
    add("--steps", type=int, default=steps, help=f"length of the run ({steps or 'as the recipe says'})")
    add("--data", type=Path, default=os.environ.get("KINEMACOLOR_DATA"), help="folder of the data")
    add("--limit", type=int, help="read at most that many photos and clips, for quick runs")
    add("--threads", type=int, default=2)
    add("--seed", type=int, default=seed, help="seed of all draws")
    add("--export", type=Path, metavar=export, help="write the run's weights instead of training")
    arguments = parser.parse_args()
    if arguments.data is None and arguments.export is None:
        parser.error("name the folder of the data with --data or KINEMACOLOR_DATA")
    return arguments


def carry_out(
    arguments: argparse.Namespace,
    train: Callable[[argparse.Namespace], None],
    export: Callable[[Path, Path], None],
) -> int:
    """Train or export; the exit status, an error of the training being one line."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(arguments.threads)
    try:
        if arguments.export is not None:
            export(arguments.out, arguments.export)
        else:
            with alone_in(arguments.out):
                train(arguments)
    except TrainingError as error:
        _log.error("%s", error)
        return 1
    except KeyboardInterrupt:
        _log.error("interrupted; the same command goes on from the last checkpoint, if there is one")
        return _INTERRUPTED
    return 0


def go_on(trainer: TrainingLoop, log_every: int) -> None:
    """Run to the end, from the last checkpoint if there is one."""
    if trainer.resume():
        _log.info("going on at step %d", trainer.step)
    trainer.run(log_every=log_every, save_minutes=2.0, on_log=lambda line: _log.info("%s", line))


def checkpoint_of(run: Path) -> dict[str, Any]:
    """The content of a run's checkpoint.

    Raises:
        RecipeError: The run has none, or it is damaged.
    """
    try:
        content = load_checkpoint(run)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RecipeError(f"{run}: expected a run with a checkpoint, found none") from error
    except (OSError, EOFError, KeyError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise RecipeError(f"{run}: expected a run with a checkpoint, found a damaged one") from error
    if not isinstance(content, dict):
        raise RecipeError(f"{run}: expected a run with a checkpoint, found a damaged one")
    return content


def keep_recipe(run: Path, recipe: Mapping[str, Any], *, added: Sequence[str] = ()) -> None:
    """Write down the recipe of a run, or make sure that it is still the same, apart from the budget.

    Args:
        run: Its folder.
        recipe: Everything that decides what comes of it.
        added: Keys that earlier versions did not write down; such a run is believed to have had what is asked for now.

    Raises:
        RecipeError: The run was started with another.
    """
    path, text = run / _RECIPE_FILE, json.dumps(recipe, indent=1)
    if path.exists():
        now, before = json.loads(text), kept_recipe(run)
        before = {**{key: now[key] for key in added if key in now}, **before}
        differing = [key for key in sorted(now.keys() | before.keys()) if key not in _BUDGET]
        differing = [key for key in differing if now.get(key) != before.get(key)]
        if differing:
            raise RecipeError(
                f"the run in {run} was started with another recipe (see its {_RECIPE_FILE}); "
                f"different: {', '.join(differing)}"
            )
    run.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def kept_recipe(run: Path) -> dict[str, Any]:
    """What `keep_recipe` wrote.

    Raises:
        RecipeError: Nothing, or it is damaged.
    """
    try:
        recipe: object = json.loads((run / _RECIPE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"{run}: expected a run with its {_RECIPE_FILE}, found none: {error}") from error
    if not isinstance(recipe, dict):
        raise RecipeError(f"{run}: expected a run with its {_RECIPE_FILE}, found another file of that name")
    return recipe
