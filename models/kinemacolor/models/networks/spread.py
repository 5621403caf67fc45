"""The network that spreads hints: which places are the thing that a hint lies on, where does it end. Our own design.

A U-Net (Ronneberger et al. 2015) at stride 4 over lightness, the taps of the frame network's trunk, and what is known
of the hints, which come in as a mask (after Zhang et al. 2017, "Real-Time User-Guided Image Colorization"): where they
are, how far away each place is, and how alike its taps are to those at the hints. It looks at hinted frames only, so
its cost does not matter to a film.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.networks.mobilenet_v2 import TAP_CHANNELS

__all__ = ["SPREAD_CELL", "SpreadNet"]

SPREAD_CELL = 4
"""Network pixels per cell of the answer, along each axis."""

_WIDTHS = (48, 64, 96, 128)  # at strides 4, 8, 16, 32
_TAPS = (24, 32, 48, 64)  # what is taken of the trunk's taps there
_CLUES = 6  # hints of this thing and of others, nearness on two scales, two likenesses
_LIGHTNESS_HALF = 50.0
_NEAR = (0.05, 0.25)  # scales of nearness, as shares of the shorter side
_GROUPS = 8
_PLACES_AT_ONCE = 2048


class SpreadNet(nn.Module):
    """Lightness, taps and hints in, one logit a cell out; 1,155,385 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.ModuleList(
            nn.Conv2d(tap, width, 1) for tap, width in zip(TAP_CHANNELS[1:], _TAPS, strict=True)
        )
        own = (SPREAD_CELL**2, *_WIDTHS[:3])
        self.down = nn.ModuleList(
            _block(before + tap + _CLUES, width) for before, tap, width in zip(own, _TAPS, _WIDTHS, strict=True)
        )
        self.up = nn.ModuleList(
            _block(deep + level, level) for deep, level in zip(_WIDTHS[:0:-1], _WIDTHS[-2::-1], strict=True)
        )
        self.answer = nn.Conv2d(_WIDTHS[0], 1, 1)

    def forward(self, lightness: Tensor, taps: Sequence[Tensor], here: Tensor, elsewhere: Tensor) -> Tensor:
        """Say where the thing is.

        Args:
            lightness: (B, 1, H, W) CIE L* in [0, 100], sides multiples of 32.
            taps: The trunk's taps of it at strides 4, 8, 16 and 32.
            here: (B, 1, H, W) 1 where a hint of the thing is, else 0; at least one pixel in every picture.
            elsewhere: (B, 1, H, W) 1 where a hint of another thing is.

        Returns:
            (B, 1, H / 4, W / 4) logit of whether a cell belongs to the thing.
        """
        levels: list[Tensor] = []
        x = F.pixel_unshuffle(lightness / _LIGHTNESS_HALF - 1.0, SPREAD_CELL)
        light = F.avg_pool2d(lightness / _LIGHTNESS_HALF, SPREAD_CELL)
        stride = SPREAD_CELL
        for narrow, down, tap in zip(self.narrow, self.down, taps, strict=True):
            if levels:
                x, light, stride = F.avg_pool2d(x, 2), F.avg_pool2d(light, 2), 2 * stride
            x = down(torch.cat((x, narrow(tap), _clues(tap, light, here, elsewhere, stride)), dim=1))
            levels.append(x)
        for up, level in zip(self.up, levels[-2::-1], strict=True):
            x = up(torch.cat((F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False), level), dim=1))
        y: Tensor = self.answer(x)
        return y


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1),
        nn.GroupNorm(_GROUPS, channels_out),
        nn.ReLU(),
        nn.Conv2d(channels_out, channels_out, 3, padding=1),
        nn.GroupNorm(_GROUPS, channels_out),
        nn.ReLU(),
    )


def _clues(tap: Tensor, light: Tensor, here: Tensor, elsewhere: Tensor, stride: int) -> Tensor:
    """(B, 6, h, w): what is known of the hints at one level."""
    ours, others = F.max_pool2d(here, stride), F.max_pool2d(elsewhere, stride)
    weight = F.avg_pool2d(here, stride)
    weight = weight / weight.sum(dim=(2, 3), keepdim=True)
    like = F.cosine_similarity(tap, (tap * weight).sum(dim=(2, 3), keepdim=True), dim=1).unsqueeze(1)
    as_light = 1.0 - (light - (light * weight).sum(dim=(2, 3), keepdim=True)).abs()
    away = _distance(ours)
    near = [torch.exp(-away / scale) for scale in _NEAR]
    return torch.cat((ours, others, *near, like, as_light), dim=1).to(tap.dtype)


def _distance(mask: Tensor) -> Tensor:
    """(B, 1, h, w) from each cell to the nearest marked one, as a share of the shorter side."""
    count, _, height, width = mask.shape
    y = torch.arange(height, dtype=torch.float32, device=mask.device)
    x = torch.arange(width, dtype=torch.float32, device=mask.device)
    places = torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1).view(-1, 2)
    rows = [_nearest(places, places[one.flatten() > 0]) for one in mask]
    return torch.stack(rows).view(count, 1, height, width) / min(height, width)


def _nearest(places: Tensor, marked: Tensor) -> Tensor:
    """(N,) from each place to the nearest marked one; in pieces, for a large hint marks many."""
    pieces = torch.split(places, _PLACES_AT_ONCE)
    return torch.cat([torch.cdist(piece, marked).amin(dim=1) for piece in pieces])
