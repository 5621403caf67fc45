"""Networks that see the grey picture as R'G'B', as networks that take L*."""

import torch
from torch import Tensor, nn

from kinemacolor.models.color import lab_to_srgb

__all__ = ["GreyInput", "grey_codes"]


def grey_codes(lightness: Tensor) -> Tensor:
    """(..., 1, H, W) CIE L* to the code values of the neutral picture, in [0, 1]."""
    neutral = torch.zeros_like(lightness)
    return lab_to_srgb(torch.cat((lightness, neutral, neutral), dim=-3))[..., :1, :, :]


class GreyInput(nn.Module):
    """From L* to a*, b* through a network that takes R'G'B'.

    Args:
        network: (B, 3, H, W) R'G'B' in [0, 1] to (B, 2, H, W) CIELAB.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, lightness: Tensor) -> Tensor:
        """(B, 1, H, W) CIE L* in [0, 100] to (B, 2, H, W) CIELAB a*, b*."""
        neutral = torch.zeros_like(lightness)
        ab: Tensor = self.network(lab_to_srgb(torch.cat((lightness, neutral, neutral), dim=1)))
        return ab
