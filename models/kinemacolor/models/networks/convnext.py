"""Liu, Mao, Wu, Feichtenhofer, Darrell, Xie 2022, "A ConvNet for the 2020s": the encoder of DDColor.

Our own code from the paper and the layout of the authors' files. What those ask for and the papers do not say: each
stage is followed by a normalisation whose result is the skip, while the next stage goes on from what came before it;
the normalisation `norm` behind the last stage is in the files and is not used.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ConvNext"]

_EPSILON = 1e-6
_EXPANSION = 4
_LAYER_SCALE = 1e-6
"""At the start of training."""
_STEM_STRIDE = 4


class _ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Shape kept."""
        y = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return y.permute(0, 3, 1, 2)


class _Block(nn.Module):
    """7 x 7 convolution of each channel, then two layers over the channels, beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=_EPSILON)
        self.pwconv1 = nn.Linear(channels, _EXPANSION * channels)
        self.pwconv2 = nn.Linear(_EXPANSION * channels, channels)
        self.gamma = nn.Parameter(torch.full((channels,), _LAYER_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W), shape kept."""
        y: Tensor = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        change: Tensor = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + change.permute(0, 3, 1, 2)


class ConvNext(nn.Module):
    """Four stages.

    Args:
        depths: Blocks of each stage.
        widths: Channels of each stage.
    """

    def __init__(self, depths: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, widths[0], _STEM_STRIDE, _STEM_STRIDE), _ChannelNorm(widths[0]))
        between = [
            nn.Sequential(_ChannelNorm(inside), nn.Conv2d(inside, outside, 2, 2))
            for inside, outside in pairwise(widths)
        ]
        self.downsample_layers = nn.ModuleList([stem, *between])
        self.stages = nn.ModuleList(
            nn.Sequential(*(_Block(width) for _ in range(depth))) for depth, width in zip(depths, widths, strict=True)
        )
        self.norm0, self.norm1, self.norm2, self.norm3 = (_ChannelNorm(width) for width in widths)
        self.norm = nn.LayerNorm(widths[-1], eps=_EPSILON)
        self.apply(_begin)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The skips.

        Args:
            x: (B, 3, H, W), H and W multiples of 32.

        Returns:
            (B, widths[i], H / s, W / s) with s = 4, 8, 16, 32.
        """
        one = self.stages[0](self.downsample_layers[0](x))
        two = self.stages[1](self.downsample_layers[1](one))
        three = self.stages[2](self.downsample_layers[2](two))
        four = self.stages[3](self.downsample_layers[3](three))
        return self.norm0(one), self.norm1(two), self.norm2(three), self.norm3(four)


def _begin(module: nn.Module) -> None:
    """Weights at the start of training, as in the paper's appendix."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
