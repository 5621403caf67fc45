"""How far the colour of a hint holds in its picture: to the border of the thing it lies on.

Hints of one colour are one thing, hints of other colours are where it is not. Each thing is spread by itself
(`networks.spread`); a place that several things claim gets their colours by the odds that each gives it.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, dtype

from kinemacolor.models.api import HintSpot
from kinemacolor.models.hint_views import hint_views
from kinemacolor.models.networks.kinema import KinemaNet
from kinemacolor.models.networks.spread import SpreadNet

__all__ = ["spreading"]

_SAME_COLOUR = 4.0  # CIELAB units up to which two hints are of one thing
_MOST_ODDS = 1e4
_DECISION = 4
"""Power of the odds: who is a little likelier has nearly all of the place, for a mixture is nobody's colour."""


def spreading(
    net: SpreadNet, frame: KinemaNet, lightness: Tensor, hints: Sequence[HintSpot], kind: dtype
) -> Generator[None, None, tuple[Tensor, Tensor]]:
    """Spread the hints of one picture, colour by colour and look by look; yields between two.

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
    views = yield from hint_views(frame, lightness, kind)
    things = _apart(_by_colour(hints))
    every = [view.mask([hint for thing in things for hint in thing]) for view in views]
    odds: list[Tensor] = []
    for thing in things:
        looks: list[Tensor] = []
        for view, mask in zip(views, every, strict=True):
            yield
            looks.append(view.logit(net, thing, mask))
        odds.append(torch.stack(looks).mean(dim=0).exp().clamp_max(_MOST_ODDS))
    colours = [_mean_colour(thing, lightness.device) for thing in things]
    claims = torch.stack(odds)  # (N, 1, 1, h, w)
    shares = claims.pow(_DECISION)
    ab = (shares * torch.stack(colours).view(-1, 1, 2, 1, 1)).sum(dim=0) / shares.sum(dim=0).clamp_min(1e-24)
    best = claims.amax(dim=0)
    return ab, best / (1.0 + best)


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


def _apart(things: Sequence[Sequence[HintSpot]]) -> list[list[HintSpot]]:
    """Spots of different things touch at most: one that would reach into another ends half of the way to its centre."""
    return [
        [
            replace(hint, radius_px=min(hint.radius_px, _room(hint, things[:number], things[number + 1 :])))
            for hint in thing
        ]
        for number, thing in enumerate(things)
    ]


def _room(hint: HintSpot, *others: Sequence[Sequence[HintSpot]]) -> float:
    """How large its spot may be beside those of other things, in pixels; infinite if there are none."""
    rooms = []
    for other in (other for things in others for thing in things for other in thing):
        distance = math.dist((hint.x_px, hint.y_px), (other.x_px, other.y_px))
        rooms.append(max(distance / 2, distance - other.radius_px))
    return min(rooms, default=math.inf)


def _mean_colour(thing: Sequence[HintSpot], device: torch.device) -> Tensor:
    return torch.tensor([(hint.a, hint.b) for hint in thing], dtype=torch.float32, device=device).mean(dim=0)
