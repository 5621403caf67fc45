"""Simonyan, Zisserman 2015, "Very Deep Convolutional Networks", configuration E up to `conv5_2`, as `favc` uses it.

Our own code from the paper and from what Lei and Chen's program does with it: R'G'B' in codes of 0 to 255 less the mean
colour of ImageNet, **average** pooling, and what each block's second layer gives divided by 255.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["VGG19_CHANNELS", "VGG19_CONVOLUTIONS", "Vgg19"]

VGG19_CONVOLUTIONS = (2, 2, 4, 4, 2)
"""Of the blocks; the last one has two more in the paper, which nothing here asks for."""
_GROWTH = (1, 2, 4, 8, 8)
_WIDTH = 64
VGG19_CHANNELS = tuple(_WIDTH * growth for growth in _GROWTH)
"""Of the features, block by block."""
_MEAN_CODES = (123.68, 116.779, 103.939)
_FULL_SCALE = 255.0
_TAP = 2


class Vgg19(nn.Module):
    """The network. 15,304,768 parameters.

    Args:
        width: Channels of the first block; the paper's is 64.
    """

    def __init__(self, width: int = _WIDTH) -> None:
        super().__init__()
        channels = [3, *(width * growth for growth in _GROWTH)]
        for block, ((inside, outside), count) in enumerate(
            zip(pairwise(channels), VGG19_CONVOLUTIONS, strict=True), start=1
        ):
            for number in range(1, count + 1):
                layer = nn.Conv2d(inside if number == 1 else outside, outside, 3, padding=1)
                self.add_module(f"conv{block}_{number}", layer)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Features.

        Args:
            rgb: (B, 3, H, W) R'G'B' in [0, 1].

        Returns:
            Of each block's second layer, finest first: (B, C, H / 2^i, W / 2^i), sides rounded up.
        """
        x = rgb * _FULL_SCALE - torch.tensor(_MEAN_CODES, dtype=rgb.dtype, device=rgb.device).view(1, 3, 1, 1)
        taps = []
        for block, count in enumerate(VGG19_CONVOLUTIONS, start=1):
            if block > 1:
                # TensorFlow's SAME: a window over the border is the mean of what is inside.
                x = F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
            for number in range(1, count + 1):
                x = F.relu(self.get_submodule(f"conv{block}_{number}")(x))
                if number == _TAP:
                    taps.append(x / _FULL_SCALE)
        return taps
