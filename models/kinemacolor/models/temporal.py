"""Colour carried from frame to frame by local matching of lightness: the memory of `kinema`. Our own design.

Per cell of 4 x 4 pixels the previous frame's neighbourhood is searched for the same lightness pattern (block
matching, as in motion-compensated denoising; soft, as in the local attention of Oh et al. 2019, "Video object
segmentation using space-time memory networks"). The colour found there is averaged with what the frame network says
now, each with its confidence (a scalar Kalman filter with a bounded memory): where the match is good the colour
stays calm, where something new appears the match fails and the frame network's word counts.

No optical flow, no learned parameters, no memory of more than one frame's size.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["CELL", "KinemaState", "TemporalSettings", "advance", "describe"]

CELL = 4
"""Network pixels per cell, along each axis."""
_LOWEST_RANK = -20.0  # exp(-20) is nothing, but smaller powers are denormal numbers, which are slow on CPUs


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporalSettings:
    """Constants of the memory, chosen on training clips."""

    radius: int = 3
    """Search radius in cells: a motion of up to 4 * radius pixels per frame is followed."""
    pattern: int = 3
    """Side of the compared neighbourhood in cells, odd."""
    noise: float = 4.0
    """Difference of lightness (L* units, root mean square) that grain alone makes; matches are ranked against it."""
    failure: float = 8.0
    """Difference at which a match is trusted by exp(-1/2) only."""
    limit: float = 8.0
    """Largest confidence of the memory, in frames: how many frames are averaged at most."""


@dataclass(frozen=True, slots=True)
class KinemaState:
    """What `kinema` remembers of a shot; all None before its first frame."""

    descriptor: Tensor | None = None
    """(4, h, w) float32, lightness pattern of the previous frame's cells."""
    ab: Tensor | None = None
    """(2, h, w) float32, CIELAB a*, b* of the previous frame's cells."""
    confidence: Tensor | None = None
    """(1, h, w) float32, in frames: how much evidence stands behind `ab`."""

    @property
    def nbytes(self) -> int:
        """Bytes of device memory that the state holds."""
        return sum(tensor.nbytes for tensor in self.tensors().values())

    def tensors(self) -> dict[str, Tensor]:
        """The state as named tensors, for a snapshot; empty before the first frame."""
        named = {"descriptor": self.descriptor, "ab": self.ab, "confidence": self.confidence}
        return {name: tensor for name, tensor in named.items() if tensor is not None}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "KinemaState":
        """The state that `tensors` gave."""
        return cls(tensors.get("descriptor"), tensors.get("ab"), tensors.get("confidence"))


def describe(lightness: Tensor) -> Tensor:
    """Lightness patterns of cells: the four means of 2 x 2 pixels in each.

    Args:
        lightness: (B, 1, H, W) CIE L*, sides multiples of 4.

    Returns:
        (B, 4, H / 4, W / 4) float32 in L* units.
    """
    return F.pixel_unshuffle(F.avg_pool2d(lightness, 2), CELL // 2)


def advance(
    state: KinemaState, descriptor: Tensor, ab: Tensor, confidence: Tensor, settings: TemporalSettings
) -> KinemaState:
    """Advance the memory by one frame; pure.

    Args:
        state: Memory of the shot so far.
        descriptor: (4, h, w) from `describe`.
        ab: (2, h, w) the frame network's colour.
        confidence: (1, h, w) the frame network's confidence in it, in (0, 1].
        settings: Constants.

    Returns:
        The new memory; its `ab` is the colour of the frame.

    Raises:
        ValueError: The state is of a frame of another size.
    """
    if state.descriptor is None or state.ab is None or state.confidence is None:
        return KinemaState(descriptor.clone(), ab.clone(), confidence.clone())  # the state owns its tensors
    if state.descriptor.shape != descriptor.shape:
        expected, found = tuple(state.descriptor.shape), tuple(descriptor.shape)
        raise ValueError(f"expected a frame of {expected} cells like the state's, found {found}")
    share, difference = _match(state.descriptor, descriptor, settings)
    carried = _gather(torch.cat((state.ab, state.confidence)), share, settings.radius)  # (3, h, w)
    trust = torch.exp(-0.5 * (difference / settings.failure) ** 2)
    old = carried[2:] * trust
    total = old + confidence
    mixed = (carried[:2] * old + ab * confidence) / total
    return KinemaState(descriptor.clone(), mixed, total.clamp_max(settings.limit))


def _match(previous: Tensor, present: Tensor, settings: TemporalSettings) -> tuple[Tensor, Tensor]:
    """Compare every cell with its neighbourhood in the previous frame.

    Returns:
        Shares (n, n, h, w) of the places, summing to 1, and the difference (1, h, w) of the best place, L* RMS.
    """
    places, wanted = _neighbourhoods(previous, settings.radius), present.unsqueeze(1)
    # Row by row of the search window: the working set then stays in the cache.
    rows = [(places[:, i] - wanted).square_().mean(dim=0) for i in range(places.shape[1])]
    error = _pool(torch.stack(rows), settings.pattern)
    best = error.flatten(0, 1).amin(dim=0)
    # Ranked relative to the best, so that grain or a change of exposure, which raise all errors, blur nothing.
    rank = ((best - error) / settings.noise**2).clamp_min_(_LOWEST_RANK)
    share = torch.softmax(rank.flatten(0, 1), dim=0).view_as(error)
    return share, best.sqrt().unsqueeze(0)


def _gather(planes: Tensor, share: Tensor, radius: int) -> Tensor:
    """Mean of (C, h, w) planes over the search window, weighted by (n, n, h, w) shares."""
    places = _neighbourhoods(planes, radius)
    rows = [(places[:, i] * share[i]).sum(dim=1) for i in range(places.shape[1])]
    return torch.stack(rows).sum(dim=0)


def _neighbourhoods(planes: Tensor, radius: int) -> Tensor:
    """(C, h, w) to (C, n, n, h, w) with n = 2 radius + 1: a view of the padded planes, nothing is copied."""
    padded = F.pad(planes, (radius,) * 4, mode="replicate")
    height, width = planes.shape[-2:]
    return padded.unfold(1, height, 1).unfold(2, width, 1)


def _pool(planes: Tensor, side: int) -> Tensor:
    """Mean over a square, separably, with the border repeated; sums of shifted views are faster here than pooling."""
    padded = F.pad(planes, (side // 2,) * 4, mode="replicate")
    height, width = planes.shape[-2:]
    rows = sum((padded[..., i : i + height, :] for i in range(1, side)), start=padded[..., :height, :])
    both = sum((rows[..., i : i + width] for i in range(1, side)), start=rows[..., :width])
    return both / side**2
