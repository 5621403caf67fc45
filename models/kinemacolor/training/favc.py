"""Train `favc` at reduced size: `python -m kinemacolor.training.favc --out DIR --stage colour|refine`.

The colour stage first; the refinement on top of its run (--colour RUN). A run that has a checkpoint is gone on with.
Pictures and encoder are those of the recipe `kinema`, from the folder that KINEMACOLOR_DATA names (or --data). With
--export the averaged weights and their card are written, those of the colour stage with the encoder, so that
`kinemacolor models import favc-reduced` needs no other file.
"""

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kinemacolor.models.networks.favc import FavcColour, FavcPainter, FavcRefine
from kinemacolor.models.networks.mobile_trunk import TRUNK_CHANNELS, MobileTrunk
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.training.card import write_weights
from kinemacolor.training.data import TrainingData, read_data, read_trunk
from kinemacolor.training.errors import RecipeError
from kinemacolor.training.favc_refine_trainer import FavcRefineTrainer, RefineRecipe
from kinemacolor.training.favc_trainer import ColourRecipe, FavcColourTrainer
from kinemacolor.training.recipe import read_recipe
from kinemacolor.training.run_command import carry_out, checkpoint_of, go_on, parse_run

__all__ = ["main"]

_COLOUR, _REFINE = "colour", "refine"
_RECIPE = "recipe.json"
_FILES = {_COLOUR: "favc-reduced", _REFINE: "favc-refine-reduced"}
"""Names of the exports of the stages: those of the networks, as they are imported."""


def main() -> int:
    """Train or export."""
    arguments = _arguments()
    return carry_out(arguments, _train, lambda run, out: _export(run, out, arguments.data))


def _train(arguments: argparse.Namespace) -> None:
    data, encoder = _read(arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.stage == _COLOUR:
        colour = ColourRecipe(**_numbers(arguments))
        _write_recipe(arguments.out, _COLOUR, colour)
        return go_on(FavcColourTrainer(arguments.out, colour, encoder, data.clips, data.small), log_every=25)
    if arguments.colour is None:
        raise RecipeError("expected the run of a colour stage (--colour RUN) to refine, found none")
    refine = RefineRecipe(**_numbers(arguments))
    _write_recipe(arguments.out, _REFINE, refine)
    network, _ = _trained(arguments.colour, _COLOUR)
    assert isinstance(network, FavcColour)
    go_on(FavcRefineTrainer(arguments.out, refine, network, encoder, data.clips, data.small), log_every=25)


def _numbers(arguments: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in ("steps", "minutes", "width", "seed")}


def _read(arguments: argparse.Namespace) -> tuple[TrainingData, MobileNetV2Encoder]:
    plan = read_recipe("kinema")
    if plan.large_photos is None:
        raise RecipeError("expected a recipe with large photos, found none")
    plan = replace(plan, small_photos=plan.large_photos, large_photos=None, encoder=None)
    data = read_data(plan, Path(arguments.data), arguments.limit)
    return data, _encoder(arguments.data)


def _write_recipe(run: Path, stage: str, recipe: ColourRecipe | RefineRecipe) -> None:
    content = {"stage": stage, "features": "MobileNetV2 in the place of VGG19", **asdict(recipe)}
    (run / _RECIPE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _trained(run: Path, stage: str) -> tuple[nn.Module, dict[str, Any]]:
    """The averaged network of a run, and its checkpoint."""
    content = checkpoint_of(run)
    recipe = json.loads((run / _RECIPE).read_text(encoding="utf-8"))
    if recipe["stage"] != stage:
        raise RecipeError(f"{run}: expected a run of the stage {stage}, found one of {recipe['stage']}")
    width = int(recipe["width"])
    network = FavcColour(TRUNK_CHANNELS, width) if stage == _COLOUR else FavcRefine(width)
    network.load_state_dict(content["average"])
    return network, content


def _export(run: Path, out: Path, data: Path | None) -> None:
    checkpoint_of(run)
    stage = json.loads((run / _RECIPE).read_text(encoding="utf-8"))["stage"]
    network, content = _trained(run, stage)
    if isinstance(network, FavcColour):
        network = FavcPainter(MobileTrunk(_encoder(data)), network)
    write_weights(out, _FILES[stage], network, run, content, torch.float32)


def _encoder(data: Path | None) -> MobileNetV2Encoder:
    """The one that the colour network was trained on; no run changes it."""
    source = read_recipe("kinema").encoder
    if source is None:
        raise RecipeError("expected a recipe with an encoder, found none")
    if data is None:
        raise RecipeError("expected the folder of the data, for the encoder in the file (--data or KINEMACOLOR_DATA)")
    encoder = MobileNetV2Encoder()
    encoder.load_dequantised(read_trunk(source, Path(data)))
    return encoder


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the networks of Lei and Chen 2019 at reduced size.")
    parser.add_argument("--stage", choices=(_COLOUR, _REFINE), default=_COLOUR, help="which network (colour)")
    parser.add_argument("--colour", type=Path, metavar="RUN", help="folder of the colour stage's run, for refine")
    parser.add_argument("--width", type=int, default=12, help="channels of the finest level; the paper's is 32 (12)")
    parser.add_argument("--minutes", type=float, help="end by the clock, however many steps that are; --steps at most")
    return parse_run(parser, steps=2000, seed=1907, export="FOLDER")


if __name__ == "__main__":
    sys.exit(main())
