"""Train `lai`: `python -m kinemacolor.training.lai --out DIR --steps N`; a run that has a checkpoint is gone on with.

Pictures and encoder are those of the recipe `kinema`, from the folder that KINEMACOLOR_DATA names (or --data); the
frame network is the one that is shipped. With --export its averaged weights and their card are written.
"""

import argparse
import json
import sys
from dataclasses import asdict, replace
from importlib import resources
from pathlib import Path

from safetensors.torch import load_file

from kinemacolor.models.checkpoint import load_weights
from kinemacolor.models.kinema_colorizer import KinemaWeights
from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.models.networks.lai import Lai
from kinemacolor.training.card import write_weights
from kinemacolor.training.data import read_data
from kinemacolor.training.errors import RecipeError
from kinemacolor.training.lai_trainer import LaiRecipe, LaiTrainer
from kinemacolor.training.recipe import read_recipe
from kinemacolor.training.run_command import carry_out, checkpoint_of, go_on, parse_run
from kinemacolor.training.trunk import pretrained_trunk

__all__ = ["main"]


def main() -> int:
    """Train or export."""
    return carry_out(_arguments(), _train, _export)


def _train(arguments: argparse.Namespace) -> None:
    plan = read_recipe("kinema")
    if plan.large_photos is None:
        raise RecipeError("expected a recipe with large photos, found none")
    data = read_data(
        replace(plan, small_photos=plan.large_photos, large_photos=None), Path(arguments.data), arguments.limit
    )
    recipe = LaiRecipe(steps=arguments.steps, decay_share=arguments.decay_share, seed=arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2) + "\n", encoding="utf-8")
    start = load_file(arguments.start) if arguments.start is not None else None
    start = None if start is None else {name: value.float() for name, value in start.items()}
    trainer = LaiTrainer(
        arguments.out, recipe, _frame_network(), pretrained_trunk(data), data.clips, data.small, start=start
    )
    go_on(trainer, log_every=25)


def _frame_network() -> KinemaNet:
    weights = KinemaWeights()
    load_weights(Path(str(resources.files("kinemacolor.models") / "weights" / "kinema.safetensors")), weights)
    return weights.frame


def _export(run: Path, out: Path) -> None:
    content, net = checkpoint_of(run), Lai()
    net.load_state_dict(content["average"])
    write_weights(out, "lai", net, run, content)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train lai on top of the shipped frame network.")
    parser.add_argument("--decay-share", type=float, default=0.3, help="last share with a falling rate (0.3)")
    parser.add_argument("--start", type=Path, help="weights to begin with")
    return parse_run(parser, steps=4000, seed=1906, export="FOLDER")


if __name__ == "__main__":
    sys.exit(main())
