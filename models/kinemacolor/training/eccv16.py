"""Train `eccv16`: `python -m kinemacolor.training.eccv16 --out DIR --steps N`; a run with a checkpoint is gone on with.

Pictures are those of the recipe `kinema`, from the folder that KINEMACOLOR_DATA names (or --data). With --export the
run's weights are written as safetensors, in the layout of the authors' files.
"""

import argparse
import logging
import sys
from pathlib import Path

import torch

from kinemacolor.models.checkpoint import save_weights
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.training.eccv16_trainer import Eccv16Recipe, Eccv16Trainer, fold_temperature
from kinemacolor.training.errors import RecipeError
from kinemacolor.training.photo_data import read_photo_data
from kinemacolor.training.photos import CropSettings
from kinemacolor.training.run_command import carry_out, checkpoint_of, go_on, parse_run

__all__ = ["main"]

_log = logging.getLogger(__name__)

_HELD_OUT = 128
"""Pictures whose loss is measured: a sixth of a step's time for each line of the log."""


def main() -> int:
    """Train or export."""
    return carry_out(_arguments(), _train, _export)


def _train(arguments: argparse.Namespace) -> None:
    path = arguments.out / "run.pt"
    if path.is_file() and (found := _width(torch.load(path, weights_only=True)["net"])) != arguments.width:
        raise RecipeError(f"{arguments.out}: expected a run of width {arguments.width}, found one of width {found}")
    data = read_photo_data(arguments, _HELD_OUT, encoder=False)
    recipe = Eccv16Recipe(
        steps=arguments.steps,
        width=arguments.width,
        neighbours=arguments.neighbours,
        crops=CropSettings(count=arguments.batch, side_px=arguments.side),
        seed=arguments.seed,
    )
    trainer = Eccv16Trainer(arguments.out, recipe, data.small, data.held_out)
    go_on(trainer, log_every=50)


def _export(run: Path, out: Path) -> None:
    content = checkpoint_of(run)
    net = Eccv16(_width(content["average"]))
    net.load_state_dict(content["average"])
    fold_temperature(net)
    out.parent.mkdir(parents=True, exist_ok=True)
    _log.info("step %d exported, sha256 %s", content["step"], save_weights(out, net, torch.float32))


def _width(state: dict[str, torch.Tensor]) -> int:
    return len(state["model1.0.weight"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train eccv16 from noise.")
    usual = Eccv16Recipe(steps=3600)
    parser.add_argument("--width", type=int, default=usual.width, help="channels of the first block (16; paper: 64)")
    parser.add_argument("--batch", type=int, default=usual.crops.count, help="pictures of a step (32)")
    parser.add_argument("--side", type=int, default=usual.crops.side_px, help="their side in pixels (64)")
    parser.add_argument("--neighbours", type=int, default=usual.neighbours, help="bins that share a colour (5)")
    return parse_run(parser, steps=3600, seed=usual.seed, export="FILE")


if __name__ == "__main__":
    sys.exit(main())
