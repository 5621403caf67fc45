"""Training shots, drawn by a seed: pieces of clips and moving photos, a share of both on old film."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinemacolor.models.color import lightness_from_luminance, luma, srgb_to_linear
from kinemacolor.training.cut_outs import CutOut
from kinemacolor.training.degradation import FilmModel, degrade_sequence
from kinemacolor.training.loop import Schedule
from kinemacolor.training.motion import MotionSettings, MovingPicture, film_clip, film_photos
from kinemacolor.training.photos import Picture

__all__ = ["Shooting", "ShotRecipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotRecipe(Schedule):
    """What decides which shots a run sees."""

    count: int = 4
    """Shots of a batch."""
    old_film_share: float = 0.6
    """Share of the shots whose lightness comes from the model of old film."""
    clip_share: float = 0.5
    """Share of the shots that are pieces of clips; the others are made of photos."""
    motion: MotionSettings = field(default_factory=MotionSettings)
    """What a shot looks like."""
    film: FilmModel = field(default_factory=FilmModel)
    """Ranges of the model of old film."""


class Shooting:
    """Draws the shots of a run's steps.

    Args:
        recipe: What they look like.
        clips: (T, H, W, 3) uint8 sRGB each.
        photos: (H, W, 3) uint8 sRGB each.
        cut_outs: Objects, if the recipe has some.
        rank: Number of this process among those that share the batch.
        workers: How many there are.

    Raises:
        ValueError: There is no clip or no photo that is large enough, or the recipe wants things and there are none.
    """

    def __init__(
        self,
        recipe: ShotRecipe,
        clips: list[NDArray[np.uint8]],
        photos: list[Picture],
        *,
        cut_outs: Sequence[CutOut] = (),
        rank: int,
        workers: int,
    ) -> None:
        side = recipe.motion.side_px
        self._recipe, self._rank, self._workers = recipe, rank, workers
        self._clips = [clip for clip in clips if len(clip) > 1 and min(clip.shape[1:3]) >= side]
        self._photos, self._cut_outs = photos, cut_outs
        if not self._clips or not self._photos:
            raise ValueError(f"expected clips of at least {side} pixels and photos, found none")
        if recipe.motion.cut_outs > 0.0 and not cut_outs:
            raise ValueError(f"expected things for {recipe.motion.cut_outs:g} of the objects, found none")
        self._generator = torch.Generator()

    def draw(self, step: int) -> tuple[list[MovingPicture], Tensor]:
        """The shots of a step, and their lightness (T, B, 1, H, W) on old film or clean; the same for the same step."""
        rng = np.random.default_rng((self._recipe.seed, step, self._rank))
        self._generator.manual_seed(self._recipe.seed + 1_000_003 * step + self._rank)
        pictures = [self._picture(rng) for _ in range(max(1, self._recipe.count // self._workers))]
        return pictures, torch.stack([self._develop(picture.rgb) for picture in pictures], dim=1)

    def _picture(self, rng: np.random.Generator) -> MovingPicture:
        if rng.random() < self._recipe.clip_share:
            return film_clip(self._clips[int(rng.integers(len(self._clips)))], self._recipe.motion, rng)
        chosen = [self._photos[index] for index in rng.integers(len(self._photos), size=2)]
        return film_photos(chosen, self._recipe.motion, rng, self._cut_outs)

    def _develop(self, rgb: Tensor) -> Tensor:
        """(T, 1, H, W) L* of one shot."""
        if float(torch.rand((), generator=self._generator)) < self._recipe.old_film_share:
            return degrade_sequence(srgb_to_linear(rgb), self._recipe.film, self._generator)
        return lightness_from_luminance(srgb_to_linear(luma(rgb)))
