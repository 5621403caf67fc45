"""Train DDColor: `python -m kinemacolor.training.ddcolor --out DIR --size reduced`; a run with a checkpoint is gone on.

Pictures and the network of the perceptual loss are those of the recipe `kinema`, from the folder that KINEMACOLOR_DATA
names (or --data). With --export the run's weights are written as safetensors, with the names of the authors' files.
"""

import argparse
import logging
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch

from kinemacolor.models.checkpoint import save_weights
from kinemacolor.models.networks.ddcolor import DDColor, DDColorSettings
from kinemacolor.training.ddcolor_figures import HeldOut
from kinemacolor.training.ddcolor_loss import DDColorLoss
from kinemacolor.training.ddcolor_recipe import DDCOLOR_RECIPES, DDColorRecipe
from kinemacolor.training.ddcolor_trainer import NETWORK_PREFIX, DDColorTrainer
from kinemacolor.training.photo_data import SMALL_PHOTOS_PX, read_photo_data
from kinemacolor.training.recipe import Watch
from kinemacolor.training.run_command import carry_out, checkpoint_of, keep_recipe, kept_recipe, parse_run
from kinemacolor.training.trunk import pretrained_trunk
from kinemacolor.training.watch import Watcher

__all__ = ["main"]

_log = logging.getLogger(__name__)

_HELD_OUT = 64
_ON_SHEET = 12
_WATCH = Watch(early_steps=0, sheet_minutes=4.0, checkpoint_minutes=2.0)


def main() -> int:
    """Train or export."""
    return carry_out(_arguments(), _train, _export)


def _train(arguments: argparse.Namespace) -> None:
    recipe = _recipe(arguments)
    keep_recipe(arguments.out, asdict(recipe))
    side = max(recipe.crops.side_px, 0 if recipe.late_crops is None else recipe.late_crops.side_px)
    data = read_photo_data(arguments, _HELD_OUT, large=side > SMALL_PHOTOS_PX)
    loss = DDColorLoss(pretrained_trunk(data), recipe.loss)
    held_out = HeldOut(data.held_out, side, loss, recipe.loss.enhancement)
    trainer = DDColorTrainer(arguments.out, recipe, data.small, loss, held_out)
    if trainer.resume():
        _log.info("going on at step %d", trainer.step)
    watcher = Watcher(trainer, _WATCH, lambda: held_out.sheet(trainer.net, _ON_SHEET))
    trainer.run(arguments.log_every, _WATCH.checkpoint_minutes, watcher)


def _recipe(arguments: argparse.Namespace) -> DDColorRecipe:
    recipe = replace(DDCOLOR_RECIPES[arguments.size], seed=arguments.seed)
    if arguments.steps is not None:
        recipe = replace(recipe, steps=arguments.steps)
    if arguments.minutes is not None:
        recipe = replace(recipe, minutes=arguments.minutes, steps=arguments.steps)
    if arguments.critic_width is not None:
        recipe = replace(recipe, critic_width=arguments.critic_width)
    return recipe


def _export(run: Path, out: Path) -> None:
    content = checkpoint_of(run)
    net = DDColor(DDColorSettings(**kept_recipe(run)["network"]))
    state = content["average"].items()
    net.load_state_dict({n.removeprefix(NETWORK_PREFIX): value for n, value in state if n.startswith(NETWORK_PREFIX)})
    out.parent.mkdir(parents=True, exist_ok=True)
    _log.info("step %d exported, sha256 %s", content["step"], save_weights(out, net, torch.float32))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train DDColor, its encoder from noise.")
    add = parser.add_argument
    add("--size", choices=sorted(DDCOLOR_RECIPES), default="reduced", help="of the network (reduced)")
    add("--critic-width", type=int, help="channels of the critic's first layer; 0: none (as the recipe says)")
    add("--minutes", type=float, help="length of the run, whose schedule follows the clock then")
    add("--log-every", type=int, default=50, help="steps between looks at held-out photos (50)")
    return parse_run(parser, steps=None, seed=DDCOLOR_RECIPES["l"].seed, export="FILE")


if __name__ == "__main__":
    sys.exit(main())
