"""Train `zhao`: `python -m kinemacolor.training.zhao --out DIR --trunk FILE`; a run with a checkpoint is gone on with.

Photos are the sharper ones of the recipe `kinema`, from the folder that KINEMACOLOR_DATA names (or --data), labelled by
a small segmenter of the same folder, once; or with --voc, --coco-stuff those of the real sets with their own labels.
With --export the run's weights are written as safetensors; the trunk in them has the layout of `eccv16`.
"""

import argparse
import hashlib
import json
import logging
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from kinemacolor.models.checkpoint import save_weights
from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.load import read_weights
from kinemacolor.models.networks.sizes import eccv16_like, zhao_like
from kinemacolor.models.networks.zhao import VOC_CLASS_COUNT
from kinemacolor.models.official import official_network
from kinemacolor.training.data import read_data
from kinemacolor.training.eccv16_trainer import fold_temperature
from kinemacolor.training.errors import RecipeError
from kinemacolor.training.label_sets import COCO_STUFF_CLASS_COUNT, read_coco_stuff, read_voc
from kinemacolor.training.labelled import Flip, Labelled, label_pictures
from kinemacolor.training.photos import CropSettings, is_held_out
from kinemacolor.training.recipe import read_recipe
from kinemacolor.training.run_command import carry_out, checkpoint_of, go_on, parse_run
from kinemacolor.training.voc_segmenter import SEGMENTER_FILE, VocSegmenter
from kinemacolor.training.zhao_trainer import Norm, ZhaoRecipe, ZhaoTrainer

__all__ = ["main"]

_log = logging.getLogger(__name__)

_HELD_OUT_ONE_IN = 20
"""Those that the runs of `eccv16` hold out (1 in 100) are among them."""
_HELD_OUT = 128
_WIDTH = 16
_WIDTHS = range(1, 65)
"""What `zhao-reduced` and, at 64, `zhao` take (`networks/sizes.py`)."""


def main() -> int:
    """Train or export."""
    return carry_out(_arguments(), _train, _export)


def _train(arguments: argparse.Namespace) -> None:
    trunk = _read_trunk(arguments.trunk) if arguments.trunk is not None else None
    recipe = _recipe(arguments, len(trunk["model1.0.weight"]) if trunk is not None else None)
    start = hashlib.sha256(arguments.trunk.read_bytes()).hexdigest() if trunk is not None else "noise"
    _keep_recipe(arguments.out, {"start": start, "material": _material(arguments), **asdict(recipe)})
    examples, held_out = _examples(arguments)
    if not examples:
        raise RecipeError("expected colourful photos with labels to train on, found none")
    trainer = ZhaoTrainer(arguments.out, recipe, examples, held_out, trunk)
    go_on(trainer, log_every=arguments.log_every)


def _export(run: Path, out: Path) -> None:
    content = checkpoint_of(run)
    net = zhao_like(content["average"])
    net.load_state_dict(content["average"])
    fold_temperature(net)
    out.parent.mkdir(parents=True, exist_ok=True)
    _log.info("step %d exported, sha256 %s", content["step"], save_weights(out, net, torch.float32))


def _recipe(arguments: argparse.Namespace, of_trunk: int | None) -> ZhaoRecipe:
    asked = _WIDTH if arguments.width is None else arguments.width
    width = asked if of_trunk is None else of_trunk
    if arguments.width not in (None, width):
        raise RecipeError(f"--width {arguments.width}: expected that of the trunk, {width}")
    if width not in _WIDTHS:
        raise RecipeError(f"width {width}: expected 1 to {_WIDTHS[-1]}, the paper's; no model takes a wider one")
    return ZhaoRecipe(
        steps=arguments.steps,
        width=width,
        classes=COCO_STUFF_CLASS_COUNT if arguments.coco_stuff is not None else VOC_CLASS_COUNT,
        rate=arguments.rate,
        branch_rate=arguments.branch_rate,
        warm_up_steps=max(1, arguments.warm_up),
        colour_weight=arguments.colour_weight,
        segmentation_weight=arguments.segmentation_weight,
        norm=arguments.norm,
        flip=arguments.flip,
        branch_steps=arguments.branch_steps,
        weights_in_labels=arguments.weights_in_labels,
        crops=CropSettings(count=arguments.batch, side_px=arguments.side),
        seed=arguments.seed,
    )


def _read_trunk(path: Path) -> dict[str, Tensor]:
    """Of an `eccv16` of any width."""
    any_width = replace(official_network("eccv16"), like=eccv16_like)
    try:
        return read_weights(any_width, path)
    except CheckpointError as error:
        raise RecipeError(f"--trunk {path}: {error}") from error


