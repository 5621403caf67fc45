"""The trainer of the memory of `kinema`, on top of a trained frame network that stays as it is.

Half of the shots are pieces of clips, half are made of photos (`training.motion`); a share of both is put through the
model of old film, one film a shot, with fresh grain and sometimes flicker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.models.color import srgb_to_lab
from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.models.networks.memory import CELL, MemoryNet
from kinemacolor.models.temporal import Cells, TemporalSettings, observe
from kinemacolor.training.cut_outs import CutOut
from kinemacolor.training.loop import ParameterGroup, TrainingLoop
from kinemacolor.training.memory_loss import MemoryLoss, Shots, memory_loss
from kinemacolor.training.motion import MovingPicture
from kinemacolor.training.photos import Picture
from kinemacolor.training.proposing import frozen, propose, unflatten
from kinemacolor.training.shots import Shooting, ShotRecipe

__all__ = ["MemoryRecipe", "MemoryTrainer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRecipe(ShotRecipe):
    """Everything that decides the result of a run, apart from data and speed."""

    rate: float = 3e-3
    """Learning rate."""
    loss: MemoryLoss = field(default_factory=MemoryLoss)
    """Weights of the parts of the loss."""


class MemoryTrainer(TrainingLoop):
    """A run of the memory.

    Args:
        out: Folder of the run; made if missing.
        recipe: What to do.
        frame: The trained frame network, folded.
        clips: (T, H, W, 3) uint8 sRGB each.
        photos: (H, W, 3) uint8 sRGB each.
        cut_outs: Objects of made shots, if the recipe has some.
        start: State to begin with; None: as it is made.
        rank: Number of this process among those that share the batch.
        workers: How many there are.
        device: Where the networks run; pictures are always drawn on the CPU.

    Raises:
        ValueError: There is no clip or no photo that is large enough, or the recipe wants things and there are none.
    """

    def __init__(
        self,
        out: Path,
        recipe: MemoryRecipe,
        frame: KinemaNet,
        clips: list[NDArray[np.uint8]],
        photos: list[Picture],
        *,
        cut_outs: Sequence[CutOut] = (),
        start: Mapping[str, Tensor] | None = None,
        rank: int = 0,
        workers: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        self.recipe = recipe
        self._shooting = Shooting(recipe, clips, photos, cut_outs=cut_outs, rank=rank, workers=workers)
        torch.manual_seed(recipe.seed)
        self.net = MemoryNet().to(device)
        if start is not None:
            self.net.load_state_dict(start)
        self._frame = frozen(frame, device)
        group = ParameterGroup("memory", list(self.net.parameters()), recipe.rate)
        super().__init__(out, recipe, self.net, [group], rank=rank, workers=workers, device=device)

    def draw_loss(self) -> Tensor:
        """The loss of this step's shots."""
        pictures, lightness = self._shooting.draw(self.step)
        return memory_loss(
            self.net, self._look(pictures, lightness.to(self.device)), TemporalSettings(), self.recipe.loss
        )

    def _look(self, pictures: list[MovingPicture], lightness: Tensor) -> Shots:
        rgb = torch.stack([picture.rgb for picture in pictures], dim=1)
        lab = unflatten(F.avg_pool2d(srgb_to_lab(rgb.flatten(0, 1)), CELL), rgb).to(self.device)
        ab, confidence = (unflatten(planes, rgb) for planes in propose(self._frame, lightness.flatten(0, 1)))
        observed = tuple(map(self._observe, lightness, ab, confidence))
        origin = torch.stack([picture.origin for picture in pictures], dim=1).to(self.device)
        seen = torch.stack([picture.seen for picture in pictures], dim=1).to(self.device)
        return Shots(observed, lab, origin, seen)

    def _observe(self, lightness: Tensor, ab: Tensor, confidence: Tensor) -> Cells:
        return observe(self.net, lightness, ab, confidence)
