"""Enlarging by shuffling, as in the decoders of DeOldify, which DDColor's pixel decoder took over.

Our own code after Shi et al. 2016 (sub-pixel convolution), Aitken et al. 2017 (its beginning) and Sugawara et al. 2018
(the mean that takes its checkerboard), in the layout of the authors' files: ReLU comes before the shuffle, the mean
behind it, always.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.networks.normed_convs import SpectralConv, WeightNormConv

__all__ = ["ShuffleUp", "twice_up"]

_STRIP_NUMBERS = 1 << 24
"""Of the widest layer at a time: 64 MB in float32."""


class ShuffleUp(nn.Module):
    """Enlarge: 1 x 1 convolution, perhaps a norm, ReLU, channels spread over squares, mean over 2 x 2.

    Args:
        convolution: To scale^2 times the channels that are wanted; those of one square begin alike.
        norms: What stands behind it.
        scale: Of both sides.
    """

    def __init__(self, convolution: SpectralConv | WeightNormConv, *norms: nn.Module, scale: int = 2) -> None:
        super().__init__()
        self._scale = scale
        convolution.begin_alike(scale**2)
        self.conv = nn.Sequential(convolution, *norms)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', scale H, scale W)."""
        return _spread(F.relu(self.conv(x), inplace=True), self._scale)

    def mixed(self, x: Tensor, mixing: Tensor) -> Tensor:
        """What `forward` gives, mixed to few channels, without ever having all of them at full size.

        Behind the ReLU everything is linear in the channels, so they are mixed first and spread afterwards: DDColor has
        256 of them at the size of the picture, 268 MB at 512 x 512, and four copies on the way.

        Args:
            x: (B, C, H, W).
            mixing: (B, K, C').

        Returns:
            (B, K, scale H, scale W).
        """
        width = mixing.shape[2] * self._scale**2 * x.shape[0] * x.shape[3]
        strips = torch.split(x, max(1, _STRIP_NUMBERS // width), dim=2)
        return _spread(torch.cat([self._mix(strip, mixing) for strip in strips], dim=2), self._scale)

    def _mix(self, x: Tensor, mixing: Tensor) -> Tensor:
        """(B, K scale^2, H, W) in the order of `pixel_shuffle`."""
        channels = F.relu(self.conv(x), inplace=True)
        batch, _, height, width = channels.shape
        squares = channels.reshape(batch, mixing.shape[2], self._scale**2, height, width)
        return torch.einsum("bkc,bcshw->bkshw", mixing, squares).flatten(1, 2)


def twice_up(inside: int, outside: int) -> ShuffleUp:
    """To twice the size; normed spectrally, then by batch."""
    return ShuffleUp(SpectralConv(inside, 4 * outside, 1), nn.BatchNorm2d(4 * outside))


def _spread(x: Tensor, scale: int) -> Tensor:
    """(B, C scale^2, H, W) to (B, C, scale H, scale W)."""
    # Under one name: at the full size each copy is a gigabyte at DeOldify's render factor 60.
    x = F.pixel_shuffle(x, scale)
    x = F.pad(x, (1, 0, 1, 0), mode="replicate")
    return F.avg_pool2d(x, 2, stride=1)  # mean of each sample with those above and to the left of it
