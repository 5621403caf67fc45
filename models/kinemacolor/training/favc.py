"""Train `favc` at reduced size: `python -m kinemacolor.training.favc --out DIR --stage colour|refine`.

The colour stage first; the refinement on top of its run (--colour RUN). A run that has a checkpoint is gone on with;
one of another recipe, or of another colour run, is refused and left as it is.
Pictures and encoder are those of the recipe `kinema`, from the folder that KINEMACOLOR_DATA names (or --data). With
--export the averaged weights and their card are written, those of the colour stage with the encoder, so that
`kinemacolor models import favc-reduced` needs no other file.
"""

import argparse
import hashlib
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
from kinemacolor.training.run_command import carry_out, checkpoint_of, go_on, keep_recipe, kept_recipe, parse_run

__all__ = ["main"]

_COLOUR, _REFINE = "colour", "refine"
_WIDTHS = range(1, 32)
"""What `favc-reduced` takes (`networks/sizes.py`): the paper's 32 and more would be trained for nothing."""
_FILES = {_COLOUR: "favc-reduced", _REFINE: "favc-refine-reduced"}
"""Names of the exports of the stages: those of the networks, as they are imported."""


def main() -> int:
    """Train or export."""
    arguments = _arguments()
    return carry_out(arguments, _train, lambda run, out: _export(run, out, arguments.data))


def _train(arguments: argparse.Namespace) -> None:
    if arguments.width not in _WIDTHS:
        raise RecipeError(f"--width {arguments.width}: expected 1 to {_WIDTHS[-1]}; no model takes a wider one")
    if arguments.stage == _COLOUR:
        _train_colour(arguments)
    else:
        _train_refine(arguments)


def _train_colour(arguments: argparse.Namespace) -> None:
    recipe = ColourRecipe(**_numbers(arguments))
    _keep(arguments.out, _COLOUR, recipe)
    data, encoder = _read(arguments)
    go_on(FavcColourTrainer(arguments.out, recipe, encoder, data.clips, data.small), log_every=25)


def _train_refine(arguments: argparse.Namespace) -> None:
    if arguments.colour is None:
        raise RecipeError("expected the run of a colour stage (--colour RUN) to refine, found none")
    recipe = RefineRecipe(**_numbers(arguments))
    network, _ = _trained(arguments.colour, _COLOUR)
    assert isinstance(network, FavcColour)
    _keep(arguments.out, _REFINE, recipe, colour=_digest(network))
    data, encoder = _read(arguments)
    go_on(FavcRefineTrainer(arguments.out, recipe, network, encoder, data.clips, data.small), log_every=25)


def _numbers(arguments: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in ("steps", "minutes", "width", "seed")}


def _read(arguments: argparse.Namespace) -> tuple[TrainingData, MobileNetV2Encoder]:
    plan = read_recipe("kinema")
    if plan.large_photos is None:
        raise RecipeError("expected a recipe with large photos, found none")
    plan = replace(plan, small_photos=plan.large_photos, large_photos=None, encoder=None)
    data = read_data(plan, Path(arguments.data), arguments.limit)
    return data, _encoder(arguments.data)


def _keep(run: Path, stage: str, recipe: ColourRecipe | RefineRecipe, **more: str) -> None:
    """Before the data is read: a run of another recipe is refused in its first second."""
    content = {"stage": stage, "features": "MobileNetV2 in the place of VGG19", **asdict(recipe), **more}
    keep_recipe(run, content, added=tuple(more))


def _digest(network: nn.Module) -> str:
    """Of the weights: a colour run that has gone on is another one for its refinement."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode() + value.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _trained(run: Path, stage: str) -> tuple[nn.Module, dict[str, Any]]:
    """The averaged network of a run, and its checkpoint."""
    content, recipe = checkpoint_of(run), kept_recipe(run)
    found, width = recipe.get("stage", "another trainer"), recipe.get("width", "none")
    if found != stage:
        raise RecipeError(f"{run}: expected a run of the stage {stage}, found one of {found}")
    try:
        network = FavcColour(TRUNK_CHANNELS, int(width)) if stage == _COLOUR else FavcRefine(int(width))
        network.load_state_dict(content["average"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RecipeError(f"{run}: expected weights of the stage {stage} at width {width}, found others") from error
    return network, content


def _export(run: Path, out: Path, data: Path | None) -> None:
    checkpoint_of(run)
    stage = kept_recipe(run).get("stage")
    if stage not in _FILES:
        raise RecipeError(f"{run}: expected a run of this trainer, found one of another")
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
    parser.add_argument(
        "--width", type=int, default=12, help="channels of the finest level; 1 to 31, the paper's is 32 (12)"
    )
    parser.add_argument("--minutes", type=float, help="end by the clock, however many steps that are; --steps at most")
    return parse_run(parser, steps=2000, seed=1907, export="FOLDER")


if __name__ == "__main__":
    sys.exit(main())
