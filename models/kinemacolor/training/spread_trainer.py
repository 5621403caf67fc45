"""The trainer of the network that spreads hints, on the taps of a trained frame network that stays as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.models.networks.spread import SPREAD_CELL, SpreadNet
from kinemacolor.training.cut_outs import CutOut
from kinemacolor.training.degradation import FilmModel
from kinemacolor.training.loop import ParameterGroup, Schedule, TrainingLoop
from kinemacolor.training.photos import CropSettings, Picture, sample_crops
from kinemacolor.training.precision import mixed_precision
from kinemacolor.training.spread_examples import Example, ExampleSettings, draw_example
from kinemacolor.training.trainer import make_batch

__all__ = ["SpreadRecipe", "SpreadTrainer", "spread_loss"]

_ENTROPY_WEIGHT = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadRecipe(Schedule):
    """Everything that decides the result of a run, apart from data and speed."""

    rate: float = 1.5e-3
    """Learning rate."""
    old_film_share: float = 0.4
    """Share of the pictures whose lightness comes from the model of old film."""
    small: CropSettings = field(default_factory=lambda: CropSettings(count=8, side_px=128, smallest=0.6))
    """Crops of the small photos."""
    large: CropSettings = field(default_factory=lambda: CropSettings(count=5, side_px=160, smallest=0.6))
    """Crops of the sharper photos."""
    wide: CropSettings = field(default_factory=lambda: CropSettings(count=3, side_px=224, smallest=0.6))
    """Larger crops of those; sides of all are multiples of 32."""
    large_share: float = 0.3
    """Share of large batches."""
    wide_share: float = 0.2
    """Share of wide batches."""
    examples: ExampleSettings = field(default_factory=ExampleSettings)
    """What is marked."""
    film: FilmModel = field(default_factory=FilmModel)
    """Ranges of the model of old film."""


def spread_loss(logits: Tensor, thing: Tensor, weight: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross-entropy of each cell, and how much of the thing is covered (Dice; Milletari et al. 2016, "V-Net").

    Args:
        logits: (B, 1, h, w) from `SpreadNet`.
        thing: (B, 1, h, w) share of each cell that belongs to the thing.
        weight: (B, 1, h, w) how much each cell counts.

    Returns:
        Scalar, and for the log its parts and `overlap`: area in common, as a share of that of both together.
    """
    logits = logits.float()
    found, places = torch.sigmoid(logits), (1, 2, 3)
    entropy = (F.binary_cross_entropy_with_logits(logits, thing, reduction="none") * weight).mean()
    common, both = (found * thing * weight).sum(places), ((found + thing) * weight).sum(places)
    dice = (1.0 - (2.0 * common + 1.0) / (both + 1.0)).mean()
    chosen = (logits > 0.0).float()
    overlap = ((chosen * thing).sum(places) / (chosen + thing).clamp_max(1.0).sum(places).clamp_min(1e-6)).mean()
    return _ENTROPY_WEIGHT * entropy + dice, {"entropy": entropy, "dice": dice, "overlap": overlap}


class SpreadTrainer(TrainingLoop):
    """A run.

    Args:
        out: Folder of the run; made if missing.
        recipe: What to do.
        frame: The trained frame network, folded.
        photos: Small pictures and large pictures (the second may be empty).
        cut_outs: Things that a segmenter knows, if the examples are to have some.
        start: State to begin with; None: as it is made.
        rank: Number of this process among those that share the batch.
        workers: How many there are.
        device: Where the networks run; pictures are always drawn on the CPU.

    Raises:
        ValueError: The examples are to have things, and there are none.
    """

    def __init__(
        self,
        out: Path,
        recipe: SpreadRecipe,
        frame: KinemaNet,
        photos: tuple[list[Picture], list[Picture]],
        *,
        cut_outs: Sequence[CutOut] = (),
        start: Mapping[str, Tensor] | None = None,
        rank: int = 0,
        workers: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        if recipe.examples.things > 0.0 and not cut_outs:
            raise ValueError(f"expected things for {recipe.examples.things:g} of the examples, found none")
        self.recipe, self._photos, self._cut_outs = recipe, photos, cut_outs
        torch.manual_seed(recipe.seed)
        net = SpreadNet()
        if start is not None:
            net.load_state_dict(start)
        layout = torch.channels_last
        self.net = net.to(device=torch.device(device), memory_format=layout)  # type: ignore[call-overload]
        self._frame = frame.eval().requires_grad_(False).to(device=torch.device(device), memory_format=layout)  # type: ignore[call-overload]
        self._generator = torch.Generator()
        group = ParameterGroup("spread", list(self.net.parameters()), recipe.rate)
        super().__init__(out, recipe, self.net, [group], rank=rank, workers=workers, device=device)

    def draw_loss(self) -> Tensor:
        """The loss of this step's examples."""
        examples = self._draw()
        rgb, thing, weight, here, elsewhere = (
            torch.stack([getattr(example, name) for example in examples])
            for name in ("rgb", "thing", "weight", "here", "elsewhere")
        )
        batch = make_batch(rgb, self.recipe.old_film_share, self.recipe.film, self._generator)
        lightness, here, elsewhere = (planes.to(self.device) for planes in (batch.lightness, here, elsewhere))
        with mixed_precision(self.device):
            with torch.no_grad():
                taps = self._frame.taps(lightness)
            logits = self.net(lightness, taps, here, elsewhere)
        cells = (F.avg_pool2d(planes, SPREAD_CELL).to(self.device) for planes in (thing, weight))
        loss, parts = spread_loss(logits, *cells)
        self.parts.add(parts)
        return loss

    def _draw(self) -> list[Example]:
        """The examples of this step; their size is the same for all workers, so that none waits."""
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, self.step, self.rank))
        self._generator.manual_seed(recipe.seed + 1_000_003 * self.step + self.rank)
        settings, pictures = self._kind(np.random.default_rng((recipe.seed, self.step)).random())
        count = max(1, settings.count // self.workers)
        crops = sample_crops(pictures, replace(settings, count=2 * count), rng)
        photos, others = crops[:count], crops[count:]
        pairs = zip(others, others.roll(1, 0), strict=True)
        return [
            draw_example(photo, pair, recipe.examples, rng, self._cut_outs)
            for photo, pair in zip(photos, pairs, strict=True)
        ]

    def _kind(self, chance: float) -> tuple[CropSettings, Sequence[Picture]]:
        recipe, (small, large) = self.recipe, self._photos
        if chance < recipe.wide_share:
            return recipe.wide, large or small
        if chance < recipe.wide_share + recipe.large_share:
            return recipe.large, large or small
        return recipe.small, small
