"""Layers of the U-Nets of DeOldify: normed convolutions, enlarging by shuffling, the blocks of the decoder.

Our own code from the layout of the authors' files. What the files ask for: batch norm comes after ReLU; in enlarging
ReLU comes before the shuffle and the blur behind it, always; where sizes differ, what was enlarged is brought to the
size of the skip by its nearest samples.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.networks.attention import SelfAttention
from kinemacolor.models.networks.normed_convs import SpectralConv, WeightNormConv

__all__ = ["DeepBlock", "Enlarge", "LastEnlarge", "Refine", "WideBlock", "conv_layer", "first_norm"]

_SCALE = 2
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


def _shuffled(x: Tensor) -> Tensor:
    """(B, 4 C, H, W) to (B, C, 2 H, 2 W): ReLU, shuffle (Shi et al. 2016), mean with the samples above and left."""
    # In place and under one name: at the full size each copy is a gigabyte at render factor 60.
    x = F.pixel_shuffle(F.relu(x, inplace=True), _SCALE)
    x = F.pad(x, (1, 0, 1, 0), mode="replicate")
    return F.avg_pool2d(x, 2, stride=1)


def _alike(weight: Tensor) -> Tensor:
    """ICNR (Aitken et al. 2017): the four samples that become one square begin alike."""
    quarter = nn.init.kaiming_normal_(torch.empty_like(weight[:: _SCALE**2]))
    return quarter.repeat_interleave(_SCALE**2, dim=0)


class Enlarge(nn.Module):
    """To twice the size; normed spectrally, then by batch."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        convolution = SpectralConv(inside, outside * _SCALE**2, 1)
        with torch.no_grad():
            convolution.weight_orig.copy_(_alike(convolution.weight_orig))
        convolution.estimate()
        self.conv = nn.Sequential(convolution, nn.BatchNorm2d(outside * _SCALE**2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', 2 H, 2 W)."""
        return _shuffled(self.conv(x))


class LastEnlarge(nn.Module):
    """To twice the size; normed by length, with bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        convolution = WeightNormConv(channels, channels * _SCALE**2)
        convolution.point(_alike(convolution.weight_v.detach()))
        self.conv = nn.Sequential(convolution)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, 2 H, 2 W)."""
        return _shuffled(self.conv(x))


def _joined(large: Tensor, skip: Tensor) -> Tensor:
    """What was enlarged and a skip that was normed, of the skip's size."""
    if large.shape[-2:] != skip.shape[-2:]:
        large = F.interpolate(large, size=skip.shape[-2:], mode="nearest")
    return F.relu(torch.cat((large, skip), dim=1), inplace=True)


class WideBlock(nn.Module):
    """One step up of the wide network."""

    def __init__(self, inside: int, skip: int, outside: int, *, attention: bool) -> None:
        super().__init__()
        self.shuf = Enlarge(inside, outside)
        self.bn = first_norm(skip)
        self.conv = conv_layer(outside + skip, outside, attention=attention)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, C, H, W) and a skip (B, S, H', W'), H' about 2 H, to (B, C', H', W')."""
        y: Tensor = self.conv(_joined(self.shuf(x), self.bn(skip)))
        return y


class DeepBlock(nn.Module):
    """One step up of the deep network."""

    def __init__(self, inside: int, skip: int, outside: int, *, attention: bool) -> None:
        super().__init__()
        self.shuf = Enlarge(inside, inside // 2)
        self.bn = first_norm(skip)
        self.conv1 = conv_layer(inside // 2 + skip, outside)
        self.conv2 = conv_layer(outside, outside, attention=attention)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, C, H, W) and a skip (B, S, H', W'), H' about 2 H, to (B, C', H', W')."""
        y: Tensor = self.conv2(self.conv1(_joined(self.shuf(x), self.bn(skip))))
        return y


class Refine(nn.Module):
    """Two convolutions with bias and ReLU, without batch norm, beside the identity; keys `layers.N.0.*`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        both = [nn.Sequential(SpectralConv(channels, channels, 3, bias=True), nn.ReLU(inplace=True)) for _ in range(2)]
        self.layers = nn.ModuleList(both)

    def forward(self, x: Tensor) -> Tensor:
        """Shape kept."""
        y = x
        for layer in self.layers:
            y = layer(y)
        return x + y
