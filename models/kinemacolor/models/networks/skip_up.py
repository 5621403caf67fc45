"""A step up of a U-Net in the manner of DeOldify: enlarge, join with a skip, convolve.

DDColor's pixel decoder has the same. What the authors' files ask for: batch norm comes after ReLU; where sizes differ,
what was enlarged is brought to the size of the skip by its nearest samples.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.networks.attention import SelfAttention
from kinemacolor.models.networks.normed_convs import SpectralConv
from kinemacolor.models.networks.shuffle_up import twice_up

__all__ = ["SkipUp", "conv_layer", "first_norm", "joined"]

_NORM_BIAS = 1e-3
"""Of batch norms that stand alone, before training: fastai's."""


def conv_layer(inside: int, outside: int, *, attention: bool = False) -> nn.Sequential:
    """3 x 3 convolution, ReLU, batch norm, perhaps self-attention."""
    layers = [SpectralConv(inside, outside, 3), nn.ReLU(inplace=True), nn.BatchNorm2d(outside)]
    return nn.Sequential(*layers, *([SelfAttention(outside)] if attention else []))


def first_norm(channels: int) -> nn.BatchNorm2d:
    """A batch norm that no convolution stands before."""
    norm = nn.BatchNorm2d(channels)
    nn.init.constant_(norm.bias, _NORM_BIAS)
    return norm


def joined(large: Tensor, skip: Tensor) -> Tensor:
    """What was enlarged and a skip that was normed, of the skip's size."""
    if large.shape[-2:] != skip.shape[-2:]:
        large = F.interpolate(large, size=skip.shape[-2:], mode="nearest")
    return F.relu(torch.cat((large, skip), dim=1), inplace=True)


class SkipUp(nn.Module):
    """Enlarge by two and join with a skip of about that size.

    Args:
        inside: Channels from below.
        skip: Channels of the skip.
        outside: Channels.
        attention: Whether self-attention stands at the end.
    """

    def __init__(self, inside: int, skip: int, outside: int, *, attention: bool = False) -> None:
        super().__init__()
        self.shuf = twice_up(inside, outside)
        self.bn = first_norm(skip)
        self.conv = conv_layer(outside + skip, outside, attention=attention)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, inside, H, W) and (B, skip, H', W'), H' about 2 H, to (B, outside, H', W')."""
        y: Tensor = self.conv(joined(self.shuf(x), self.bn(skip)))
        return y
