"""The third stage of NoGAN: generator and critic against each other, shortly, until the stop rule says so.

The critic learns until its loss of one batch is below a bound; then the generator has one step; and so on (fastai 1,
`AdaptiveGANSwitcher`). One optimiser serves both: what has no gradient in a step is not touched by it.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kinemacolor.models.checkpoint import save_weights
from kinemacolor.models.networks.deoldify import Deoldify
from kinemacolor.training.deoldify_critic import Critic, accuracy, critic_loss, fooling_loss
from kinemacolor.training.deoldify_figures import HeldOut
from kinemacolor.training.deoldify_pictures import Pairs
from kinemacolor.training.deoldify_pretraining import freeze_encoder
from kinemacolor.training.deoldify_recipe import NoGanRecipe
from kinemacolor.training.feature_loss import FeatureLoss
from kinemacolor.training.loop import LogLine, ParameterGroup, Schedule, TrainingLoop, seeded
from kinemacolor.training.photos import Picture
from kinemacolor.training.precision import mixed_precision
from kinemacolor.training.stop_rule import best_look, inflection

__all__ = ["BEST_FILE", "GanTrainer"]

BEST_FILE = "best.safetensors"
"""The generator at the best look, in the folder of the run."""
_WATCHED = "held_out_frechet"
"""The figure of the stop rule: FeatureLoss is worst from the first step on, as the generator leaves what it was best
at, and distances from the truth punish every courage. Whether pictures look like photos is what the critic is for."""


class GanTrainer(TrainingLoop):
    """A run. It begins with the critic's turn.

    Args:
        out: Folder of the run; made if missing.
        recipe: What to do.
        photos: (H, W, 3) uint8 RGB each.
        generator: Trained; trained further in place.
        critic: Trained on its pictures; trained further in place.
        loss: To which the critic's word is added.
        held_out: Photos that the stop rule looks at.
        steps: Longest length of the run; None: the recipe's.

    Attributes:
        looks: The watched figure, at the start and at each line of the log.
        critic_turn: Whether the next step is the critic's.
    """

    def __init__(
        self,
        out: Path,
        recipe: NoGanRecipe,
        photos: Sequence[Picture],
        generator: Deoldify,
        critic: Critic,
        loss: FeatureLoss,
        held_out: HeldOut,
        *,
        steps: int | None = None,
    ) -> None:
        self._recipe, self._loss, self._held_out = recipe, loss, held_out
        self._pairs = Pairs(photos, recipe.changes, recipe.noise, recipe.seed)
        self.generator, self.critic = generator, critic
        self.looks: list[float] = []
        self.critic_turn = True
        both = nn.ModuleDict({"generator": generator, "critic": critic})
        rate = recipe.gan.rate
        groups = [
            ParameterGroup("generator", list(generator.parameters()), rate),
            ParameterGroup("critic", list(critic.parameters()), rate * recipe.gan.critic_rate_factor),
        ]
        longest = max(1, round(recipe.gan.passes * len(photos) / recipe.gan.count))
        schedule = Schedule(steps=steps or longest, weight_decay=recipe.weight_decay, seed=recipe.seed)
        super().__init__(out, schedule, both.to(memory_format=torch.channels_last), groups)  # type: ignore[call-overload]

    @property
    def inflection(self) -> int | None:
        """The look at which the run should have ended, if the stop rule has fired."""
        return inflection(self.looks, self._recipe.gan.stop)

    def is_finished(self) -> bool:
        """Whether the stop rule has fired or the budget is spent."""
        return self.inflection is not None or super().is_finished()

    def set_rates(self) -> None:
        """The same at every step."""
        for group in self.optimiser.param_groups:
            group["lr"], group["betas"] = group["peak"], self._recipe.gan.betas

    def train_step(self) -> float:
        """One step of whose turn it is; then, maybe, it is the other's."""
        if not self.looks:
            self._look()
        value = super().train_step()
        self.critic_turn = not self.critic_turn or value >= self._recipe.gan.switch_below
        return value

    def draw_loss(self) -> Tensor:
        """The loss of whose turn it is."""
        gan = self._recipe.gan
        seeded(self._recipe.seed, self.step)
        grey, truth = self._pairs.draw(self.step, gan.side_px, gan.count)
        self.critic.requires_grad_(self.critic_turn)
        freeze_encoder(self.generator, frozen=True)
        with mixed_precision(torch.device("cpu")):
            return self._of_critic(grey, truth) if self.critic_turn else self._of_generator(grey, truth)

    def _of_critic(self, grey: Tensor, truth: Tensor) -> Tensor:
        with torch.no_grad():
            made = self.generator(grey).float()
        real, false = self.critic(truth), self.critic(made)
        loss = critic_loss(real, false)
        self.parts.add({"critic_loss": loss, "critic_accuracy": accuracy(real, false)})
        return loss

    def _of_generator(self, grey: Tensor, truth: Tensor) -> Tensor:
        made = self.generator(grey).float()
        fooling, (distance, _) = fooling_loss(self.critic(made)), self._loss(made, truth)
        self.parts.add({"fooling_loss": fooling, "feature_loss": distance})
        return fooling + self._recipe.gan.feature_weight * distance

    def measure(self) -> LogLine:
        """Parts of the losses, and a look at the held-out photos."""
        return super().measure() | self._look()

    def _look(self) -> LogLine:
        """Measure; if nothing was better so far, keep the generator."""
        found = self._held_out.measure(self.generator)
        self.looks.append(found[_WATCHED])
        if best_look(self.looks, self._recipe.gan.stop) == len(self.looks) - 1:
            part = self.out / f"{BEST_FILE}.part"
            save_weights(part, self.generator, torch.float32)
            os.replace(part, self.out / BEST_FILE)
        return found

    def more_state(self) -> dict[str, object]:
        """Whose turn it is, and what was seen."""
        return {"critic_turn": self.critic_turn, "looks": self.looks}

    def take_more_state(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.critic_turn, self.looks = bool(state["critic_turn"]), list(state["looks"])
