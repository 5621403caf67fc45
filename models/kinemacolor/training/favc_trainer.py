"""The trainer of `favc`'s colour network: four colour pictures of a grey frame, from pairs of neighbouring frames."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.models.networks.favc import FavcColour
from kinemacolor.models.networks.mobile_trunk import TRUNK_CHANNELS, MobileTrunk
from kinemacolor.models.networks.mobilenet_v2 import MobileNetV2Encoder
from kinemacolor.training.favc_loss import ColourLoss, Pair, colour_loss
from kinemacolor.training.favc_shots import ColourShots, colour_shots
from kinemacolor.training.favc_start import begin_as_grey
from kinemacolor.training.loop import ParameterGroup, TrainingLoop
from kinemacolor.training.motion import MotionSettings
from kinemacolor.training.photos import Picture
from kinemacolor.training.precision import mixed_precision
from kinemacolor.training.proposing import frozen
from kinemacolor.training.shots import Shooting, ShotRecipe

__all__ = ["ColourRecipe", "FavcColourTrainer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourRecipe(ShotRecipe):
    """Everything that decides the result of a run, apart from data and speed."""

    rate: float = 4e-4
    """Learning rate; the authors' is 1e-4. At 1.5e-3 nothing was learned in 150 steps."""
    width: int = 12
    """Channels of the finest level; the paper's are 32."""
    count: int = 2
    """Pairs of a batch."""
    average: float = 0.99
    warm_up_steps: int = 40
    decay_share: float = 0.5
    old_film_share: float = 0.0
    clip_share: float = 0.25
    motion: MotionSettings = field(default_factory=lambda: MotionSettings(frames=2, side_px=64))
    loss: ColourLoss = field(default_factory=ColourLoss)
    """Weights of the terms of the loss."""


class FavcColourTrainer(TrainingLoop):
    """A run.

    Args:
        out: Folder of the run; made if missing.
        recipe: What to do.
        encoder: In the place of VGG19, for the column and for the perceptual distances.
        clips: (T, H, W, 3) uint8 sRGB each.
        photos: (H, W, 3) uint8 sRGB each.
        device: Where the networks run; pictures are always drawn on the CPU.

    Raises:
        ValueError: There is no clip or no photo that is large enough.
    """

    def __init__(
        self,
        out: Path,
        recipe: ColourRecipe,
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
        net = FavcColour(TRUNK_CHANNELS, recipe.width)
        begin_as_grey(net)
        self.net = net.to(device=torch.device(device), memory_format=layout)  # type: ignore[call-overload]
        self._trunk = frozen(MobileTrunk(encoder), device)
        groups = [ParameterGroup("favc", list(self.net.parameters()), recipe.rate)]
        super().__init__(out, recipe, self.net, groups, device=device)

    def draw_loss(self) -> Tensor:
        """The loss of this step's pairs."""
        shots = colour_shots(*self._shooting.draw(self.step))
        with mixed_precision(self.device):
            return colour_loss(self._coloured(shots), self._features, self.recipe.loss)

    def _coloured(self, shots: ColourShots) -> Pair:
        grey = shots.grey.flatten(0, 1).to(self.device)
        with torch.no_grad():
            features = self._trunk(_layout(grey.expand(-1, 3, -1, -1)))
        colour = self.net(_layout(grey), features).float()
        before, after = colour.view(2, -1, *colour.shape[1:]).unbind()
        truth = shots.truth.to(self.device)
        return Pair(before, after, truth[0], truth[1], shots.flow[0].to(self.device))

    def _features(self, rgb: Tensor) -> list[Tensor]:
        taps: list[Tensor] = self._trunk(_layout(rgb))
        return taps


def _layout(planes: Tensor) -> Tensor:
    return planes.contiguous(memory_format=torch.channels_last)
