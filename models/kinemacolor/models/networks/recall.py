"""The learned parts that read the bank of `kinema`: where in a kept picture a place is, and whether to believe it.

Our own design, after the global matching of memory networks (Oh et al. 2019, "Video object segmentation using
space-time memory networks"): a key describes the neighbourhood of a cell of 8 x 8 pixels so that the same thing is
found again anywhere in another picture of the shot. What is found there is refined by the local matching of
`networks.memory`; a second small network says how far the colour that lies there is to be believed.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["KEY", "KEY_CELL", "RECALL_CLUES", "RecallNet"]

KEY_CELL = 8
"""Network pixels per key, along each axis."""
KEY = 32
"""Channels of a key."""
RECALL_CLUES = 11
"""Channels of what `RecallNet.judge` looks at; `bank.recall` makes them."""

_WIDTH, _JUDGE_WIDTH = 80, 32
_LIGHTNESS_HALF = 50.0
_SHARPNESS = 16.0
_NEARNESS = 1.0


class RecallNet(nn.Module):
    """Keys and judgement; 188,147 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.near = _conv(KEY_CELL * KEY_CELL, _WIDTH)
        self.around = _conv(_WIDTH, _WIDTH)
        self.far = _conv(_WIDTH, _WIDTH, dilation=2)
        self.describe = nn.Conv2d(3 * _WIDTH, KEY, 1)
        self.sharpness = nn.Parameter(torch.tensor(_SHARPNESS).log())
        self.nearness = nn.Parameter(torch.tensor(_NEARNESS).log())
        self.weigh = nn.Sequential(
            nn.Conv2d(RECALL_CLUES, _JUDGE_WIDTH, 1),
            nn.ReLU(),
            _conv(_JUDGE_WIDTH, _JUDGE_WIDTH),
            nn.ReLU(),
            _conv(_JUDGE_WIDTH, _JUDGE_WIDTH, dilation=2),
            nn.ReLU(),
            nn.Conv2d(_JUDGE_WIDTH, 1, 1),
        )
        nn.init.zeros_(self.weigh[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.weigh[-1].bias)  # type: ignore[arg-type]

    def key(self, lightness: Tensor) -> Tensor:
        """Describe pictures.

        Args:
            lightness: (B, 1, H, W) CIE L* in [0, 100], sides multiples of 8.

        Returns:
            (B, 32, H / 8, W / 8), of unit length, times the root of the sharpness.
        """
        near = F.relu(self.near(F.pixel_unshuffle(lightness / _LIGHTNESS_HALF - 1.0, KEY_CELL)))
        around = F.relu(self.around(near))
        far = F.relu(self.far(around))
        # All three: what is far from a cell of a thin thing is not the thing, and moves otherwise.
        found = self.describe(torch.cat((near, around, far), dim=1))
        return F.normalize(found, dim=1) * (0.5 * self.sharpness).exp()

    def judge(self, clues: Tensor) -> Tensor:
        """(B, 11, h, w) clues to a factor (B, 1, h, w) in (0, 1) for the confidence of what was recalled."""
        return torch.sigmoid(self.weigh(clues))


def _conv(channels_in: int, channels_out: int, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, padding=dilation, dilation=dilation, padding_mode="replicate")
