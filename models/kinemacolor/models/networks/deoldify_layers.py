"""Layers of the U-Nets of DeOldify that no other network has. Our own code from the layout of the authors' files."""

from torch import Tensor, nn

from kinemacolor.models.networks.normed_convs import SpectralConv
from kinemacolor.models.networks.shuffle_up import twice_up
from kinemacolor.models.networks.skip_up import conv_layer, first_norm, joined

__all__ = ["DeepBlock", "Refine"]


class DeepBlock(nn.Module):
    """One step up of the deep network; of the wide one it is `skip_up.SkipUp`."""

    def __init__(self, inside: int, skip: int, outside: int, *, attention: bool) -> None:
        super().__init__()
        self.shuf = twice_up(inside, inside // 2)
        self.bn = first_norm(skip)
        self.conv1 = conv_layer(inside // 2 + skip, outside)
        self.conv2 = conv_layer(outside, outside, attention=attention)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, C, H, W) and a skip (B, S, H', W'), H' about 2 H, to (B, C', H', W')."""
        y: Tensor = self.conv2(self.conv1(joined(self.shuf(x), self.bn(skip))))
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
