"""The bank of `kinema`: pictures of a shot that are kept with their colours, and what is recalled from them.

Reference pictures and hinted frames are one thing: cells with a description, a colour, and whether that colour holds
there. A frame looks for itself in all of them: its keys are compared with every place of every picture, and around the
likeliest place the local matching of `temporal` finds the cell. What is found may be a colour, or that a hint does not
hold; how far it is believed is learned (`networks.recall`). No optical flow; the bank has a bound.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.guides import LEAST_COVER
from kinemacolor.models.networks.memory import CELL
from kinemacolor.models.networks.recall import KEY_CELL, RecallNet
from kinemacolor.models.temporal import Cells, gather, match

__all__ = ["GUIDE_EVIDENCE", "Bank", "Found", "Recalled", "doubts", "find", "recall", "scores", "seek"]

GUIDE_EVIDENCE = 256.0
"""What stands behind a person's word, in frames: eight times the most that is carried of it from frame to frame."""

_RADIUS = 2
"""Of the local search around the place that the keys say, in cells."""
_LIGHTNESS_SCALE, _COLOUR_SCALE, _CLUE_LIMIT = 20.0, 30.0, 2.0
_LOG_EVIDENCE = math.log(1.0 + GUIDE_EVIDENCE)
_ROUNDS, _SUPPORT = 2, 2.0  # how often neighbours are heard; what each that is sure weighs, in nats
_DENIAL = 0.05
"""What a place without a guide's colour weighs against one with it: most of a picture is not the thing, so what is
found at a wrong place is found outside of it."""
_NOWHERE = -80.0
"""Log of a share that counts as none: exp of less than -87 has no normal float32, and takes fifty times as long."""
_DOUBT, _LITTLE_DOUBT = 0.5, 0.005
_FINE = KEY_CELL // CELL
_SCORES_AT_ONCE = 1 << 18
"""Of places with places: a block of them fits into a processor's own cache. One row of a frame at least."""


