"""What guides say of their picture's cells."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.api import Guide
from kinemacolor.models.networks.memory import CELL, MemoryNet
from kinemacolor.models.temporal import Cells, observe

__all__ = ["guide_cells", "sharpened"]


def guide_cells(net: MemoryNet, guide: Guide, spread: tuple[Tensor, Tensor] | None) -> Cells:
    """The cells of a guide, B = 1; their confidence is the cover: 1 where it says a colour, 0 where it says nothing.

    Args:
        net: Describes them.
        guide: A reference, hints, or both: a hint lies over the picture.
        spread: Of its hints, the colour (1, 2, h, w) and how probably it holds (1, 1, h, w); None: there are none.
    """
    ab = torch.zeros_like(guide.lightness[:, ::CELL, ::CELL]).expand(2, -1, -1).unsqueeze(0)
    cover = torch.zeros_like(ab[:, :1])
    if guide.ab is not None:
        ab, cover = F.avg_pool2d(guide.ab.unsqueeze(0), CELL), torch.ones_like(cover)
    if spread is not None:
        hinted, held = spread
        held = sharpened(held)
        ab = hinted if guide.ab is None else hinted * held + ab * (1.0 - held)
        cover = torch.maximum(cover, held)
    return observe(net, guide.lightness.unsqueeze(0), ab, cover)


def sharpened(share: Tensor, power: float = 2.0) -> Tensor:
    """A share in [0, 1] with its odds to a power, so that a hint ends sharply at its border."""
    yes, no = share.pow(power), (1.0 - share).clamp_min(0.0).pow(power)
    return yes / (yes + no)
