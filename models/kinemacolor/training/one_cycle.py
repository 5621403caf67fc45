"""The one-cycle policy (Smith 2018, "A disciplined approach to neural network hyper-parameters"), as fastai 1 has it.

The rate rises along half a cosine from a 25th of its peak, then falls along another to a 250,000th of it; momentum goes
the other way.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Phase", "Place", "one_cycle", "phase_ends", "place_in"]

_START_DIVISOR = 25.0
_END_DIVISOR = 25e4
_MOMENTUM_HIGH, _MOMENTUM_LOW = 0.95, 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One call of fastai's `fit_one_cycle`: crops of one size under one cycle of the rate."""

    passes: float
    """How often each photo is seen, on average; below 1 a part of them."""
    side_px: int
    """Side of the crops."""
    count: int
    """Crops of a batch."""
    rate: float
    """Peak rate of the last layers."""
    first_rate: float | None = None
    """Peak rate of the first layers; those between have rates between, by equal factors. None: that of the last."""
    rise: float = 0.3
    """Share of the phase in which the rate rises, in [0, 1); 0 begins at the peak."""
    frozen: bool = False
    """Whether the encoder stays as it is, apart from its batch norms."""

    def rates(self, groups: int) -> list[float]:
        """Peak rates of so many groups of layers, from the first to the last."""
        if groups == 1 or self.first_rate is None:
            return [self.rate] * groups
        return [self.first_rate * (self.rate / self.first_rate) ** (index / (groups - 1)) for index in range(groups)]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step lies in a schedule of phases."""

    phase: Phase
    share: float
    """Of the phase that is over, in [0, 1)."""


def one_cycle(share: float, rise: float) -> tuple[float, float]:
    """Rate and momentum.

    Args:
        share: How much of the cycle is over, in [0, 1].
        rise: Share in which the rate rises, in [0, 1).

    Returns:
        The rate as a factor of its peak, and Adam's first beta.
    """
    if share < rise:
        part = share / rise
        return _cosine(1 / _START_DIVISOR, 1.0, part), _cosine(_MOMENTUM_HIGH, _MOMENTUM_LOW, part)
    part = (share - rise) / (1.0 - rise)
    return _cosine(1.0, 1 / _END_DIVISOR, part), _cosine(_MOMENTUM_LOW, _MOMENTUM_HIGH, part)


def phase_ends(phases: Sequence[Phase], photos: int, steps: int | None = None) -> list[int]:
    """After how many steps each phase ends.

    Args:
        phases: At least one.
        photos: How many there are.
        steps: Length of all phases together, shared out in proportion; None: what their passes ask for.
    """
    wanted = [phase.passes * photos / phase.count for phase in phases]
    scale = 1.0 if steps is None else steps / sum(wanted)
    return [max(1, round(scale * sum(wanted[: index + 1]))) for index in range(len(phases))]


def place_in(phases: Sequence[Phase], ends: Sequence[int], step: int) -> Place:
    """The phase of a step, counted from 0; what lies behind the end is the end of the last."""
    begin = 0
    for phase, end in zip(phases, ends, strict=True):
        if step < end:
            return Place(phase, (step - begin) / (end - begin))
        begin = end
    return Place(phases[-1], 1.0)


def _cosine(begin: float, end: float, share: float) -> float:
    return end + (begin - end) * 0.5 * (1.0 + math.cos(math.pi * share))
