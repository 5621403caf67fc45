"""The colour networks of Lei and Chen as frame networks: L* in, a*, b* of one of their pictures out.

The picture R'G'B' is clipped to [0, 1], as the authors do before they write it to a file, and a*, b* are those of the
clipped picture; its own lightness is left, for the film's stands in its place.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from kinemacolor.models.api import Proposal
from kinemacolor.models.color import infinity_as_nan, srgb_to_lab
from kinemacolor.models.frames import one_by_one
from kinemacolor.models.grey_input import grey_codes
from kinemacolor.models.networks.favc import FavcPainter

__all__ = ["FavcFrames", "picture_ab"]


def picture_ab(rgb: Tensor) -> Tensor:
    """(..., 3, H, W) R'G'B', not clipped, to (..., 2, H, W) CIELAB a*, b*; NaN where a channel is no number."""
    return srgb_to_lab(infinity_as_nan(rgb).clamp(0.0, 1.0))[..., 1:, :, :]


class _GreyPainter(nn.Module):
    """From L*."""

    def __init__(self, painter: FavcPainter) -> None:
        super().__init__()
        self.painter = painter

    def forward(self, lightness: Tensor) -> Tensor:
        colour: Tensor = self.painter(grey_codes(lightness))
        return colour


@dataclass(frozen=True, slots=True)
class FavcFrames:
    """A `FrameNetwork`. Its proposals carry the picture itself as their features, for `RefineSteadying`."""

    network: nn.Module
    multiple_of: int
    variant: int = 1
    """Which of the pictures, from 1."""

    @classmethod
    def on(cls, device: torch.device, painter: FavcPainter, multiple_of: int) -> "FavcFrames":
        """The network on a device, in the layout that convolutions like."""
        layout = torch.channels_last
        network = _GreyPainter(painter).eval().requires_grad_(False)
        return cls(network.to(device=device, memory_format=layout), multiple_of)  # type: ignore[call-overload]

    def with_variant(self, variant: int) -> "FavcFrames":
        """See `FrameNetwork`."""
        return replace(self, variant=variant)

    @torch.no_grad()
    def propose(self, lightness: Tensor) -> list[Proposal]:
        """See `FrameNetwork`.

        Raises:
            ValueError: The shape is another.
        """
        pictures = one_by_one(self.network, lightness, self.multiple_of)
        chosen = pictures[:, 3 * (self.variant - 1) : 3 * self.variant]
        return [
            Proposal(light.clone(), picture_ab(rgb).contiguous(), rgb.clone(memory_format=torch.contiguous_format))
            for light, rgb in zip(lightness, chosen, strict=True)
        ]
