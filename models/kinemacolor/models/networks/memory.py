"""The learned parts of the memory of `kinema`: what is compared between frames, and whom to believe. Our own design.

Patterns of lightness are compared as in the colorization of Vondrick et al. 2018 ("Tracking emerges by colorizing
videos"): a small network describes each cell of 4 x 4 pixels so that the same place in the next frame is told from its
neighbours, under grain and flicker. A second network looks at how well a cell was found again, and says how far the
colour carried from there and the colour the frame network proposes are to be believed.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["CELL", "CLUES", "DESCRIPTOR", "MemoryNet"]

CELL = 4
"""Network pixels per cell, along each axis."""
DESCRIPTOR = 8
"""Channels of a description."""
CLUES = 6
"""Channels of what `MemoryNet.judge` looks at; `temporal.fuse` makes them."""

_WIDTH, _JUDGE_WIDTH = 24, 16
_LIGHTNESS_HALF = 50.0
_SHARPNESS = 12.0
_TRUST_BIAS = 2.0  # at the start a carried colour is believed by 0.88


class MemoryNet(nn.Module):
    """Description of cells and judgement of evidence; 11,355 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv2d(CELL * CELL, _WIDTH, 3, padding=1, padding_mode="replicate"),
            nn.ReLU(),
            nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, padding_mode="replicate"),
            nn.ReLU(),
            nn.Conv2d(_WIDTH, DESCRIPTOR, 1),
        )
        self.sharpness = nn.Parameter(torch.tensor(_SHARPNESS).log())
        self.weigh = nn.Sequential(
            nn.Conv2d(CLUES, _JUDGE_WIDTH, 1),
            nn.ReLU(),
            nn.Conv2d(_JUDGE_WIDTH, _JUDGE_WIDTH, 3, padding=1, padding_mode="replicate"),
            nn.ReLU(),
            nn.Conv2d(_JUDGE_WIDTH, 2, 1),
        )
        nn.init.zeros_(self.weigh[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.weigh[-1].bias)  # type: ignore[arg-type]

    def describe(self, lightness: Tensor) -> Tensor:
        """Describe the cells of frames.

        Args:
            lightness: (B, 1, H, W) CIE L* in [0, 100], sides multiples of 4.

        Returns:
            (B, 8, H / 4, W / 4), of unit length, times the root of the sharpness: the product of two of them is the
            logarithm of how likely they show the same place.
        """
        found = self.look(F.pixel_unshuffle(lightness / _LIGHTNESS_HALF - 1.0, CELL))
        return F.normalize(found, dim=1) * (0.5 * self.sharpness).exp()

    def judge(self, clues: Tensor) -> tuple[Tensor, Tensor]:
        """Weigh what was carried against what is proposed.

        Args:
            clues: (B, 6, h, w).

        Returns:
            Factors (B, 1, h, w) for the confidence of what was carried, in (0, 1), and of the proposal, in (0, 2).
        """
        carried, proposed = self.weigh(clues).split(1, dim=1)
        return torch.sigmoid(carried + _TRUST_BIAS), 2.0 * torch.sigmoid(proposed)
