"""Layers of the frame network `kinema`."""

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ConvBlock", "SelfAttention", "UpBlock"]

_HEADS = 4
_EXPANSION = 2


class ConvBlock(nn.Module):
    """Convolution, batch norm, ReLU; without `norm` the convolution has a bias, as after folding."""

    def __init__(self, channels: tuple[int, int], kernel: int, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels[0], channels[1], kernel, padding=kernel // 2, bias=not norm)
        self.norm = nn.BatchNorm2d(channels[1]) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H, W), non-negative."""
        return F.relu(self.norm(self.conv(x)))


class UpBlock(nn.Module):
    """Doubles the resolution: narrow, enlarge, add the trunk's tap, then 3x3 blocks."""

    def __init__(self, channels: tuple[int, int], skip: int, widths: tuple[int, ...], norm: bool) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(channels[0], channels[1], 1)
        self.skip = ConvBlock((skip, channels[1]), 1, norm)
        steps = zip((channels[1], *widths[:-1]), widths, strict=True)
        self.blocks = nn.Sequential(*(ConvBlock(pair, 3, norm) for pair in steps))

    def forward(self, x: Tensor, tap: Tensor) -> Tensor:
        """(B, C, h, w) and the tap (B, S, 2h, 2w) to (B, widths[-1], 2h, 2w)."""
        enlarged = F.interpolate(self.narrow(x), size=tap.shape[-2:], mode="bilinear", align_corners=False)
        y: Tensor = self.blocks(enlarged + self.skip(tap))
        return y


class SelfAttention(nn.Module):
    """One block of a transformer over the places of a picture (Vaswani et al. 2017; norm first, Xiong et al. 2020).

    Starts as the identity. There is no code of position: the trunk's borders tell enough, and any size may come.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm_mix = nn.LayerNorm(channels)
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.mix = nn.Linear(channels, channels)
        self.norm_expand = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, _EXPANSION * channels)
        self.contract = nn.Linear(_EXPANSION * channels, channels)
        for last in (self.mix, self.contract):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, h, w)."""
        count, channels, height, width = x.shape
        places = x.permute(0, 2, 3, 1).reshape(count, height * width, channels)
        parts = self.query_key_value(self.norm_mix(places))
        parts = parts.view(count, height * width, 3, _HEADS, channels // _HEADS).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        seen = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(places.shape)
        places = places + self.mix(seen)
        places = places + self.contract(F.gelu(self.expand(self.norm_expand(places))))
        y: Tensor = places.view(count, height, width, channels).permute(0, 3, 1, 2)
        return y
