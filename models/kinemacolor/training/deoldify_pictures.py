"""Pictures as DeOldify's networks see them: normalised as of ImageNet, grey in, colour out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kinemacolor.models.networks.imagenet import normalised
from kinemacolor.training.photos import Picture
from kinemacolor.training.warped_photos import Augmentation, sample_warped

__all__ = ["Pairs", "ScatteredNoise", "grey_of", "with_luma_of"]

_LUMA_BT601 = (0.299, 0.587, 0.114)
"""The authors make grey pictures with PIL, whose luma is that of BT.601."""


def grey_of(rgb: Tensor) -> Tensor:
    """(..., 3, H, W) R'G'B' as grey R'G'B' of its BT.601 luma."""
    weights = torch.tensor(_LUMA_BT601, dtype=rgb.dtype, device=rgb.device).view(3, 1, 1)
    return (rgb * weights).sum(dim=-3, keepdim=True).expand_as(rgb)


def with_luma_of(grey: Tensor, rgb: Tensor) -> Tensor:
    """The colour of one picture on the luma of another, as at inference.

    Args:
        grey: (..., 3, H, W) grey R'G'B' in [0, 1].
        rgb: (..., 3, H, W) R'G'B'.

    Returns:
        The same shape, clipped to [0, 1].
    """
    return (rgb.clamp(0.0, 1.0) - grey_of(rgb.clamp(0.0, 1.0)) + grey).clamp(0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScatteredNoise:
    """What the video network learns not to look at: pixels, here and there, that are lighter or darker."""

    probability: float = 0.8
    """Share of the pictures that have any."""
    pixels: tuple[float, float] = (0.001, 0.4)
    """Fewest and most of their pixels, as shares."""
    codes: float = 30.0
    """Largest change, in 8-bit codes."""

    def __call__(self, grey: Tensor, rng: np.random.Generator) -> Tensor:
        """(B, 3, H, W) grey R'G'B' in [0, 1] with noise that is grey, too."""
        count, _, height, width = grey.shape
        share = rng.uniform(*self.pixels, (count, 1, 1, 1)) * (rng.random((count, 1, 1, 1)) < self.probability)
        hit = rng.random((count, 1, height, width)) < share
        change = rng.uniform(-self.codes, self.codes, hit.shape) / 255.0 * hit
        return grey + torch.from_numpy(change.astype(np.float32))


class Pairs:
    """Draws what a step looks at; the same for the same step.

    Args:
        photos: (H, W, 3) uint8 RGB each.
        how: How the crops are changed.
        noise: On the grey picture; None: none.
        seed: Of all draws.
    """

    def __init__(self, photos: Sequence[Picture], how: Augmentation, noise: ScatteredNoise | None, seed: int) -> None:
        self._photos, self._how, self._noise, self._seed = photos, how, noise, seed

    def draw(self, step: int, side_px: int, count: int) -> tuple[Tensor, Tensor]:
        """Grey pictures and the same in colour.

        The grey picture is made of the changed one: in the authors' data both were changed alike, so there the luma of
        the truth is not quite the film's.

        Returns:
            Twice (count, 3, side, side), normalised.
        """
        rng = np.random.default_rng((self._seed, step))
        rgb = sample_warped(self._photos, side_px, count, self._how, rng)
        grey = grey_of(rgb)
        if self._noise is not None:
            grey = self._noise(grey, rng)
        return _laid_out(normalised(grey)), _laid_out(normalised(rgb))


def _laid_out(picture: Tensor) -> Tensor:
    return picture.contiguous(memory_format=torch.channels_last)
