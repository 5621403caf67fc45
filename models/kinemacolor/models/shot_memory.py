"""All that `kinema` remembers of a shot, as one value. Pure.

There are two layers. The lower one is the colour that the shot has without guides: the frame network's word averaged
with the previous frame's (`temporal`). Over it lies what guides say: a colour and how far it holds, carried from frame
to frame with the same matches and renewed from the bank (`bank`). So a hint can end: a place that looks like one where
it does not hold gets the lower layer's colour back. A shot without guides has no upper layer, and costs nothing of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kinemacolor.models.api import Guide, ModelState
from kinemacolor.models.bank import Bank, Recalled, doubts, find, recall
from kinemacolor.models.guides import LEAST_COVER, sharpened
from kinemacolor.models.networks.memory import MemoryNet
from kinemacolor.models.networks.recall import RecallNet
from kinemacolor.models.temporal import Cells, TemporalSettings, carry, gather, match

__all__ = ["KinemaState", "Shot", "ShotNets", "advance", "carry_told", "open_shot", "overlay", "renew_told"]

_TENSORS = ("memory", "told")
_TOLD_LIMIT = 32.0
"""Most evidence that the guides' layer carries from a frame to the next, in frames."""
_DECISION = 1.3
"""Power of the odds of a cover in each frame, whoever says it: what is carried blurs, and borders are found a little
off; so a border stays where it is likelier than not, and a place that is in doubt for long is decided."""


class ShotNets(nn.Module):
    """The learned parts.

    Args:
        memory: Compares with the previous frame.
        recall: Compares with the bank.
    """

    def __init__(self, memory: MemoryNet | None = None, recall: RecallNet | None = None) -> None:
        super().__init__()
        self.memory = memory if memory is not None else MemoryNet()
        self.recall = recall if recall is not None else RecallNet()


@dataclass(frozen=True, slots=True)
class KinemaState:
    """What `kinema` remembers of a shot."""

    memory: Tensor | None = None
    """(12, h, w) float32: description, lightness, colour and confidence of the previous frame's cells; None before the
    first frame."""
    told: Tensor | None = None
    """(4, h, w) float32: of the guides' layer a*, b*, cover and evidence; None before the first frame, or without
    guides."""
    bank: Bank | None = None
    """Kept pictures, the same for all frames of the shot; None: it has none."""

    @property
    def nbytes(self) -> int:
        """Bytes of device memory that the state holds."""
        own = sum(tensor.nbytes for tensor in self.tensors().values())
        return own if self.bank is None else own + self.bank.nbytes

    def tensors(self) -> dict[str, Tensor]:
        """The state as named tensors, for a snapshot, without the bank; empty before the first frame."""
        named = {"memory": self.memory, "told": self.told}
        return {name: tensor for name, tensor in named.items() if tensor is not None}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], start: ModelState | None = None) -> "KinemaState":
        """The state that `tensors` gave, with the bank of its shot.

        Args:
            tensors: On the model's device.
            start: The state at the start of the shot; None: it has no guides.

        Raises:
            TypeError: The start is another network's.
            ValueError: The tensors are another state's.
        """
        if set(tensors) - set(_TENSORS):
            expected = ", ".join(_TENSORS)
            raise ValueError(f"expected the tensors {expected}, found {', '.join(sorted(tensors))}")
        if start is not None and not isinstance(start, cls):
            raise TypeError(f"expected a KinemaState, found {type(start).__name__}")
        return cls(tensors.get("memory"), tensors.get("told"), None if start is None else start.bank)


@dataclass(frozen=True, slots=True)
class Shot:
    """A shot after one more frame."""

    state: KinemaState
    """What is remembered from here on."""
    ab: Tensor
    """(1, 2, h, w) colour of the frame's cells."""
    told: Tensor
    """(1, h, w) share of it that comes from guides, in [0, 1]."""


