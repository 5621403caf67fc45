"""What the bank of `kinema` is trained for: find the places of a kept picture again, believe them rightly, be calm."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.bank import Bank, find, recall, scores
from kinemacolor.models.networks.memory import CELL
from kinemacolor.models.networks.recall import KEY_CELL, RecallNet
from kinemacolor.models.shot_memory import ShotNets, carry_told, overlay, renew_told
from kinemacolor.models.temporal import Cells, TemporalSettings, carry, match
from kinemacolor.training.memory_loss import distance, masked_mean

__all__ = ["Claim", "GuidedShot", "RecallLoss", "recall_loss"]


@dataclass(frozen=True, slots=True)
class Claim:
    """That a thing of the shot has one colour, whatever it was when it was filmed: what hints say."""

    ab: Tensor
    """(1, 2, 1, 1) that colour."""
    cover: Tensor
    """(T, 1, h, w) share of each cell that is the thing's."""
    known: Tensor
    """(T, 1, h, w) 1 where the cover is known, else 0."""


@dataclass(frozen=True, slots=True)
class GuidedShot:
    """One training shot of T frames with a bank, by cells, as it is seen and as it is."""

    observed: Sequence[Cells]
    """T frames, B = 1: descriptions, and the frame network's colour."""
    keys: Tensor
    """(T, 32, h / 2, w / 2) of the network in training, with gradient."""
    lab: Tensor
    """(T, 3, h, w) true CIELAB."""
    origin: Tensor
    """(T - 1, h, w, 2) where each cell was, in the units of `grid_sample`."""
    seen: Tensor
    """(T - 1, 1, h, w): 1 where it was visible then."""
    bank: Bank
    """What is kept; its keys with gradient."""
    source: int | None
    """Frame of this shot that the first picture of the bank is; None: it is of a stranger's."""
    asked: Sequence[int]
    """Frames in which the places of the source are sought."""
    claim: Claim | None = None
    """What is true of the shot's colours beside what it would be without the bank; None: `lab` is true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallLoss:
    """Weights of the parts."""

    right: float = 1.0
    """The colour after the bank has spoken against the true one."""
    calm: float = 0.5
    """That colour against the previous frame's along the true motion."""
    find: float = 0.5
    """True colours and lightness, carried from the bank's first picture by the keys alone, against the true ones."""


def recall_loss(
    nets: ShotNets, shot: GuidedShot, settings: TemporalSettings, weights: RecallLoss
) -> tuple[Tensor, dict[str, Tensor]]:
    """Unroll a shot as `shot_memory.advance` does; from frame to frame nothing is handed back.

    Args:
        nets: The memory as it is, the learned parts of the bank in training.
        shot: What is seen, kept and true.
        settings: Constants of the memory.
        weights: Of the parts.

    Returns:
        Scalar: mean over frames, in units of 10 CIELAB; and its parts without their weights, with `alone` for what
        would be without the bank, and `find` only if the bank has a picture of the shot.
    """
    right, calm, alone = [], [], []
    before: Cells | None = None
    shown: Tensor | None = None
    told: Tensor | None = None
    for t, observed in enumerate(shot.observed):
        with torch.no_grad():
            known, carried = _carry(nets, before, told, observed, settings)
            found = find(nets.recall, shot.bank, shot.keys[t : t + 1])
        renewed = renew_told(recall(nets.recall, shot.bank, found, known, carried), carried)
        colour, _ = overlay(known.ab, renewed)
        true, counts = _truth(shot, t, known.ab)
        right.append(masked_mean(distance(colour, true), counts))
        alone.append(masked_mean(distance(known.ab, true), counts))
        if shown is not None:
            calm.append(_unrest(shown, colour, shot.origin[t - 1 : t], shot.seen[t - 1 : t]))
        before, shown, told = known, colour.detach(), renewed.detach()
    parts = {name: torch.stack(values).mean() for name, values in (("right", right), ("alone", alone), ("calm", calm))}
    loss = weights.right * parts["right"] + weights.calm * parts["calm"]
    if shot.source is not None:
        parts["find"] = _find(nets.recall, shot, shot.source)
        loss = loss + weights.find * parts["find"]
    return loss, parts


def _carry(
    nets: ShotNets, before: Cells | None, told: Tensor | None, observed: Cells, settings: TemporalSettings
) -> tuple[Cells, Tensor | None]:
    """Both layers of the previous frame where this frame has them."""
    if before is None or told is None:
        return observed, None
    share = match(before.descriptor, observed.descriptor, settings.radius)
    known, trust = carry(nets.memory, before, observed, share, settings)
    return known, carry_told(told, share, trust, settings)


def _truth(shot: GuidedShot, t: int, alone: Tensor) -> tuple[Tensor, Tensor]:
    """(1, 2, h, w) what the colour should be, and (1, 1, h, w) where that is known."""
    if shot.claim is None:
        return shot.lab[t : t + 1, 1:], torch.ones_like(shot.lab[t : t + 1, :1])
    cover = shot.claim.cover[t : t + 1]
    return alone * (1.0 - cover) + shot.claim.ab * cover, shot.claim.known[t : t + 1]


def _unrest(before: Tensor, after: Tensor, origin: Tensor, seen: Tensor) -> Tensor:
    moved = F.grid_sample(before, origin, mode="bilinear", padding_mode="border", align_corners=False)
    return masked_mean(distance(after, moved), seen)


def _find(net: RecallNet, shot: GuidedShot, source: int) -> Tensor:
    """How far what the keys alone would carry is from the truth."""
    lab = F.avg_pool2d(shot.lab, KEY_CELL // CELL)
    asked = list(shot.asked)
    kept = shot.keys[source].expand(len(asked), -1, -1, -1)
    share = scores(net, kept, shot.keys[asked]).softmax(dim=-1)
    found = (share @ lab[source].flatten(1).t()).transpose(1, 2).view_as(lab[asked])
    return distance(found, lab[asked]).mean()
