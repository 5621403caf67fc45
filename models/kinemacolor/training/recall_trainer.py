"""The trainer of the bank of `kinema`, on top of a frame network and a memory that stay as they are.

Each shot gets a bank of one or two pictures, as a film may have them: a frame with its true colours, as a reference; a
frame in which one thing has a colour that it never had, and nothing is said of the rest, as hints leave it; and frames
of another shot, that nothing is to be taken from.
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

from kinemacolor.models.bank import Bank, doubts
from kinemacolor.models.color import srgb_to_lab
from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.models.networks.memory import CELL, MemoryNet
from kinemacolor.models.networks.recall import RecallNet
from kinemacolor.models.shot_memory import ShotNets
from kinemacolor.models.temporal import Cells, TemporalSettings, observe
from kinemacolor.training.blobs import draw_blob
from kinemacolor.training.cut_outs import CutOut
from kinemacolor.training.loop import ParameterGroup, TrainingLoop
from kinemacolor.training.motion import MovingPicture
from kinemacolor.training.photos import Picture
from kinemacolor.training.proposing import frozen, propose, unflatten
from kinemacolor.training.recall_loss import Claim, GuidedShot, RecallLoss, recall_loss
from kinemacolor.training.shots import Shooting, ShotRecipe

__all__ = ["BankSettings", "RecallRecipe", "RecallTrainer"]

_SOFT_PX = 0.5  # of a blob's border, in cells
_SURELY = 0.99
_LEAST_AREA = 0.01  # of the picture, for a made object that one would hint at
_CHROMA = (8.0, 60.0)  # of hints


@dataclass(frozen=True, slots=True, kw_only=True)
class BankSettings:
    """What the made banks hold."""

    pairs: float = 0.3
    """Share of the banks with two pictures; the others have one."""
    strangers: float = 0.15
    """Share of the pictures that are of another shot."""
    hints: float = 0.55
    """Share of the shots in which a thing was given another colour, known where the bank's picture shows the thing."""
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
        recipe: RecallRecipe,
        frame: KinemaNet,
        memory: MemoryNet,
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
        claim, source = None, int(rng.integers(frames))
        if rng.random() < settings.hints:
            claim, source = self._claim(seen.pictures[shot], rng)
        places = [(source, shot)]
        if claim is None and rng.random() < settings.strangers:
            places = [_stranger(seen, shot, rng)]
        if rng.random() < settings.pairs:
            another = claim is None and rng.random() >= settings.strangers
            places.append((int(rng.integers(frames)), shot) if another else _stranger(seen, shot, rng))
        picture = seen.pictures[shot]
        return GuidedShot(
            observed=[_only(cells_of_frame, shot) for cells_of_frame in seen.observed],
            keys=seen.keys[:, shot],
            lab=seen.lab[:, shot],
            origin=picture.origin.to(self.device),
            seen=picture.seen.to(self.device),
            bank=_bank(seen, places, shot, claim),
            source=places[0][0] if places[0][1] == shot else None,
            asked=[int(t) for t in rng.choice(frames, min(settings.asked, frames), replace=False)],
            claim=claim,
        )

    def _claim(self, picture: MovingPicture, rng: np.random.Generator) -> tuple[Claim, int]:
        """A thing of the shot in a colour of its own, and a frame that shows it well."""
        angle, chroma = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(*_CHROMA)
        ab = torch.tensor([chroma * np.cos(angle), chroma * np.sin(angle)], dtype=torch.float32).view(1, 2, 1, 1)
        areas = picture.thing.flatten(1).mean(dim=1) if picture.thing is not None else torch.zeros(1)
        if picture.thing is not None and areas.max() > _LEAST_AREA:
            well = torch.nonzero(areas > 0.5 * areas.max()).flatten().tolist()
            cover, known, source = picture.thing, torch.ones_like(picture.thing), int(rng.choice(well))
        else:
            (cover, known), source = _follow(picture, rng), 0
        return Claim(ab.to(self.device), cover.to(self.device), known.to(self.device)), source


def _stranger(seen: _Seen, shot: int, rng: np.random.Generator) -> tuple[int, int]:
    """A frame of another shot, if there is one."""
    return int(rng.integers(len(seen.observed))), (shot + 1) % seen.lab.shape[1]


def _follow(picture: MovingPicture, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """(T, 1, h, w) twice: a blob of the first frame carried along the true motion, and where that is known."""
    height, width = picture.seen.shape[-2:]
    blob = cv2.GaussianBlur(draw_blob(height, width, rng), (3, 3), _SOFT_PX)
    covers = [torch.from_numpy(blob).view(1, 1, height, width)]
    known = [torch.ones_like(covers[0])]
    for origin, seen in zip(torch.split(picture.origin, 1), torch.split(picture.seen, 1), strict=True):
        both = torch.cat((covers[-1], known[-1]), dim=1)
        moved = F.grid_sample(both, origin, mode="bilinear", padding_mode="border", align_corners=False)
        covers.append(moved[:, :1])
        known.append(seen * (moved[:, 1:] > _SURELY).float())
    return torch.cat(covers), torch.cat(known)


def _bank(seen: _Seen, places: Sequence[tuple[int, int]], shot: int, claim: Claim | None) -> Bank:
    """The frames at these places; those of the shot say what was claimed, if something was, else their true colours."""
    claims = [claim if place[1] == shot else None for place in places]
    cells = torch.cat([_keep(seen, place, said) for place, said in zip(places, claims, strict=True)])
    keys = torch.stack([seen.keys[place] for place in places])
    return Bank(cells, keys, doubts([said is not None for said in claims], cells.device))


def _keep(seen: _Seen, place: tuple[int, int], claim: Claim | None) -> Tensor:
    """(1, 12, h, w): a frame as the bank keeps it."""
    frame, shot = place
    cells = _only(seen.observed[frame], shot)
    ab, cover = seen.lab[frame, shot, 1:].unsqueeze(0), torch.ones_like(cells.confidence)
    if claim is not None:
        ab, cover = claim.ab.expand_as(ab), claim.cover[frame : frame + 1]
    return Cells(cells.descriptor, cells.lightness, ab, cover).stacked()


def _only(cells: Cells, shot: int) -> Cells:
    """One of B shots, B = 1."""
    return Cells.unstack(cells.stacked()[shot : shot + 1])
