"""Colour carried from frame to frame by local matching of lightness: the memory of `kinema`. Our own design.

Per cell of 4 x 4 pixels the previous frame's neighbourhood is searched for the same lightness pattern (soft, as in the
local attention of Oh et al. 2019, "Video object segmentation using space-time memory networks"). The colour found there
is averaged with what the frame network says now, each with its confidence (a scalar Kalman filter with a bounded
memory): where the match is good the colour stays calm, where something new appears the frame network's word counts.
What is compared and whom to believe is learned (`networks.memory`).

No optical flow. This file knows of the previous frame only; `bank` of pictures that are kept, `shot_memory` of both.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.networks.memory import CELL, DESCRIPTOR, MemoryNet

__all__ = ["Cells", "TemporalSettings", "carry", "fuse", "gather", "match", "observe", "remember"]

# To numbers of about 1 for the judge: a clear difference of L*, of a*b*, and what is as good as infinite.
_LIGHTNESS_SCALE, _COLOUR_SCALE, _CLUE_LIMIT = 20.0, 30.0, 2.0
_LOG_EVIDENCE = math.log(33.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalSettings:
    """Constants of the memory."""

    radius: int = 3
    """Search radius in cells: a motion of up to 4 * radius pixels per frame is followed."""
    limit: float = 4.0
    """Largest confidence of the memory, in frames: how many frames are averaged at most."""


@dataclass(frozen=True, slots=True)
class Cells:
    """What is known of the cells of frames: of one frame before the memory has spoken, or remembered."""

    descriptor: Tensor
    """(B, 8, h, w) from `MemoryNet.describe`."""
    lightness: Tensor
    """(B, 1, h, w) mean CIE L*."""
    ab: Tensor
    """(B, 2, h, w) CIELAB a*, b*."""
    confidence: Tensor
    """(B, 1, h, w): how much evidence stands behind `ab`, in frames; of a proposal, in (0, 1]."""

    def stacked(self) -> Tensor:
        """(B, 12, h, w), for one tensor that holds all; `unstack` undoes it."""
        return torch.cat((self.descriptor, self.lightness, self.ab, self.confidence), dim=1)

    @classmethod
    def unstack(cls, stacked: Tensor) -> "Cells":
        """Views of what `stacked` gave."""
        return cls(*torch.split(stacked, [DESCRIPTOR, 1, 2, 1], dim=1))


def observe(net: MemoryNet, lightness: Tensor, ab: Tensor, confidence: Tensor) -> Cells:
    """The cells of frames as the frame network sees them.

    Args:
        net: The learned parts.
        lightness: (B, 1, H, W) CIE L*, sides multiples of 4.
        ab: (B, 2, H / 4, W / 4) the frame network's colour.
        confidence: (B, 1, H / 4, W / 4) its confidence, in (0, 1].
    """
    return Cells(net.describe(lightness), F.avg_pool2d(lightness, CELL), ab, confidence)


def remember(net: MemoryNet, before: Cells, observed: Cells, settings: TemporalSettings) -> Cells:
    """Fuse what was remembered with what is seen, for B shots at once.

    Args:
        net: The learned parts.
        before: Memory of the previous frames.
        observed: The present frames.
        settings: Constants.

    Returns:
        The new memory.
    """
    share = match(before.descriptor, observed.descriptor, settings.radius)
    return fuse(net, before, observed, share, settings)


def fuse(net: MemoryNet, before: Cells, observed: Cells, share: Tensor, settings: TemporalSettings) -> Cells:
    """The second half of `remember`: average with what was found at the places of `share`, as `match` gave it."""
    return carry(net, before, observed, share, settings)[0]


def carry(
    net: MemoryNet, before: Cells, observed: Cells, share: Tensor, settings: TemporalSettings
) -> tuple[Cells, Tensor]:
    """As `fuse`; gives besides how far what was carried is believed, (B, 1, h, w) in (0, 1)."""
    planes = torch.cat((before.ab, before.confidence, before.lightness), dim=1)
    ab, confidence, lightness = torch.split(gather(planes, share, settings.radius), [2, 1, 1], dim=1)
    trust, belief = net.judge(_clues(share, observed, ab, confidence, lightness))
    old, new = confidence * trust, observed.confidence * belief
    total = old + new
    mixed = (ab * old + observed.ab * new) / total
    return Cells(observed.descriptor, observed.lightness, mixed, total.clamp_max(settings.limit)), trust


def match(previous: Tensor, present: Tensor, radius: int) -> Tensor:
    """Where in the previous frame each cell was.

    Args:
        previous: (B, C, h, w) description of the previous frame.
        present: (B, C, h, w) of the present one.
        radius: Search radius in cells; n = 2 radius + 1.

    Returns:
        Shares (B, n, n, h, w) of the places, summing to 1 over both n.
    """
    places = _neighbourhoods(previous, radius)
    # Row by row of the search window: the working set then stays in the cache.
    rows = [(places[:, :, i] * present.unsqueeze(2)).sum(dim=1) for i in range(places.shape[2])]
    likelihood = torch.stack(rows, dim=1)
    return torch.softmax(likelihood.flatten(1, 2), dim=1).view_as(likelihood)


def gather(planes: Tensor, share: Tensor, radius: int) -> Tensor:
    """Mean of (B, C, h, w) planes over the search window, weighted by (B, n, n, h, w) shares."""
    places = _neighbourhoods(planes, radius)
    rows = [(places[:, :, i] * share[:, i].unsqueeze(1)).sum(dim=2) for i in range(places.shape[2])]
    return torch.stack(rows).sum(dim=0)


def _clues(share: Tensor, observed: Cells, ab: Tensor, confidence: Tensor, lightness: Tensor) -> Tensor:
    """(B, 6, h, w): how clear the match is, how much evidence there is on both sides, how far both are apart."""
    flat = share.flatten(1, 2)
    colour_step = (ab - observed.ab).square().sum(dim=1, keepdim=True).add(1e-6).sqrt() / _COLOUR_SCALE
    lightness_step = (lightness - observed.lightness).abs() / _LIGHTNESS_SCALE
    return torch.cat(
        (
            flat.amax(dim=1, keepdim=True),
            flat.square().sum(dim=1, keepdim=True),
            (1.0 + confidence).log() / _LOG_EVIDENCE,
            observed.confidence,
            colour_step.clamp(max=_CLUE_LIMIT),
            lightness_step.clamp(max=_CLUE_LIMIT),
        ),
        dim=1,
    )


def _neighbourhoods(planes: Tensor, radius: int) -> Tensor:
    """(B, C, h, w) to (B, C, n, n, h, w) with n = 2 radius + 1: a view of the padded planes, nothing is copied."""
    padded = F.pad(planes, (radius,) * 4, mode="replicate")
    height, width = planes.shape[-2:]
    return padded.unfold(2, height, 1).unfold(3, width, 1)
