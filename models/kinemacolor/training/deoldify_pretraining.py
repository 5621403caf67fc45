"""The first two stages of NoGAN: a generator that learns by FeatureLoss; a critic that learns to tell its pictures."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from kinemacolor.models.networks.deoldify import Deoldify
from kinemacolor.models.networks.imagenet import normalised
from kinemacolor.training.deoldify_critic import Critic, accuracy, critic_loss, judged
from kinemacolor.training.deoldify_figures import HeldOut
from kinemacolor.training.deoldify_pictures import Pairs
from kinemacolor.training.deoldify_recipe import NoGanRecipe
from kinemacolor.training.feature_loss import FeatureLoss
from kinemacolor.training.loop import LogLine, ParameterGroup, Schedule, seeded
from kinemacolor.training.one_cycle import Phase, phase_ends
from kinemacolor.training.phased_trainer import PhasedTrainer
from kinemacolor.training.photos import Picture
from kinemacolor.training.precision import mixed_precision

__all__ = ["CriticTrainer", "GeneratorTrainer", "freeze_encoder", "generator_layers"]

_SPLIT = 6
"""Child of the encoder at which fastai splits it: the last two stages learn faster than what is before them."""
_JUDGED_AT_A_TIME = 32


def generator_layers(net: Deoldify) -> tuple[nn.Module, nn.Module, nn.Module]:
    """The first layers of the encoder, its last two stages, and all that comes after it."""
    encoder, *rest = net.layers
    stages = list(encoder.children())
    return nn.ModuleList(stages[:_SPLIT]), nn.ModuleList(stages[_SPLIT:]), nn.ModuleList(rest)


def freeze_encoder(net: Deoldify, frozen: bool) -> None:
    """Keep the encoder from learning, or not; its batch norms always learn, as with fastai."""
    for layer in net.layers[0].modules():
        if not isinstance(layer, nn.BatchNorm2d):
            for parameter in layer.parameters(recurse=False):
                parameter.requires_grad_(not frozen)


class GeneratorTrainer(PhasedTrainer):
    """The first stage.

    Args:
        out: Folder of the run; made if missing.
        recipe: What to do.
        photos: (H, W, 3) uint8 RGB each.
        loss: To learn by.
        held_out: Photos to measure on.
        start: State of a network of this recipe to begin with; None: noise.
        steps: Length of the run; None: as long as the recipe's phases are.
    """

    def __init__(
        self,
        out: Path,
        recipe: NoGanRecipe,
        photos: Sequence[Picture],
        loss: FeatureLoss,
        held_out: HeldOut,
        *,
        start: dict[str, Tensor] | None = None,
        steps: int | None = None,
    ) -> None:
        self._loss, self._held_out = loss, held_out
        self._pairs = Pairs(photos, recipe.changes, recipe.noise, recipe.seed)
        torch.manual_seed(recipe.seed)
        net = Deoldify(recipe.network)
        if start is not None:
            net.load_state_dict(start)
        self.net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        groups = [
            ParameterGroup(name, list(layers.parameters()), recipe.generator[0].rate)
            for name, layers in zip(("first", "encoder", "decoder"), generator_layers(self.net), strict=True)
        ]
        ends, schedule = _planned(recipe, recipe.generator, len(photos), steps)
        super().__init__(out, schedule, recipe.generator, ends, self.net, groups)

    def draw_loss(self) -> Tensor:
        """FeatureLoss of this step's crops."""
        phase = self.place.phase
        freeze_encoder(self.net, phase.frozen)
        grey, truth = self._pairs.draw(self.step, phase.side_px, phase.count)
        with mixed_precision(torch.device("cpu")):
            loss, parts = self._loss(self.net(grey), truth)
        self.parts.add(parts)
        return loss

    def measure(self) -> LogLine:
        """Parts of the loss, and the figures of the held-out photos."""
        return super().measure() | self._held_out.measure(self.net)


class CriticTrainer(PhasedTrainer):
    """The second stage: half of each batch are photos, half other photos that the generator coloured.

    The authors colour 8.5 % of their photos once, and take the pictures of ImageNet's test set as real ones.

    Args:
        out: Folder of the run; made if missing.
        recipe: What to do.
        photos: (H, W, 3) uint8 RGB each.
        generator: Whose pictures are to be told from photos; stays as it is.
        held_out: Photos to measure on.
        start: State of a critic of this recipe, to go on with at a repeat; None: noise.
        steps: Length of the run; None: as long as the recipe's phases are.
    """

    def __init__(
        self,
        out: Path,
        recipe: NoGanRecipe,
        photos: Sequence[Picture],
        generator: Deoldify,
        held_out: HeldOut,
        *,
        start: dict[str, Tensor] | None = None,
        steps: int | None = None,
    ) -> None:
        self._recipe = recipe
        self._generator = generator.eval().requires_grad_(False)
        self._real, self._made = normalised(held_out.rgb), held_out.coloured(generator)
        self._pairs = Pairs(photos, recipe.critic_changes, recipe.noise, recipe.seed)
        torch.manual_seed(recipe.seed)
        net = Critic(recipe.critic_width)
        if start is not None:
            net.load_state_dict(start)
        self.net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        phases = recipe.critic if start is None else recipe.critic_again
        ends, schedule = _planned(recipe, phases, len(photos), steps)
        groups = [ParameterGroup("critic", list(self.net.parameters()), phases[0].rate)]
        super().__init__(out, schedule, phases, ends, self.net, groups)

    def draw_loss(self) -> Tensor:
        """Cross-entropy of this step's crops, in nats."""
        phase, half = self.place.phase, self.place.phase.count // 2
        seeded(self._recipe.seed, self.step)
        grey, truth = self._pairs.draw(self.step, phase.side_px, 2 * half)
        with mixed_precision(torch.device("cpu")):
            with torch.no_grad():
                made = self._generator(grey[half:]).float()
            real, false = self.net(torch.cat((truth[:half], made))).split(half)
        self.parts.add({"accuracy": accuracy(real, false)})
        return critic_loss(real, false)

    def measure(self) -> LogLine:
        """How well held-out photos are told from what the generator made of them."""
        real, made = (judged(self.net, pictures, _JUDGED_AT_A_TIME) for pictures in (self._real, self._made))
        found = {"held_out_loss": critic_loss(real, made), "held_out_accuracy": accuracy(real, made)}
        return super().measure() | {name: float(value) for name, value in found.items()}


def _planned(
    recipe: NoGanRecipe, phases: Sequence[Phase], photos: int, steps: int | None
) -> tuple[list[int], Schedule]:
    ends = phase_ends(phases, photos, steps)
    return ends, Schedule(steps=ends[-1], weight_decay=recipe.weight_decay, seed=recipe.seed)
