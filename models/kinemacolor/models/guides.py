"""What guides say of their picture's cells."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.api import Guide
from kinemacolor.models.networks.memory import CELL, MemoryNet
from kinemacolor.models.temporal import Cells, observe

__all__ = ["LEAST_COVER", "GuideLayers", "Layer", "guide_cells", "guide_layers", "sharpened"]

LEAST_COVER = 1e-4
"""Where less of a colour holds, there is none."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Colours, and where they hold."""

    ab: Tensor
    """(1, 2, h, w) a*, b* by cells."""
    cover: Tensor
    """(1, 1, h, w) in [0, 1]."""

    def over(self, lower: "Layer | None") -> "Layer":
        """This one, and the lower one where it lets that be seen."""
        if lower is None:
            return self
        left = lower.cover * (1.0 - self.cover)
        cover = self.cover + left
        return Layer((self.ab * self.cover + lower.ab * left) / cover.clamp_min(LEAST_COVER), cover)


@dataclass(frozen=True, slots=True)
class GuideLayers:
    """What a guide says of its own picture; at least one is there."""

    hinted: Layer | None
    """By its hints."""
    coloured: Layer | None
    """By its colours, if it is a colour picture."""

    def together(self) -> Layer:
        """A hint lies over the picture."""
        if self.hinted is None:
            assert self.coloured is not None
            return self.coloured
        return self.hinted.over(self.coloured)


def guide_layers(guide: Guide, spread: tuple[Tensor, Tensor] | None) -> GuideLayers:
    """What a guide's hints say of its picture, and what its colours say.

    Args:
        guide: A reference, hints, or both; one that is neither has hints that hold nowhere.
        spread: Of its hints, the colour (1, 2, h, w) and how probably it holds (1, 1, h, w); None: there are none.
    """
    hinted = None if spread is None else Layer(spread[0], sharpened(spread[1]))
    if guide.ab is not None:
        ab = F.avg_pool2d(guide.ab.unsqueeze(0), CELL)
        return GuideLayers(hinted, Layer(ab, torch.ones_like(ab[:, :1])))
    if hinted is None:
        nothing = torch.zeros_like(guide.lightness[:, ::CELL, ::CELL]).unsqueeze(0)
        hinted = Layer(nothing.expand(-1, 2, -1, -1), nothing)
    return GuideLayers(hinted, None)


def guide_cells(net: MemoryNet, guide: Guide, spread: tuple[Tensor, Tensor] | None) -> Cells:
    """The cells of a guide, B = 1; their confidence is the cover: 1 where it says a colour, 0 where it says nothing.

    Args:
        net: Describes them.
        guide: A reference, hints, or both: a hint lies over the picture.
        spread: As `guide_layers` takes it.
    """
    said = guide_layers(guide, spread).together()
    return observe(net, guide.lightness.unsqueeze(0), said.ab, said.cover)


def sharpened(share: Tensor, power: float = 2.0) -> Tensor:
    """A share in [0, 1] with its odds to a power, so that a hint ends sharply at its border."""
    yes, no = share.pow(power), (1.0 - share).clamp_min(0.0).pow(power)
    return yes / (yes + no)
