"""Train `eccv16`: `python -m kinemacolor.training.eccv16 --out DIR --steps N`; a run with a checkpoint is gone on with.

Pictures are those of the recipe `kinema`, from the folder that KINEMACOLOR_DATA names (or --data). With --export the
run's weights are written as safetensors, in the layout of the authors' files.
"""

import argparse
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch

from kinemacolor.models.checkpoint import save_weights
from kinemacolor.models.networks.eccv16 import Eccv16
from kinemacolor.training.data import read_data
from kinemacolor.training.eccv16_trainer import Eccv16Recipe, Eccv16Trainer, fold_temperature
from kinemacolor.training.errors import RecipeError, TrainingError
from kinemacolor.training.photos import CropSettings
from kinemacolor.training.recipe import read_recipe

__all__ = ["main"]

_log = logging.getLogger(__name__)

_HELD_OUT_ONE_IN = 100
_HELD_OUT = 128
"""Pictures whose loss is measured: a sixth of a step's time for each line of the log."""


def main() -> int:
    """Train or export."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(arguments.threads)
    try:
        if arguments.export is not None:
            _export(arguments.out, arguments.export)
        else:
            _train(arguments)
    except TrainingError as error:
        _log.error("%s", error)
        return 1
    return 0


def _train(arguments: argparse.Namespace) -> None:
    path = arguments.out / "run.pt"
    if path.is_file() and (found := _width(torch.load(path, weights_only=True)["net"])) != arguments.width:
        raise RecipeError(f"{arguments.out}: expected a run of width {arguments.width}, found one of width {found}")
    plan = replace(
        read_recipe("kinema"), large_photos=None, encoder=None, memory=None, held_out_one_in=_HELD_OUT_ONE_IN
    )
    data = read_data(plan, Path(arguments.data), arguments.limit, _HELD_OUT)
    recipe = Eccv16Recipe(
        steps=arguments.steps,
        width=arguments.width,
        neighbours=arguments.neighbours,
        crops=CropSettings(count=arguments.batch, side_px=arguments.side),
        seed=arguments.seed,
    )
    trainer = Eccv16Trainer(arguments.out, recipe, data.small, data.held_out)
    if trainer.resume():
        _log.info("going on at step %d", trainer.step)
    trainer.run(log_every=50, save_minutes=2.0, on_log=lambda line: _log.info("%s", line))


def _export(run: Path, out: Path) -> None:
    path = run / "run.pt"
    if not path.is_file():
        raise RecipeError(f"{run}: expected a run with a checkpoint, found none")
    content = torch.load(path, weights_only=True)
    net = Eccv16(_width(content["average"]))
    net.load_state_dict(content["average"])
    fold_temperature(net)
    out.parent.mkdir(parents=True, exist_ok=True)
    _log.info("step %d exported, sha256 %s", content["step"], save_weights(out, net, torch.float32))


def _width(state: dict[str, torch.Tensor]) -> int:
    return len(state["model1.0.weight"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train eccv16 from noise.")
    usual = Eccv16Recipe(steps=1)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: checkpoint and log")
    parser.add_argument("--steps", type=int, default=3600, help="length of the run (3600)")
    parser.add_argument("--width", type=int, default=usual.width, help="channels of the first block (16; paper: 64)")
    parser.add_argument("--batch", type=int, default=usual.crops.count, help="pictures of a step (32)")
    parser.add_argument("--side", type=int, default=usual.crops.side_px, help="their side in pixels (64)")
    parser.add_argument("--neighbours", type=int, default=usual.neighbours, help="bins that share a colour (5)")
    parser.add_argument("--data", type=Path, default=os.environ.get("KINEMACOLOR_DATA"), help="folder of the data")
    parser.add_argument("--limit", type=int, help="read at most that many photos, for quick runs")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=usual.seed, help="seed of all draws")
    parser.add_argument("--export", type=Path, metavar="FILE", help="write the run's weights instead of training")
    arguments = parser.parse_args()
    if arguments.data is None and arguments.export is None:
        parser.error("name the folder of the data with --data or KINEMACOLOR_DATA")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