def open_shot(keys: Sequence[Tensor], guides: Sequence[tuple[Guide, Cells]]) -> KinemaState:
    """The state before the first frame.

    Args:
        keys: Of the guides' pictures, (1, 32, H / 8, W / 8) each, from `RecallNet.key` one by one: in a batch float32
            convolutions may round differently.
        guides: Each with its cells (B = 1), as `guide_cells` gives them, or with what `completed` says of several.
    """
    if not guides:
        return KinemaState()
    cells = torch.cat([known.stacked() for _, known in guides])
    ends = [guide.ab is None for guide, _ in guides]
    return KinemaState(bank=Bank(cells, torch.cat(list(keys)), doubts(ends, cells.device)))


def advance(nets: ShotNets, state: KinemaState, observed: Cells, lightness: Tensor, settings: TemporalSettings) -> Shot:
    """Advance a shot by one frame; pure.

    Args:
        nets: The learned parts.
        state: The shot so far.
        observed: The frame's cells, B = 1.
        lightness: (1, H, W) CIE L* of the frame.
        settings: Constants.

    Raises:
        ValueError: The state is of frames of another size.
    """
    _check_size(state, observed)
    known, told = observed, None
    if state.memory is not None:
        before = Cells.unstack(state.memory.unsqueeze(0))
        share = match(before.descriptor, observed.descriptor, settings.radius)
        known, trust = carry(nets.memory, before, observed, share, settings)
        if state.told is not None:
            told = carry_told(state.told.unsqueeze(0), share, trust, settings)
    memory = known.stacked()[0].clone()  # the state owns its tensor
    if state.bank is None:
        return Shot(KinemaState(memory), known.ab, torch.zeros_like(known.confidence[0]))
    found = find(nets.recall, state.bank, nets.recall.key(lightness.unsqueeze(0)))
    told = renew_told(recall(nets.recall, state.bank, found, known, told), told)
    ab, shown = overlay(known.ab, told)
    return Shot(KinemaState(memory, told[0].clone(), state.bank), ab, shown[0])


def carry_told(told: Tensor, share: Tensor, trust: Tensor, settings: TemporalSettings) -> Tensor:
    """The guides' layer of the previous frame where this frame has it.

    Args:
        told: (B, 4, h, w) a*, b*, cover and evidence of the previous frame.
        share: Where its places are, from `temporal.match`.
        trust: How far they are believed, from `temporal.carry`.
        settings: Constants.
    """
    ab, cover, evidence = torch.split(told, [2, 1, 1], dim=1)
    found = gather(torch.cat((ab * cover, cover, evidence), dim=1), share, settings.radius)
    ab, cover, evidence = torch.split(found, [2, 1, 1], dim=1)
    return torch.cat((ab / cover.clamp_min(LEAST_COVER), cover, evidence.clamp_max(_TOLD_LIMIT) * trust), dim=1)


def renew_told(said: Recalled, carried: Tensor | None) -> Tensor:
    """(B, 4, h, w) of this frame: what the bank says, what was carried, and that neither may hold."""
    weights, covers, colours = [said.evidence], [said.cover], [said.ab]
    if carried is not None:
        ab, cover, evidence = torch.split(carried, [2, 1, 1], dim=1)
        weights, covers, colours = [*weights, evidence], [*covers, cover], [*colours, ab]
    total = torch.stack(weights).sum(dim=0)
    held = [weight * cover for weight, cover in zip(weights, covers, strict=True)]
    claimed = torch.stack(held).sum(dim=0)
    ab = torch.stack([part * colour for part, colour in zip(held, colours, strict=True)]).sum(dim=0)
    cover = sharpened(claimed / (total + said.doubt), _DECISION)
    return torch.cat((ab / claimed.clamp_min(LEAST_COVER), cover, total), dim=1)


def overlay(ab: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
    """The guides' layer over the lower one: the colour (B, 2, h, w), and the share (B, 1, h, w) that is the guides'."""
    shown = sharpened(told[:, 2:3])
    return ab * (1.0 - shown) + told[:, :2] * shown, shown


def _check_size(state: KinemaState, observed: Cells) -> None:
    expected = tuple(observed.ab.shape[-2:])
    kept = (state.memory, state.told, state.bank.cells if state.bank is not None else None)
    for found in (tuple(tensor.shape[-2:]) for tensor in kept if tensor is not None):
        if found != expected:
            raise ValueError(f"expected a frame of {found} cells like the state's, found {expected}")