def _keep_recipe(out: Path, recipe: dict[str, object]) -> None:
    """Write down what a run is made of; refuse to go on with one that is made of something else.

    Raises:
        RecipeError: The folder holds a run of another recipe; its length alone may differ.
    """
    path, text = out / "recipe.json", json.dumps(recipe, indent=2, default=str) + "\n"
    if path.is_file() and (out / "run.pt").is_file():
        before, now = json.loads(path.read_text(encoding="utf-8")), json.loads(text)
        other = sorted(key for key in before | now if key != "steps" and before.get(key) != now.get(key))
        if other:
            raise RecipeError(
                f"{out}: expected the recipe of the run that lies there, found another {', '.join(other)}"
            )
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _material(arguments: argparse.Namespace) -> str:
    chosen = {"voc": arguments.voc, "coco-stuff": arguments.coco_stuff}
    names = [name for name, folder in chosen.items() if folder is not None]
    if len(names) > 1:
        raise RecipeError("expected one of --voc and --coco-stuff, found both: their classes are not the same")
    return names[0] if names else "photos labelled by the segmenter"


def _examples(arguments: argparse.Namespace) -> tuple[list[Labelled], list[Labelled]]:
    """Trained on, held out."""
    if arguments.voc is not None:
        return tuple(read_voc(arguments.voc, split, arguments.limit) for split in ("train", "val"))  # type: ignore[return-value]
    if arguments.coco_stuff is not None:
        return _coco_stuff(arguments.coco_stuff, arguments.limit)
    return _labelled_photos(arguments)


def _coco_stuff(folder: Path, limit: int | None) -> tuple[list[Labelled], list[Labelled]]:
    """Its own val2017 is held out; where that is not there, some of train2017."""
    every = read_coco_stuff(folder, "train2017", limit)
    if (folder / "images" / "val2017").is_dir():
        return every, read_coco_stuff(folder, "val2017", min(limit or _HELD_OUT, _HELD_OUT))
    kept = [is_held_out(str(index), _HELD_OUT_ONE_IN) for index in range(len(every))]
    pairs = list(zip(every, kept, strict=True))
    return [one for one, out in pairs if not out], [one for one, out in pairs if out][:_HELD_OUT]


def _labelled_photos(arguments: argparse.Namespace) -> tuple[list[Labelled], list[Labelled]]:
    plan = read_recipe("kinema")
    if plan.large_photos is None:
        raise RecipeError("expected sharper photos in the recipe kinema, found none")
    plan = replace(
        plan,
        small_photos=plan.large_photos,
        large_photos=None,
        clips=None,
        encoder=None,
        memory=None,
        recall=None,
        held_out_one_in=_HELD_OUT_ONE_IN,
    )
    folder = Path(arguments.data)
    data = read_data(plan, folder, arguments.limit, _HELD_OUT)
    labels = arguments.labels if arguments.labels is not None else arguments.out / "labels"
    both = label_pictures(
        [*data.small, *data.held_out], labels, lambda: VocSegmenter(folder / SEGMENTER_FILE, arguments.threads)
    )
    return both[: len(data.small)], both[len(data.small) :]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train zhao, from an eccv16 or from noise.")
    usual, add = ZhaoRecipe(steps=2000), parser.add_argument
    add("--trunk", type=Path, metavar="FILE", help="weights of eccv16, of any width; without them: from noise")
    add("--width", type=int, help=f"channels of the first block (the trunk's, or {_WIDTH}; at most 64, the paper's)")
    add("--batch", type=int, default=usual.crops.count, help="pictures of a step (32)")
    add("--side", type=int, default=usual.crops.side_px, help="their side in pixels (64)")
    add("--rate", type=float, default=usual.rate, help=f"learning rate ({usual.rate:g}; from noise: 5e-4)")
    add("--branch-rate", type=float, default=usual.branch_rate, help="of the branch of the classes (0.001)")
    add("--warm-up", type=int, default=usual.warm_up_steps, help=f"steps of it ({usual.warm_up_steps}); 0: none")
    add("--colour-weight", type=float, default=usual.colour_weight, help="of the colour's loss (1)")
    add(
        "--segmentation-weight",
        type=float,
        default=usual.segmentation_weight,
        help="of the classes' loss (1; paper: 100)",
    )
    add("--norm", choices=get_args(Norm), default=usual.norm, help="batch norm while training (usual)")
    add("--flip", choices=get_args(Flip), default=usual.flip, help="what is mirrored together (picture)")
    add("--branch-steps", type=int, default=usual.branch_steps, help="steps in which the trunk stays as it is (0)")
    add("--weights-in-labels", action="store_true", help="class weights in the truth instead of over the places")
    add("--labels", type=Path, metavar="FOLDER", help="where the segmenter's labels lie (OUT/labels)")
    add("--voc", type=Path, metavar="FOLDER", help="VOC2012 with its own labels instead of the photos")
    add("--coco-stuff", type=Path, metavar="FOLDER", help="COCO-Stuff, likewise; 182 classes")
    add("--log-every", type=int, default=50, help="steps between lines of the log (50)")
    return parse_run(parser, steps=2000, seed=usual.seed, export="FILE")


if __name__ == "__main__":
    sys.exit(main())
