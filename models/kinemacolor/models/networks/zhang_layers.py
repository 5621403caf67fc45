"""What the two networks of Zhang et al. share: their blocks and their units."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

__all__ = ["AB_UNIT", "LIGHTNESS_UNIT", "conv_block", "lightness_unit"]

AB_UNIT = 110.0
"""CIELAB units of a*, b* for 1.0 of the networks."""
LIGHTNESS_UNIT = 100.0
"""CIE L* for 1.0 of the networks."""
_L_CENTRE = 50.0


def lightness_unit(lightness: Tensor) -> Tensor:
    """CIE L* as the networks take it: -0.5 to 0.5."""
    return (lightness - _L_CENTRE) / LIGHTNESS_UNIT


def conv_block(
    channels: Sequence[int], *, last_stride: int = 1, dilation: int = 1, first_relu: bool = False
) -> nn.Sequential:
    """3 x 3 convolutions with ReLU, then one batch norm, numbered as in the authors' files.

    Args:
        channels: In, then out of each convolution.
        last_stride: Of the last convolution.
        dilation: Of all; the size stays.
        first_relu: Begin with a ReLU, after the sum of a skip.
    """
    layers: list[nn.Module] = [nn.ReLU()] if first_relu else []
    last = len(channels) - 2
    for index, (inside, outside) in enumerate(pairwise(channels)):
        stride = last_stride if index == last else 1
        layers += [nn.Conv2d(inside, outside, 3, stride, dilation, dilation), nn.ReLU()]
    return nn.Sequential(*layers, nn.BatchNorm2d(channels[-1]))
