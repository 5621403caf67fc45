"""The trainer of the bank of `kinema`, on top of a frame network and a memory that stay as they are.

Each shot gets a bank of one or two pictures, as a film may have them: a frame with its true colours, whole or with a
blob of them as hints leave it; a frame with the colours of the frame network and modest confidence, as a key frame
of the shot would be; and frames of another shot, that nothing is to be taken from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.models.bank import Bank
from kinemacolor.models.color import srgb_to_lab
from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.models.networks.memory import CELL, MemoryNet
from kinemacolor.models.networks.recall import RecallNet
from kinemacolor.models.shot_memory import ShotNets
from kinemacolor.models.temporal import Cells, TemporalSettings, observe
from kinemacolor.training.blobs import draw_blob
from kinemacolor.training.loop import ParameterGroup, TrainingLoop
from kinemacolor.training.motion import MovingPicture
from kinemacolor.training.photos import Picture
from kinemacolor.training.proposing import frozen, propose, unflatten
from kinemacolor.training.recall_loss import GuidedShot, RecallLoss, recall_loss
from kinemacolor.training.shots import Shooting, ShotRecipe

__all__ = ["BankSettings", "RecallRecipe", "RecallTrainer"]

_SOFT_PX = 0.5  # of a blob's border, in cells


@dataclass(frozen=True, slots=True, kw_only=True)
class BankSettings:
    """What the made banks hold."""

    pairs: float = 0.3
    """Share of the banks with two pictures; the others have one."""
    strangers: float = 0.15
    """Share of the pictures that are of another shot."""
    hints: float = 0.35
    """Share of the pictures that are known in a blob only."""
    asked: int = 4
    """Frames of a shot in which the first picture's places are sought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallRecipe(ShotRecipe):
    """Everything that decides the result of a run, apart from data and speed."""

    rate: float = 2e-3
    """Learning rate."""
    bank: BankSettings = field(default_factory=BankSettings)
    """What the banks hold."""
    loss: RecallLoss = field(default_factory=RecallLoss)
    """Weights of the parts of the loss."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """The shots of one step: T frames of B shots."""

    observed: Sequence[Cells]
    """T frames."""
    keys: Tensor
    """(T, B, 32, h / 2, w / 2)."""
    lab: Tensor
    """(T, B, 3, h, w)."""
    pictures: Sequence[MovingPicture]
    """B."""


class RecallTrainer(TrainingLoop):
    """A run of the bank.

    Args:
        out: Folder of the run; made if missing.
        recipe: What to do.
        frame: The trained frame network, folded.
        memory: The trained memory.
        clips: (T, H, W, 3) uint8 sRGB each.
        photos: (H, W, 3) uint8 sRGB each.
        start: State to begin with; None: as it is made.
        rank: Number of this process among those that share the batch.
        workers: How many there are.
        device: Where the networks run; pictures are always drawn on the CPU.

    Raises:
        ValueError: There is no clip or no photo that is large enough.
    """

    def __init__(
        self,
        out: Path,
        recipe: RecallRecipe,
        frame: KinemaNet,
        memory: MemoryNet,
        clips: list[NDArray[np.uint8]],
        photos: list[Picture],
        *,
        start: Mapping[str, Tensor] | None = None,
        rank: int = 0,
        workers: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        self.recipe = recipe
        self._shooting = Shooting(recipe, clips, photos, rank=rank, workers=workers)
        torch.manual_seed(recipe.seed)
        self.net = RecallNet().to(device)
        if start is not None:
            self.net.load_state_dict(start)
        self._memory = memory.eval().requires_grad_(False).to(device)
        self._nets = ShotNets(self._memory, self.net)
        self._frame = frozen(frame, device)
        group = ParameterGroup("recall", list(self.net.parameters()), recipe.rate)
        super().__init__(out, recipe, self.net, [group], rank=rank, workers=workers, device=device)

    def draw_loss(self) -> Tensor:
        """The loss of this step's shots."""
        pictures, lightness = self._shooting.draw(self.step)
        seen = self._look(pictures, lightness.to(self.device))
        # Draws of its own beside those of the shots.
        rng = np.random.default_rng((self.recipe.seed, self.step, self.rank, 1))
        losses = []
        for shot in range(len(pictures)):
            loss, parts = recall_loss(self._nets, self._guide(seen, shot, rng), TemporalSettings(), self.recipe.loss)
            self.parts.add(parts)
            losses.append(loss)
        return torch.stack(losses).mean()

    def _look(self, pictures: Sequence[MovingPicture], lightness: Tensor) -> _Seen:
        rgb = torch.stack([picture.rgb for picture in pictures], dim=1)
        flat = lightness.flatten(0, 1)
        lab = F.avg_pool2d(srgb_to_lab(rgb.flatten(0, 1)), CELL).to(self.device)
        with torch.no_grad():
            ab, confidence = (unflatten(planes, rgb) for planes in propose(self._frame, flat))
            observed = [observe(self._memory, *planes) for planes in zip(lightness, ab, confidence, strict=True)]
        return _Seen(observed, unflatten(self.net.key(flat), rgb), unflatten(lab, rgb), pictures)

    def _guide(self, seen: _Seen, shot: int, rng: np.random.Generator) -> GuidedShot:
        """One of the shots, with a bank."""
        settings, frames = self.recipe.bank, len(seen.observed)
        places = []
        for _ in range(2 if rng.random() < settings.pairs else 1):
            stranger = rng.random() < settings.strangers
            places.append((int(rng.integers(frames)), (shot + stranger) % seen.lab.shape[1]))
        cells = torch.stack([self._keep(seen, *place, rng) for place in places])
        keys = torch.stack([seen.keys[place] for place in places])
        picture = seen.pictures[shot]
        return GuidedShot(
            observed=[_only(cells_of_frame, shot) for cells_of_frame in seen.observed],
            keys=seen.keys[:, shot],
            lab=seen.lab[:, shot],
            origin=picture.origin.to(self.device),
            seen=picture.seen.to(self.device),
            bank=Bank(cells, keys),
            source=places[0][0] if places[0][1] == shot else None,
            asked=[int(t) for t in rng.choice(frames, min(settings.asked, frames), replace=False)],
        )

    def _keep(self, seen: _Seen, frame: int, shot: int, rng: np.random.Generator) -> Tensor:
        """(12, h, w): a frame as the bank keeps it."""
        settings = self.recipe.bank
        cells = _only(seen.observed[frame], shot)
        ab, cover = seen.lab[frame, shot, 1:].unsqueeze(0), torch.ones_like(cells.confidence)
        if rng.random() < settings.hints:
            height, width = cover.shape[-2:]
            blob = cv2.GaussianBlur(draw_blob(height, width, rng), (3, 3), _SOFT_PX)
            cover = cover * torch.from_numpy(blob).to(self.device)
        return Cells(cells.descriptor, cells.lightness, ab, cover).stacked()[0]


def _only(cells: Cells, shot: int) -> Cells:
    """One of B shots, B = 1."""
    return Cells.unstack(cells.stacked()[shot : shot + 1])
