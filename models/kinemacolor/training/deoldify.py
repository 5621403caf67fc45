"""Train DeOldify with NoGAN: `python -m kinemacolor.training.deoldify --out DIR --stage generator`, then critic, gan.

A stage with a checkpoint is gone on with. Each has a folder in the run's, named after it; from the second repeat on,
`critic-2`, `gan-2` and so on. Pictures and the network of FeatureLoss are those of the recipe `kinema`, from the folder
that KINEMACOLOR_DATA names (or --data). With --export the stage's generator is written as safetensors, whose tensors
have the names of those in the authors' files.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from kinemacolor.models.checkpoint import load_weights, save_weights
from kinemacolor.models.networks.deoldify import Deoldify
from kinemacolor.training.data import TrainingData
from kinemacolor.training.deoldify_critic import Critic
from kinemacolor.training.deoldify_figures import HeldOut
from kinemacolor.training.deoldify_gan import BEST_FILE, GanTrainer
from kinemacolor.training.deoldify_pretraining import CriticTrainer, GeneratorTrainer
from kinemacolor.training.deoldify_recipe import NOGAN_RECIPES, NoGanRecipe
from kinemacolor.training.errors import RecipeError
from kinemacolor.training.feature_loss import FeatureLoss
from kinemacolor.training.loop import TrainingLoop
from kinemacolor.training.photo_data import SMALL_PHOTOS_PX, read_photo_data
from kinemacolor.training.photos import Picture
from kinemacolor.training.recipe import Watch
from kinemacolor.training.run_command import carry_out, checkpoint_of, keep_recipe, parse_run
from kinemacolor.training.trunk import pretrained_trunk
from kinemacolor.training.watch import Watcher

__all__ = ["main"]

_log = logging.getLogger(__name__)

_HELD_OUT = 256
_ON_SHEET = 12
_WATCH = Watch(early_steps=0, sheet_minutes=4.0, checkpoint_minutes=2.0)


@dataclass(frozen=True, slots=True)
class _Stage:
    """What a stage is made of."""

    run: Path
    repeat: int
    recipe: NoGanRecipe
    photos: list[Picture]
    loss: FeatureLoss
    held_out: HeldOut
    steps: int | None
    start: Path | None

    def folder(self, name: str) -> Path:
        return _folder(self.run, name, self.repeat)

    def generator(self) -> Deoldify:
        """That of the stage before."""
        net = Deoldify(self.recipe.network)
        if self.repeat == 1:
            net.load_state_dict(checkpoint_of(_folder(self.run, "generator", 1))["net"])
        else:
            load_weights(_best_of(_folder(self.run, "gan", self.repeat - 1)), net)
        return net


def main() -> int:
    """Train or export."""
    arguments = _arguments()
    return carry_out(arguments, _train, lambda run, out: _export(run, out, arguments))


def _train(arguments: argparse.Namespace) -> None:
    recipe = replace(NOGAN_RECIPES[arguments.recipe], seed=arguments.seed)
    folder = _folder(arguments.out, arguments.stage, arguments.repeat)
    # The stop rule of the last stage counts looks; of the others they change nothing.
    looks = {"log_every": arguments.log_every} if arguments.stage == "gan" else {}
    keep_recipe(folder, {**asdict(recipe), **looks}, added=tuple(looks))
    data = _read(arguments, recipe)
    loss = FeatureLoss(pretrained_trunk(data), recipe.loss)
    held_out = HeldOut(data.held_out, recipe.gan.side_px, loss)
    stage = _Stage(
        arguments.out, arguments.repeat, recipe, data.small, loss, held_out, arguments.steps, arguments.start
    )
    trainer, net = _STAGES[arguments.stage](stage)
    if trainer.resume():
        _log.info("going on at step %d", trainer.step)
    watcher = Watcher(trainer, _WATCH, lambda: held_out.sheet(net, _ON_SHEET))
    trainer.run(arguments.log_every, _WATCH.checkpoint_minutes, watcher)
    if isinstance(trainer, GanTrainer):
        _log.info("the stop rule %s", "has not fired" if trainer.inflection is None else "has fired")


def _generator_stage(stage: _Stage) -> tuple[TrainingLoop, Deoldify]:
    start = None if stage.start is None else _state_of(stage.start, stage.recipe)
    out = stage.folder("generator")
    trainer = GeneratorTrainer(
        out, stage.recipe, stage.photos, stage.loss, stage.held_out, start=start, steps=stage.steps
    )
    return trainer, trainer.net


def _critic_stage(stage: _Stage) -> tuple[TrainingLoop, Deoldify]:
    generator, start = stage.generator(), None
    if stage.repeat > 1:
        before = checkpoint_of(_folder(stage.run, "critic", stage.repeat - 1))
        start = before["net"]
    out = stage.folder("critic")
    trainer = CriticTrainer(out, stage.recipe, stage.photos, generator, stage.held_out, start=start, steps=stage.steps)
    return trainer, generator


def _gan_stage(stage: _Stage) -> tuple[TrainingLoop, Deoldify]:
    generator, critic = stage.generator(), Critic(stage.recipe.critic_width)
    critic.load_state_dict(checkpoint_of(stage.folder("critic"))["net"])
    trainer = GanTrainer(
        stage.folder("gan"),
        stage.recipe,
        stage.photos,
        generator,
        critic,
        stage.loss,
        stage.held_out,
        steps=stage.steps,
    )
    return trainer, generator


_STAGES: Mapping[str, Callable[[_Stage], tuple[TrainingLoop, Deoldify]]] = MappingProxyType(
    {"generator": _generator_stage, "critic": _critic_stage, "gan": _gan_stage}
)


def _read(arguments: argparse.Namespace, recipe: NoGanRecipe) -> TrainingData:
    return read_photo_data(arguments, _HELD_OUT, large=recipe.gan.side_px > SMALL_PHOTOS_PX)


def _state_of(path: Path, recipe: NoGanRecipe) -> dict[str, Tensor]:
    net = Deoldify(recipe.network)
    load_weights(path, net)
    return net.state_dict()


def _folder(run: Path, stage: str, repeat: int) -> Path:
    return run / (stage if repeat == 1 else f"{stage}-{repeat}")


def _best_of(gan: Path) -> Path:
    path = gan / BEST_FILE
    if not path.exists():
        raise RecipeError(f"{gan}: expected a run with a generator, found none")
    return path


def _export(run: Path, out: Path, arguments: argparse.Namespace) -> None:
    net = Deoldify(NOGAN_RECIPES[arguments.recipe].network)
    folder = _folder(run, arguments.stage, arguments.repeat)
    if arguments.stage == "gan":
        load_weights(_best_of(folder), net)
    elif arguments.stage == "generator":
        net.load_state_dict(checkpoint_of(folder)["net"])
    else:
        raise RecipeError("expected --stage generator or gan to export, found critic")
    out.parent.mkdir(parents=True, exist_ok=True)
    _log.info("%s exported, sha256 %s", folder, save_weights(out, net, torch.float32))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train DeOldify with NoGAN, one stage after the other.")
    add = parser.add_argument
    add("--stage", choices=sorted(_STAGES), required=True, help="generator, then critic, then gan")
    add("--recipe", choices=sorted(NOGAN_RECIPES), default="artistic-cpu", help="what to train (artistic-cpu)")
    add("--repeat", type=int, default=1, help="which round of critic and gan (1)")
    add("--start", type=Path, help="exported generator that the first stage begins with")
    add(
        "--log-every",
        type=int,
        default=50,
        help="steps between looks at held-out photos; the stage gan counts them (50)",
    )
    return parse_run(parser, steps=None, seed=NOGAN_RECIPES["artistic"].seed, export="FILE")


if __name__ == "__main__":
    sys.exit(main())
