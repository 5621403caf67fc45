"""Train `lai`: `python -m kinemacolor.training.lai --out DIR --steps N`; a run that has a checkpoint is gone on with.

Pictures and encoder are those of the recipe `kinema`, from the folder that KINEMACOLOR_DATA names (or --data); the
frame network is the one that is shipped. With --export its averaged weights and their card are written.
"""

import argparse
import json
import logging
import os
import sys
from dataclasses import asdict, replace
from importlib import resources
from pathlib import Path

import torch
from safetensors.torch import load_file

from kinemacolor.models.checkpoint import load_weights, save_weights
from kinemacolor.models.kinema_colorizer import KinemaWeights
from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.models.networks.lai import Lai
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.training.data import read_data
from kinemacolor.training.errors import RecipeError, TrainingError
from kinemacolor.training.lai_trainer import LaiRecipe, LaiTrainer
from kinemacolor.training.recipe import read_recipe
from kinemacolor.training.terms import LICENCE, SOURCES, TERMS

__all__ = ["main"]

_log = logging.getLogger(__name__)


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
    plan = read_recipe("kinema")
    if plan.large_photos is None:
        raise RecipeError("expected a recipe with large photos, found none")
    data = read_data(
        replace(plan, small_photos=plan.large_photos, large_photos=None), Path(arguments.data), arguments.limit
    )
    if data.trunk is None:
        raise RecipeError("expected a recipe with an encoder, found none")
    encoder = MobileNetV2Encoder()
    encoder.load_dequantised(data.trunk)
    recipe = LaiRecipe(steps=arguments.steps, decay_share=arguments.decay_share, seed=arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2) + "\n", encoding="utf-8")
    start = load_file(arguments.start) if arguments.start is not None else None
    start = None if start is None else {name: value.float() for name, value in start.items()}
    trainer = LaiTrainer(arguments.out, recipe, _frame_network(), encoder, data.clips, data.small, start=start)
    if trainer.resume():
        _log.info("going on at step %d", trainer.step)
    trainer.run(log_every=25, save_minutes=2.0, on_log=lambda line: _log.info("%s", line))


def _frame_network() -> KinemaNet:
    weights = KinemaWeights()
    load_weights(Path(str(resources.files("kinemacolor.models") / "weights" / "kinema.safetensors")), weights)
    return weights.frame


def _export(run: Path, out: Path) -> None:
    """Write `lai.safetensors`, half precision, and `lai.json`; figures are added by `kinemacolor evaluate --card`."""
    path = run / "run.pt"
    if not path.is_file():
        raise RecipeError(f"{run}: expected a run with a checkpoint, found none")
    net = Lai()
    content = torch.load(path, weights_only=True)
    net.load_state_dict(content["average"])
    out.mkdir(parents=True, exist_ok=True)
    weights = out / "lai.safetensors"
    digest = save_weights(weights, net)
    card = {
        "name": "lai",
        "file": weights.name,
        "bytes": weights.stat().st_size,
        "sha256": digest,
        "licence": LICENCE,
        "terms": TERMS,
        "training": {
            "steps": content["step"],
            "minutes": round(content["minutes"], 1),
            "recipe": json.loads((run / "recipe.json").read_text(encoding="utf-8")),
            "sources": SOURCES,
        },
        "figures": {},
    }
    (out / "lai.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    _log.info("step %d exported, %d bytes, sha256 %s", content["step"], card["bytes"], digest)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train lai on top of the shipped frame network.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: checkpoint and log")
    parser.add_argument("--steps", type=int, default=4000, help="length of the run (4000)")
    parser.add_argument("--decay-share", type=float, default=0.3, help="last share with a falling rate (0.3)")
    parser.add_argument("--data", type=Path, default=os.environ.get("KINEMACOLOR_DATA"), help="folder of the data")
    parser.add_argument("--limit", type=int, help="read at most that many photos and clips, for quick runs")
    parser.add_argument("--start", type=Path, help="weights to begin with")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1906, help="seed of all draws")
    parser.add_argument("--export", type=Path, metavar="FOLDER", help="write weights and card instead of training")
    arguments = parser.parse_args()
    if arguments.data is None and arguments.export is None:
        parser.error("name the folder of the data with --data or KINEMACOLOR_DATA")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
