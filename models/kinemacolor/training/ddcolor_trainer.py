"""The trainer of DDColor, with or without its critic.

With one, both learn in the same step, as in the authors' code: the network from what the critic says of its pictures,
the critic from these and the targets. The critic is DeOldify's, whose layout the authors took over; here it has its
dropout, too.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from kinemacolor.models.color import srgb_to_lab
from kinemacolor.models.networks.ddcolor import DDColor
from kinemacolor.models.networks.imagenet import normalised
from kinemacolor.training.ddcolor_figures import HeldOut, coloured
from kinemacolor.training.ddcolor_loss import DDColorLoss, enhanced, joined
from kinemacolor.training.ddcolor_recipe import DDColorRecipe
from kinemacolor.training.deoldify_critic import Critic, accuracy, critic_loss, fooling_loss
from kinemacolor.training.loop import LogLine, ParameterGroup, TrainingLoop, seeded
from kinemacolor.training.photos import CropSettings, Picture, sample_crops
from kinemacolor.training.precision import mixed_precision

__all__ = ["NETWORK_PREFIX", "DDColorTrainer"]

NETWORK_PREFIX = "net."
"""Of the names of the network's tensors in a checkpoint."""


class DDColorTrainer(TrainingLoop):
    """A run.

    Args:
        out: Folder of the run; made if missing.
        recipe: What to do.
        photos: (H, W, 3) uint8 RGB each.
        loss: To learn by, apart from the critic's word.
        held_out: Photos to measure on; None: nothing is measured.
        rank: Number of this process among those that share the batch.
        workers: How many there are.
        device: Where the networks run; pictures are always drawn on the CPU.
    """

    def __init__(
        self,
        out: Path,
        recipe: DDColorRecipe,
        photos: Sequence[Picture],
        loss: DDColorLoss,
        held_out: HeldOut | None,
        *,
        rank: int = 0,
        workers: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        self.recipe, self._photos, self._loss, self._held_out = recipe, photos, loss, held_out
        torch.manual_seed(recipe.seed)
        self.net = DDColor(recipe.network)
        self.critic = Critic(recipe.critic_width) if recipe.critic_width > 0 else None
        both = nn.ModuleDict({"net": self.net} | ({} if self.critic is None else {"critic": self.critic}))
        groups = [ParameterGroup("net", list(self.net.parameters()), recipe.rate)]
        if self.critic is not None:
            groups.append(ParameterGroup("critic", list(self.critic.parameters()), recipe.critic_rate))
        both = both.to(device=torch.device(device), memory_format=torch.channels_last)  # type: ignore[call-overload]
        super().__init__(out, recipe, both, groups, rank=rank, workers=workers, device=device)
        for group in self.optimiser.param_groups:
            group["betas"] = recipe.betas
            group["weight_decay"] = recipe.weight_decay if group["name"] == "net" else 0.0

    def crops(self) -> CropSettings:
        """Those of the next step."""
        late = self.schedule.elapsed_share(self.step, self.minutes) >= 1.0 - self.recipe.late_share
        return self.recipe.late_crops if late and self.recipe.late_crops is not None else self.recipe.crops

    def draw_loss(self) -> Tensor:
        """The loss of this step's crops; with a critic, its own loss is added."""
        seeded(self.recipe.seed, self.step)
        crops, rng = self.crops(), np.random.default_rng((self.recipe.seed, self.step, self.rank))
        rgb = sample_crops(self._photos, replace(crops, count=crops.count // self.workers), rng).to(self.device)
        lab, target = srgb_to_lab(rgb), enhanced(rgb, self.recipe.loss.enhancement)
        ab = coloured(self.net, lab[:, :1])
        made = joined(lab[:, :1], ab)
        with mixed_precision(self.device):
            loss, terms = self._loss(ab, lab[:, 1:], made, target)
            self.parts.add(terms)
            return loss if self.critic is None else loss + self._adversarial(self.critic, made, target)

    def _adversarial(self, critic: Critic, made: Tensor, target: Tensor) -> Tensor:
        """Two losses in one: neither network's parameters get a gradient from the other's."""
        critic.requires_grad_(False)
        fooling = self.recipe.loss.fooling * fooling_loss(critic(normalised(made)))
        critic.requires_grad_(True)
        real, false = critic(normalised(target)), critic(normalised(made.detach()))
        learned = critic_loss(real, false)
        self.parts.add({"fooling": fooling, "critic_loss": learned, "critic_accuracy": accuracy(real, false)})
        return fooling + learned

    def measure(self) -> LogLine:
        """Terms of the loss, and the figures of the held-out photos."""
        return super().measure() | ({} if self._held_out is None else self._held_out.measure(self.net))
