"""Where the training of `favc` begins: with networks that pass a picture through.

From noise it takes thousands of steps until a picture comes out at all. Here three channels of the finest level carry
one through, grey to all four colour pictures, or a mean of a frame and the one carried to it to the refined one; all
other channels are random as ever, weaker in the last layer, and all that makes the picture another is learned.
"""

import torch
from torch import Tensor

from kinemacolor.models.networks.favc import VARIANTS, FavcColour, FavcRefine

__all__ = ["begin_as_grey", "begin_as_mean"]

_CARRIED, _COLOUR = 3, 6
"""Where in the planes of the refinement the carried picture and the frame's own lie."""
_REST = 0.1
"""What the last layer is multiplied by before."""


@torch.no_grad()
def begin_as_grey(net: FavcColour) -> None:
    """Set the channels of a colour network."""
    inside = net.layer("conv1_1").in_channels
    _carry(net, torch.eye(3, inside).roll(inside - 3, dims=1), VARIANTS)  # the grey picture lies behind the features


@torch.no_grad()
def begin_as_mean(net: FavcRefine, share: float) -> None:
    """Set the channels of a refinement network.

    Args:
        net: The network; changed.
        share: Of the frame before, in [0, 1).

    Raises:
        ValueError: The share is out of range.
    """
    if not 0.0 <= share < 1.0:
        raise ValueError(f"expected a share in [0, 1), found {share:g}")
    one = torch.eye(3, net.layer("conv1_1").in_channels)
    _carry(net, share * one.roll(_CARRIED, dims=1) + (1.0 - share) * one.roll(_COLOUR, dims=1), 1)


def _carry(net: FavcColour | FavcRefine, taken: Tensor, pictures: int) -> None:
    """From the planes that `taken` (3, C) says to each of the pictures that come out."""
    skip = net.layer("conv9_1").in_channels
    last = net.layer("conv9_2")
    last.weight *= _REST
    _pass_on(net, "conv1_1", taken)
    _pass_on(net, "conv1_2", torch.eye(3, net.layer("conv1_2").in_channels))
    _pass_on(net, "conv9_1", torch.eye(3, skip).roll(skip // 2, dims=1))  # the finer level lies behind what came up
    middle = last.kernel_size[0] // 2
    last.weight[:, :3] = 0.0
    last.weight[:, :3, middle, middle] = torch.eye(3).repeat(pictures, 1)


def _pass_on(net: FavcColour | FavcRefine, name: str, matrix: Tensor) -> None:
    layer = net.layer(name)
    middle = layer.kernel_size[0] // 2
    layer.weight[:3] = 0.0
    layer.weight[:3, :, middle, middle] = matrix
