"""How far the colour of a hint holds in its picture: to the border of the thing it lies on.

Hints of one colour are one thing, hints of other colours are where it is not. Each thing is spread by itself
(`networks.spread`); a place that several things claim gets their colours by the odds that each gives it.
"""

import math
from collections.abc import Generator, Sequence

import torch
from torch import Tensor, dtype

from kinemacolor.models.api import HintSpot
from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.models.networks.spread import SpreadNet

__all__ = ["hint_mask", "spreading"]

_SAME_COLOUR = 4.0  # CIELAB units up to which two hints are of one thing
_MOST_ODDS = 1e4
_DECISION = 4
"""Power of the odds: who is a little likelier has nearly all of the place, for a mixture is nobody's colour."""


def spreading(
    net: SpreadNet, frame: KinemaNet, lightness: Tensor, hints: Sequence[HintSpot], kind: dtype
) -> Generator[None, None, tuple[Tensor, Tensor]]:
    """Spread the hints of one picture, colour by colour; yields between two.

    One after the other: a batch of colours is no faster on a CPU (measured), and with many nobody could come between.

    Args:
        net: Spreads; float32.
        frame: The frame network, for its taps, in `kind`.
        lightness: (1, H, W) float32 CIE L* in [0, 100], sides multiples of 32.
        hints: At least one.
        kind: Dtype of the frame network.

    Returns:
        a*, b* (1, 2, h, w) float32 by cells of 4 x 4 pixels, and how probably they hold (1, 1, h, w), in [0, 1].
    """
    picture = lightness.unsqueeze(0)
    taps = [tap.float() for tap in frame.taps(picture.to(kind))]
    things = _by_colour(hints)
    height, width = lightness.shape[-2:]
    every = hint_mask(hints, height, width).to(lightness.device)[None, None]
    odds, colours = [], []
    for number, thing in enumerate(things):
        if number:
            yield
        # Each mask in its turn: those of 256 colours at once would take 117 MB at 448 x 256.
        mask = hint_mask(thing, height, width).to(lightness.device)[None, None]
        claim = net(picture, taps, mask, every * (1.0 - mask)).exp()
        odds.append(claim.clamp_max(_MOST_ODDS))
        colours.append(_mean_colour(thing, lightness.device))
    claims = torch.stack(odds)  # (N, 1, 1, h, w)
    shares = claims.pow(_DECISION)
    ab = (shares * torch.stack(colours).view(-1, 1, 2, 1, 1)).sum(dim=0) / shares.sum(dim=0).clamp_min(1e-24)
    best = claims.amax(dim=0)
    return ab, best / (1.0 + best)


def hint_mask(hints: Sequence[HintSpot], height: int, width: int) -> Tensor:
    """(height, width) float32, 1 where a hint is; the pixel that a centre lies in always belongs to it."""
    mask = torch.zeros(height, width)
    y, x = torch.arange(height).view(-1, 1) + 0.5, torch.arange(width) + 0.5
    for hint in hints:
        mask[(y - hint.y_px) ** 2 + (x - hint.x_px) ** 2 <= hint.radius_px**2] = 1.0
        row = min(max(math.floor(hint.y_px), 0), height - 1)
        mask[row, min(max(math.floor(hint.x_px), 0), width - 1)] = 1.0
    return mask


def _by_colour(hints: Sequence[HintSpot]) -> list[list[HintSpot]]:
    """In an order of their own: which of three colours, each a little from the next, are one must not be chance."""
    things: list[list[HintSpot]] = []
    for hint in sorted(hints, key=lambda hint: (hint.a, hint.b, hint.x_px, hint.y_px, hint.radius_px)):
        for thing in things:
            if math.hypot(hint.a - thing[0].a, hint.b - thing[0].b) <= _SAME_COLOUR:
                thing.append(hint)
                break
        else:
            things.append([hint])
    return things


def _mean_colour(thing: Sequence[HintSpot], device: torch.device) -> Tensor:
    return torch.tensor([(hint.a, hint.b) for hint in thing], dtype=torch.float32, device=device).mean(dim=0)