@dataclass(frozen=True, slots=True)
class Bank:
    """K kept pictures of one shot."""

    cells: Tensor
    """(K, 12, h, w) float32, as `Cells.stacked` gives them; the confidence is the share of the colour that holds, the
    cover, in [0, 1]."""
    keys: Tensor
    """(K, 32, h / 2, w / 2) float32, from `RecallNet.key`."""
    doubt: Tensor
    """(K,) float32: evidence that none of it holds in a frame that was found in it, in frames; from `doubts`."""

    @property
    def count(self) -> int:
        """K."""
        return self.cells.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of device memory."""
        return self.cells.nbytes + self.keys.nbytes + self.doubt.nbytes


def doubts(ends: Sequence[bool], device: torch.device) -> Tensor:
    """How far kept pictures are doubted, for a `Bank`.

    Args:
        ends: Of each picture, whether it says where its colours end, as hints do. One that does not, a reference, has
            no way to say of a new thing that it is none of its own. One that does says so by its places without a
            colour, and doubt besides would fade its things where they are found badly.
        device: Where the bank is.
    """
    return torch.tensor([_LITTLE_DOUBT if one else _DOUBT for one in ends], dtype=torch.float32, device=device)


@dataclass(frozen=True, slots=True)
class Found:
    """Where in the bank each place of B frames is, by the keys alone."""

    picture: Tensor
    """(B, h / 2, w / 2) int64, which picture."""
    row: Tensor
    column: Tensor
    """(B, h / 2, w / 2) int64, where in it, in cells of 8 x 8 pixels."""
    share: Tensor
    """(B, h / 2, w / 2) how much of the likelihood over all places lies there, in [0, 1]."""


def scores(net: RecallNet, keys: Tensor, present: Tensor) -> Tensor:
    """Logarithms of how likely places are the same, up to a constant.

    Args:
        net: The learned parts.
        keys: (B, 32, m, n) of kept pictures.
        present: (B, 32, m, n) of frames.

    Returns:
        (B, m * n, m * n): for each place of the frame, all places of the kept picture. Farther ones count less.
    """
    places = math.prod(present.shape[-2:])
    remoteness = _remoteness(net, present).flip(0, 1).reshape(places, places)
    return present.flatten(2).transpose(1, 2) @ keys.flatten(2) - remoteness


def _remoteness(net: RecallNet, present: Tensor) -> Tensor:
    """What is taken off for how far apart two places are: (m, n, m, n), from a frame's, the last first, to a picture's.

    It depends on the step between both alone, so this is a view of a table of (2 m - 1, 2 n - 1) steps, and takes no
    memory; from the last place to the first its strides are positive, as they have to be.
    """
    height, width = present.shape[-2:]
    down = torch.arange(1 - height, height, dtype=torch.float32, device=present.device).view(-1, 1)
    right = torch.arange(1 - width, width, dtype=torch.float32, device=present.device)
    steps = (down.square() + right.square()).sqrt() / max(height, width)  # in units of the longer side
    return (net.nearness.exp() * steps).unfold(0, height, 1).unfold(1, width, 1)


def seek(net: RecallNet, bank: Bank, present: Tensor) -> Found:
    """Find the places of one frame in the bank, each by itself.

    All places are compared with all, in blocks: all scores of a large frame would take gigabytes, and those of a block
    stay in the processor's cache.

    Args:
        net: The learned parts.
        bank: At least one picture.
        present: (1, 32, m, n) keys of the frame.
    """
    height, width = present.shape[-2:]
    remoteness = _remoteness(net, present)
    backwards = present[0].flatten(1).flip(1).view(-1, height, width)
    rows = max(1, _SCORES_AT_ONCE // (height * width * width))
    blocks = [
        _seek_block(bank, queries, apart)
        for queries, apart in zip(torch.split(backwards, rows, 1), torch.split(remoteness, rows), strict=True)
    ]
    picture, place, share = (torch.cat(parts).flip(0).view(1, height, width) for parts in zip(*blocks, strict=True))
    return Found(picture, place // width, place % width, share)


def find(net: RecallNet, bank: Bank, present: Tensor) -> Found:
    """Find one frame in the bank: `seek`, then the neighbours' say. As `seek`."""
    return settled(net, bank, present, seek(net, bank, present))


def settled(net: RecallNet, bank: Bank, present: Tensor, found: Found) -> Found:
    """What `seek` found, with the neighbours' say: a place that many others resemble goes where those around it went.

    Each place chooses anew among where it went itself and where its neighbours did: by how likely it is there, and by
    how many of them, each as sure as it is, went the same way. All of them together weigh more than all but the
    clearest likeness, for things move as one; a thing of one or two places may be lost to what is around it.

    Args:
        net: The learned parts.
        bank: As in `seek`.
        present: (1, 32, m, n) keys of the frame.
        found: As `seek` gave it.
    """
    height, width = present.shape[-2:]
    kept, wanted = bank.keys.permute(0, 2, 3, 1), present[0].permute(1, 2, 0)
    rows = torch.arange(height, device=present.device).view(1, -1, 1)
    columns = torch.arange(width, device=present.device).view(1, 1, -1)

    def likelihood(picture: Tensor, row: Tensor, column: Tensor) -> Tensor:
        steps = ((row - rows).square() + (column - columns).square()).float().sqrt() / max(height, width)
        return (kept[picture, row, column] * wanted).sum(dim=-1) - net.nearness.exp() * steps

    total = likelihood(found.picture, found.row, found.column) - found.share.log()
    for _ in range(_ROUNDS):
        ways = torch.stack((found.row - rows, found.column - columns, found.picture), dim=1).float()
        # Beyond the border is nobody: neither a way nor a say.
        planes = torch.cat((ways, found.share.unsqueeze(1), torch.ones_like(ways[:, :1])), dim=1)
        around = _around(planes, "constant")[0]  # (5, 9, m, n)
        best, chosen = torch.full_like(found.share, -math.inf), (found.picture, found.row, found.column)
        there = best
        for way, exists in zip(around[:3].unbind(dim=1), around[4] > 0.0, strict=True):
            row, column, picture = rows + way[0].long(), columns + way[1].long(), way[2].long().unsqueeze(0)
            inside = exists & (row >= 0) & (row < height) & (column >= 0) & (column < width)
            row, column = row.clamp(0, height - 1), column.clamp(0, width - 1)
            likely = likelihood(picture, row, column)
            support = (_alike(around[:3], way.unsqueeze(1)) * around[3]).sum(dim=0)
            score = (likely + _SUPPORT * support).masked_fill(~inside, -math.inf)
            better = score > best
            chosen = (
                torch.where(better, picture, chosen[0]),
                torch.where(better, row, chosen[1]),
                torch.where(better, column, chosen[2]),
            )
            best, there = torch.where(better, score, best), torch.where(better, likely, there)
        found = Found(*chosen, (there - total).exp())
    return found


