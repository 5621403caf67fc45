"""The chroma of networks that give a whole picture in colour, for the light of the grey one."""

import torch
from torch import Tensor, nn

from kinemacolor.models.color import infinity_as_nan, luma, srgb_to_lab
from kinemacolor.models.networks.imagenet import normalised, restored

__all__ = ["PaintedChroma", "at_luma"]


class PaintedChroma(nn.Module):
    """Gives a*, b*, as `grey_input.GreyInput` wants it.

    The network's picture becomes the nearest one with the grey's luma (`at_luma`), and of that a* and b* are taken. So
    what the network thinks of light and dark is not used.

    Args:
        network: Takes and gives R'G'B', normalised as of ImageNet.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, grey: Tensor) -> Tensor:
        """(B, 3, H, W) grey R'G'B' in [0, 1] to (B, 2, H, W) CIELAB a*, b*; NaN where the network gives no colour."""
        coloured = infinity_as_nan(restored(self.network(normalised(grey))))
        return srgb_to_lab(at_luma(coloured.clamp(0.0, 1.0), grey))[:, 1:].contiguous()


def at_luma(coloured: Tensor, grey: Tensor) -> Tensor:
    """The chroma of one picture with the luma of another, inside the gamut.

    Differences to luma are carried over, as the authors' exchange of Y' does; where they lead out of the gamut they are
    made smaller all three together, so that luma and hue stay, and black and white have no colour.

    Args:
        coloured: (..., 3, H, W) R'G'B' in [0, 1].
        grey: (..., 3, H, W) grey R'G'B' in [0, 1].

    Returns:
        (..., 3, H, W) R'G'B' in [0, 1].
    """
    difference = coloured - luma(coloured)
    room = torch.where(difference > 0, 1.0 - grey, grey).clamp_min(0.0)
    share = (room / difference.abs().clamp_min(1e-6)).amin(dim=-3, keepdim=True).clamp_max(1.0)
    return (grey + share * difference).clamp(0.0, 1.0)
