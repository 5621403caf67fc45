"""The trainer of `favc`'s refinement network, on top of a trained colour network, unrolled as it is used.

The authors train it on single pairs with an unrefined frame before; here the frame before is the refined one, without
its gradient, over a few frames: that is what it is given in a film.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.models.networks.favc import VARIANTS, FavcColour, FavcRefine
from kinemacolor.models.networks.favc_refinement import refinement_input
from kinemacolor.models.networks.mobile_trunk import MobileTrunk
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.training.favc_loss import RefineLoss, refine_loss
from kinemacolor.training.favc_shots import colour_shots
from kinemacolor.training.favc_start import begin_as_mean
from kinemacolor.training.loop import ParameterGroup, TrainingLoop
from kinemacolor.training.motion import MotionSettings
from kinemacolor.training.photos import Picture
from kinemacolor.training.precision import mixed_precision
from kinemacolor.training.proposing import frozen
from kinemacolor.training.shots import Shooting, ShotRecipe

__all__ = ["FavcRefineTrainer", "RefineRecipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineRecipe(ShotRecipe):
    """Everything that decides the result of a run, apart from data, speed and the colour network."""

    rate: float = 3e-4
    """Learning rate; the authors' is 1e-4."""
    width: int = 12
    """Channels of the finest level; the paper's are 32."""
    count: int = 3
    """Shots of a batch."""
    average: float = 0.99
    warm_up_steps: int = 40
    decay_share: float = 0.5
    start_share: float = 0.4
    """Of the frame before in the mean that the training begins with."""
    old_film_share: float = 0.3
    clip_share: float = 0.6
    motion: MotionSettings = field(default_factory=lambda: MotionSettings(frames=4, side_px=96, strides=(1, 1)))
    loss: RefineLoss = field(default_factory=lambda: RefineLoss(truth=0.1, calm=3.0, fade=3.0))
    """Weights of the terms. The truth counts little: it pulls a colour network that guesses towards grey."""


class FavcRefineTrainer(TrainingLoop):
    """A run.

    Args:
        out: Folder of the run; made if missing.
        recipe: What to do.
        colour: The trained colour network.
        encoder: What it was trained on.
        clips: (T, H, W, 3) uint8 sRGB each.
        photos: (H, W, 3) uint8 sRGB each.
        device: Where the networks run; pictures are always drawn on the CPU.

    Raises:
        ValueError: There is no clip or no photo that is large enough.
    """

    def __init__(
        self,
        out: Path,
        recipe: RefineRecipe,
        colour: FavcColour,
        encoder: MobileNetV2Encoder,
        clips: list[NDArray[np.uint8]],
        photos: list[Picture],
        *,
        device: torch.device | str = "cpu",
    ) -> None:
        self.recipe = recipe
        self._shooting = Shooting(recipe, clips, photos, rank=0, workers=1)
        torch.manual_seed(recipe.seed)
        layout = torch.channels_last
        net = FavcRefine(recipe.width)
        begin_as_mean(net, recipe.start_share)
        self.net = net.to(device=torch.device(device), memory_format=layout)  # type: ignore[call-overload]
        self._trunk, self._colour = frozen(MobileTrunk(encoder), device), frozen(colour, device)
        groups = [ParameterGroup("refine", list(self.net.parameters()), recipe.rate)]
        super().__init__(out, recipe, self.net, groups, device=device)

    def draw_loss(self) -> Tensor:
        """The loss of this step's shots, mean over the frames after the first."""
        shots = colour_shots(*self._shooting.draw(self.step))
        rng = np.random.default_rng((self.recipe.seed, self.step))
        colours = self._colours(shots.grey.to(self.device), int(rng.integers(VARIANTS)))
        grey, flow, truth = (planes.to(self.device) for planes in (shots.grey, shots.flow, shots.truth))
        refined, total = colours[0], torch.zeros((), device=self.device)
        for t in range(1, len(colours)):
            seen = refinement_input(refined, colours[t], grey[t - 1], grey[t], flow[t - 1])
            with mixed_precision(self.device):
                found = self.net(seen.planes.contiguous(memory_format=torch.channels_last)).float()
            total = total + refine_loss(seen, colours[t], found, truth[t], self.recipe.loss)
            refined = found.detach()
        return total / (len(colours) - 1)

    @torch.no_grad()
    def _colours(self, grey: Tensor, variant: int) -> Tensor:
        """(T, B, 3, H, W) one of the pictures of each frame, each frame alone."""
        flat = grey.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        with mixed_precision(self.device):
            features = self._trunk(flat.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last))
            colour = self._colour(flat, features).float()
        chosen: Tensor = colour[:, 3 * variant : 3 * variant + 3]
        return chosen.reshape(*grey.shape[:2], 3, *grey.shape[3:])