def _around(planes: Tensor, beyond: str) -> Tensor:
    """(B, C, m, n) to (B, C, 9, m, n): each place and its eight neighbours; `beyond` the border as `F.pad` names it."""
    count, channels, height, width = planes.shape
    return F.unfold(F.pad(planes, (1, 1, 1, 1), mode=beyond), 3).view(count, channels, 9, height, width)


def _alike(ways: Tensor, others: Tensor) -> Tensor:
    """Whether steps down and right, and pictures, (3, ...) each, are the same but for one cell: 1 or 0."""
    apart = (ways - others).abs()
    return ((apart[0] <= 1.0) & (apart[1] <= 1.0) & (apart[2] == 0.0)).float()


def _seek_block(bank: Bank, queries: Tensor, apart: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find r rows of places: picture, place in it and share, (r * n,) each.

    Args:
        bank: At least one picture.
        queries: (32, r, n) keys of the places.
        apart: (r, n, m, n) of `_remoteness`.
    """
    height, width = apart.shape[2:]
    wanted = queries.flatten(1).T
    best = torch.full((wanted.shape[0],), -math.inf, device=queries.device)
    total, place = best, torch.zeros_like(best, dtype=torch.int64)
    which = place
    for number, keys in enumerate(bank.keys):
        likelihood = wanted @ keys.flatten(1)
        likelihood.view_as(apart).sub_(apart)
        rows = likelihood.view(-1, height, width)
        highest, row = rows.amax(dim=2).max(dim=1)  # the row first: maxima without places are five times as fast
        column = rows.take_along_dim(row.view(-1, 1, 1), dim=1).squeeze(1).argmax(dim=1)
        likelihood.sub_(highest.unsqueeze(1)).clamp_(min=_NOWHERE)
        others = likelihood.exp_().sum(dim=1)
        total = torch.logaddexp(total, highest + others.log())
        better = highest > best
        place, best = torch.where(better, row * width + column, place), torch.where(better, highest, best)
        which = torch.where(better, number, which)
    return which, place, (best - total).exp()


@dataclass(frozen=True, slots=True)
class Recalled:
    """What the bank says of a frame's cells."""

    ab: Tensor
    """(1, 2, h, w) the colour that was found."""
    cover: Tensor
    """(1, 1, h, w) whether it holds, in [0, 1]."""
    evidence: Tensor
    """(1, 1, h, w) how much stands behind both, in frames."""
    doubt: Tensor
    """(1, 1, h, w) how much stands behind that nothing of the bank holds there, in frames."""


def recall(net: RecallNet, bank: Bank, found: Found, observed: Cells, carried: Tensor | None) -> Recalled:
    """Read the bank.

    Args:
        net: The learned parts.
        bank: Kept pictures.
        found: Where the frame's places are in it.
        observed: The frame's cells (B = 1), their colour that of everything but the bank.
        carried: (1, 4, h, w) a*, b*, cover and evidence that the previous frame's guides' layer brings; None: none.
    """
    virtual = Cells.unstack(_fetch(bank.cells, found))
    share = match(virtual.descriptor, observed.descriptor, _RADIUS)
    covered = virtual.ab * virtual.confidence
    planes = torch.cat((covered, virtual.confidence, virtual.lightness), dim=1)
    ab, cover, lightness = torch.split(gather(planes, share, _RADIUS), [2, 1, 1], dim=1)
    ab = ab / cover.clamp_min(LEAST_COVER)
    trust = net.judge(torch.cat((_clues(share, found, observed, ab, lightness), _claims(cover, carried)), dim=1))
    doubt = _fine(bank.doubt[found.picture]).unsqueeze(1)
    weight = _DENIAL + (1.0 - _DENIAL) * cover
    return Recalled(ab, cover, GUIDE_EVIDENCE * trust * weight, doubt)


def _fetch(cells: Tensor, found: Found) -> Tensor:
    """(B, 12, h, w): the kept cells, moved to where the frame has them; 2 x 2 cells move together."""
    height, width = cells.shape[-2:]
    row, column, picture = _fine(found.row) * _FINE, _fine(found.column) * _FINE, _fine(found.picture)
    row = row + torch.arange(height, device=cells.device).view(1, -1, 1) % _FINE
    column = column + torch.arange(width, device=cells.device).view(1, 1, -1) % _FINE
    return cells.permute(0, 2, 3, 1)[picture, row, column].permute(0, 3, 1, 2)


def _fine(plane: Tensor) -> Tensor:
    """(B, m, n) by keys to (B, h, w) by cells."""
    return plane.repeat_interleave(_FINE, 1).repeat_interleave(_FINE, 2)


def _clues(share: Tensor, found: Found, observed: Cells, ab: Tensor, lightness: Tensor) -> Tensor:
    """(B, 8, h, w): how clear the place is, how sure the shot is of itself, how far both are apart."""
    flat = share.flatten(1, 2)
    coarse, agreed = (
        F.interpolate(plane.unsqueeze(1), scale_factor=float(_FINE), mode="nearest")
        for plane in (found.share, _agreement(found))
    )
    colour_step = (ab - observed.ab).square().sum(dim=1, keepdim=True).add(1e-6).sqrt() / _COLOUR_SCALE
    lightness_step = (lightness - observed.lightness).abs() / _LIGHTNESS_SCALE
    return torch.cat(
        (
            flat.amax(dim=1, keepdim=True),
            flat.square().sum(dim=1, keepdim=True),
            coarse,
            (coarse + 1e-4).log() / 4.0 + 1.0,
            agreed,
            (1.0 + observed.confidence).log() / _LOG_EVIDENCE,
            colour_step.clamp(max=_CLUE_LIMIT),
            lightness_step.clamp(max=_CLUE_LIMIT),
        ),
        dim=1,
    )


def _agreement(found: Found) -> Tensor:
    """(B, m, n): share of a place's eight neighbours that were found where they lie beside it in the same picture."""
    height, width = found.row.shape[-2:]
    moved = (
        found.row - torch.arange(height, device=found.row.device).view(-1, 1),
        found.column - torch.arange(width, device=found.column.device),
        found.picture,
    )
    planes = torch.stack(moved, dim=1).float()
    around = _around(planes, "replicate").transpose(0, 1)  # (3, B, 9, m, n)
    return (_alike(around, planes.transpose(0, 1).unsqueeze(2)).sum(dim=1) - 1.0) / 8.0


def _claims(cover: Tensor, carried: Tensor | None) -> Tensor:
    """(B, 3, h, w): what was found says of the colour's holding, what was carried says, and with how much evidence."""
    if carried is None:
        return torch.cat((cover, torch.zeros_like(cover), torch.zeros_like(cover)), dim=1)
    return torch.cat((cover, carried[:, 2:3], (1.0 + carried[:, 3:]).log() / _LOG_EVIDENCE), dim=1)
